import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { redacted } from '../../functions/engine/config/redact.ts';
import { ReplicationError } from '../../functions/engine/model/errors.ts';
import { EXAMPLE, tryLoad } from './example.ts';

type Path = readonly (string | number)[];

const SECRET = 'S3cr3t-hunter2';

function pathsOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, Array.isArray(value) ? Number(key) : key])),
  ];
}

/** A copy with the value at `path` replaced, removed (undefined), or put under another key. */
function change(value: unknown, path: Path, to: { readonly value: unknown } | { readonly key: string }): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return 'value' in to ? to.value : value;
  if (Array.isArray(value)) return value.map((inner: unknown, index) => (index === step ? change(inner, rest, to) : inner));
  return Object.fromEntries(
    Object.entries(value as object).flatMap(([key, inner]): [string, unknown][] => {
      if (key !== step) return [[key, inner]];
      if (rest.length === 0 && 'key' in to) return [[to.key, inner]];
      const changed = change(inner, rest, to);
      return changed === undefined ? [] : [[key, changed]];
    }),
  );
}

const VALID: unknown = parse(EXAMPLE.replace('{ env: SHOP_PASSWORD }', SECRET));
const PATHS = pathsOf(VALID).filter((path) => path.length > 0);

const anyValue = fc.oneof(
  fc.constant(undefined),
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom<unknown>(
    '',
    ' ',
    '*',
    '\0',
    '"',
    '__proto__',
    'constructor',
    '[table_name]',
    'file:',
    's3://',
    -1,
    0,
    1e300,
    NaN,
    Infinity,
    { env: '' },
    { __proto__: 1 },
  ),
);
const mutation = fc.record({
  path: fc.constantFrom(...PATHS),
  to: fc.oneof(
    anyValue.map((value) => ({ value })),
    fc.string({ maxLength: 20 }).map((key) => ({ key })),
  ),
});

test('whatever is put into a file, loading it ends in a configuration or in an error with a remedy, and shows no password', () => {
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
      const mutated = mutations.reduce<unknown>(
        (value, { path, to }) => (hasPath(value, path) && !touchesSecret(path) ? change(value, path, to) : value),
        VALID,
      );

      const outcome = tryLoad(stringify(mutated));

      if (outcome instanceof ReplicationError) {
        expect(['config-invalid', 'config-unreadable']).toContain(outcome.code);
        expect(outcome.message).not.toContain(SECRET);
      } else {
        expect(JSON.stringify([redacted(outcome.config), outcome.config, outcome.warnings])).not.toContain(SECRET);
      }
    }),
    { numRuns: 400 },
  );
});

test('however the text of a file is damaged, loading it ends in a configuration or in an error with a remedy', () => {
  const damage = fc.record({
    at: fc.nat(EXAMPLE.length),
    remove: fc.nat(30),
    insert: fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.constantFrom('\n', '\t', '&a ', '*a', '<<: ', '{', ']', '---\n', '%YAML 9\n', '!!binary ', '? ', '"', '|'),
    ),
  });
  fc.assert(
    fc.property(fc.array(damage, { minLength: 1, maxLength: 5 }), (damages) => {
      const text = damages.reduce((now, { at, remove, insert }) => now.slice(0, at) + insert + now.slice(at + remove), EXAMPLE);

      const outcome = tryLoad(text);

      if (outcome instanceof ReplicationError) expect(outcome.code).toBe('config-invalid');
      else expect(outcome.config.integrations.length).toBeGreaterThan(0);
    }),
    { numRuns: 400 },
  );
});

function hasPath(value: unknown, path: Path): boolean {
  return (
    path.length === 0 ||
    (typeof value === 'object' &&
      value !== null &&
      Object.hasOwn(value, path[0] ?? '') &&
      hasPath((value as Record<string, unknown>)[path[0] ?? ''], path.slice(1)))
  );
}

/** Renaming the key of the password, or moving it, makes it another setting's value. */
function touchesSecret(path: Path): boolean {
  return path.includes('password');
}
