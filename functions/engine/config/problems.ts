import type { z } from 'zod';
import { configJsonSchema } from './schema.ts';
import { suggest } from './suggest.ts';
import type { SettingPath } from './yaml-source.ts';

/** Something to say about one setting; `at` is the place that the reader's eye should go to. */
export interface Finding {
  readonly path: SettingPath;
  readonly at: 'key' | 'value';
  readonly text: string;
}

const SECRETS = new Set(['password', 'passphrase', 'privateKey', 'key']);
const SHOWN_LENGTH = 40;

/** `integrations[0].connection.port`. */
export function formatPath(path: SettingPath): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index === 0 ? '' : '.'}${shorten(step)}`))
    .join('');
}

/** `found "x" - allowed <allowed>; did you mean "y"?` */
export function finding(options: {
  readonly path: SettingPath;
  readonly value: unknown;
  readonly allowed: string;
  readonly meant?: string | undefined;
}): Finding {
  const { path, value, allowed, meant } = options;
  return { path, at: 'value', text: `found ${show(value, path)} - allowed ${allowed}${hint(meant)}` };
}

/** The schema's issues, each with what was found, what is allowed and, for words, the nearest right one. */
export function findingsOf(error: z.ZodError, document: unknown): readonly Finding[] {
  const context = { document, schema: configJsonSchema() };
  return error.issues.flatMap((issue) => fromIssue(issue, [], context));
}

interface Context {
  readonly document: unknown;
  readonly schema: SchemaNode;
}

function fromIssue(issue: z.core.$ZodIssue, base: SettingPath, context: Context): readonly Finding[] {
  const path: SettingPath = [...base, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))];
  const value = valueAt(context.document, path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(path, key, context.schema));
    case 'invalid_union': {
      // The alternative that has the right type tells more than "none of them".
      const branches = issue.errors.filter(
        (branch) =>
          !branch.some(({ code, path: inner }) => inner.length === 0 && (code === 'invalid_type' || code === 'invalid_value')),
      );
      const [branch] = branches;
      if (branches.length === 1 && branch !== undefined) return branch.flatMap((inner) => fromIssue(inner, path, context));
      return [finding({ path, value, allowed: issue.message })];
    }
    case 'invalid_value':
      return [
        finding({
          path,
          value,
          allowed: issue.message,
          meant: typeof value === 'string' ? suggest(value, issue.values.map(String)) : undefined,
        }),
      ];
    case 'invalid_type':
      if (issue.expected === 'object') return [block(path, value, `a mapping with ${keysAt(context.schema, path).join(', ')}`)];
      return [issue.expected === 'array' ? block(path, value, issue.message) : finding({ path, value, allowed: issue.message })];
    default:
      return [finding({ path, value, allowed: issue.message })];
  }
}

function unknownKey(path: SettingPath, key: string, schema: SchemaNode): Finding {
  const known = keysAt(schema, path);
  const meant = suggest(key, known);
  // Inside a secret a stray key may be the secret itself.
  const named = isSecret(path) && meant === undefined ? '(not shown)' : key;
  return { path: [...path, named], at: 'key', text: `unknown setting - allowed ${known.join(', ')}${hint(meant)}` };
}

/** Where a whole block was expected text is not repeated: it may be a connection string. */
function block(path: SettingPath, value: unknown, allowed: string): Finding {
  return { path, at: 'value', text: `found ${typeof value === 'string' ? 'text' : show(value, path)} - allowed ${allowed}` };
}

/** A value for a message: short, and never a secret. */
function show(value: unknown, path: SettingPath): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (isSecret(path)) return 'a value that is not shown';
  if (typeof value !== 'string')
    return typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'something else';
  if (/:\/\/[^/]*@|passw|secret\s*[=:]/i.test(value)) return 'text that may hold a password';
  return JSON.stringify(shorten(value));
}

function isSecret(path: SettingPath): boolean {
  return path.some((step) => typeof step === 'string' && SECRETS.has(step));
}

function shorten(text: string): string {
  const characters = Array.from(text.slice(0, 2 * SHOWN_LENGTH + 2));
  const short = characters.length > SHOWN_LENGTH ? `${characters.slice(0, SHOWN_LENGTH).join('')}...` : text;
  return short.replaceAll(/\p{Cc}/gu, '?');
}

function hint(meant: string | undefined): string {
  return meant === undefined ? '' : `; did you mean "${meant}"?`;
}

/** What stands at a path of a parsed document; undefined if there is nothing. */
export function valueAt(document: unknown, path: SettingPath): unknown {
  let value = document;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[step];
  }
  return value;
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

/** Settings that the mapping at a path may have. */
function keysAt(schema: SchemaNode, path: SettingPath): readonly string[] {
  let node: SchemaNode | undefined = schema;
  for (const step of path)
    node = typeof step === 'number' ? inside(node, 'items')?.items : inside(node, 'properties')?.properties?.[step];
  return Object.keys(inside(node, 'properties')?.properties ?? {});
}

function inside(node: SchemaNode | undefined, kind: 'items' | 'properties'): SchemaNode | undefined {
  return node?.[kind] === undefined ? node?.anyOf?.find((branch) => branch[kind] !== undefined) : node;
}
