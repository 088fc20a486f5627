import { isArray, isObject, listAt, textAt, textsAt } from './json.ts';
import type { Json, JsonObject } from './json.ts';

/** What somebody asks to do. Keys of the context are lower case; of several values IAM makes a set. */
export interface AccessRequest {
  /** `service:Operation`. */
  readonly action: string;
  readonly resource: string;
  readonly context: Readonly<Record<string, readonly string[]>>;
}

export type Decision = 'allowed' | 'not allowed' | 'denied';

/** What identity policies say to a request: a statement that denies wins, one that allows is needed. (docs.aws.amazon.com/IAM, policy evaluation logic.) Conditions that are not known here throw. */
export function decide(statements: readonly JsonObject[], request: AccessRequest): Decision {
  const matching = statements.filter((statement) => applies(statement, request));
  if (matching.some((statement) => statement['Effect'] === 'Deny')) return 'denied';
  return matching.some((statement) => statement['Effect'] === 'Allow') ? 'allowed' : 'not allowed';
}

/** The statements of a policy document. */
export function statementsOf(document: Json | undefined): readonly JsonObject[] {
  return isObject(document) ? listAt(document, 'Statement').filter((entry) => isObject(entry)) : [];
}

const FIELDS = new Set(['Sid', 'Effect', 'Action', 'Resource', 'Condition', 'Principal']);

function applies(statement: JsonObject, request: AccessRequest): boolean {
  const { action, resource } = request;
  for (const name of Object.keys(statement)) {
    if (!FIELDS.has(name)) throw new Error(`This harness does not know ${name} of a policy statement`);
  }
  const actionNamed = textsAt(statement, 'Action').some((pattern) => like(pattern.toLowerCase(), action.toLowerCase()));
  const resourceNamed = textsAt(statement, 'Resource').some((pattern) => like(pattern, resource));
  return actionNamed && resourceNamed && conditionsHold(statement['Condition'], request);
}

function conditionsHold(conditions: Json | undefined, { context }: AccessRequest): boolean {
  if (!isObject(conditions)) return true;
  return Object.entries(conditions).every(([operator, keys]) => {
    if (!isObject(keys)) throw new Error(`${operator} is no object`);
    return Object.keys(keys).every((key) => holds(operator, textsOf(keys, key), context[key.toLowerCase()]));
  });
}

const COMPARISONS: Readonly<Record<string, (pattern: string, value: string) => boolean>> = {
  StringEquals: (pattern, value) => pattern === value,
  StringLike: like,
  ArnEquals: like,
  ArnLike: like,
  NumericLessThan: (pattern, value) => Number(value) < Number(pattern),
  Bool: (pattern, value) => pattern.toLowerCase() === value.toLowerCase(),
};

function holds(written: string, patterns: readonly string[], values: readonly string[] | undefined): boolean {
  const [, set, operator = '', ifExists] = /^(?:(ForAllValues|ForAnyValue):)?(.*?)(IfExists)?$/.exec(written) ?? [];
  if (operator === 'Null') return patterns.includes(String(values === undefined));
  const isNegated = operator.includes('Not');
  const compare = COMPARISONS[operator.replace('Not', '')];
  if (compare === undefined) throw new Error(`This harness does not know the condition ${written}`);
  const one = (value: string): boolean => patterns.some((pattern) => compare(pattern, value)) !== isNegated;
  if (values === undefined) return ifExists !== undefined || set === 'ForAllValues' || (isNegated && set === undefined);
  return set === 'ForAnyValue' ? values.some(one) : values.every(one);
}

function textsOf(object: JsonObject, key: string): readonly string[] {
  const value = object[key];
  return (isArray(value) ? value : [value]).map((entry) => (typeof entry === 'string' ? entry : JSON.stringify(entry)));
}

/** `*` is any run of characters, `?` any one. */
export function like(pattern: string, value: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(value);
}

/** The permissions of a role of a template: inline policies and those that name it. Managed ones of AWS are for networks and logs, which nobody asks for here. */
export function roleStatements(
  role: { readonly id: string; readonly name: string; readonly properties: JsonObject },
  policies: readonly { readonly properties: JsonObject }[],
): readonly JsonObject[] {
  const inline = listAt(role.properties, 'Policies').flatMap((policy) =>
    isObject(policy) ? statementsOf(policy['PolicyDocument']) : [],
  );
  const attached = policies
    .filter(({ properties }) => textsAt(properties, 'Roles').includes(role.name))
    .flatMap(({ properties }) => statementsOf(properties['PolicyDocument']));
  return [...inline, ...attached];
}

/** Whether a resource policy (of a bucket, say) forbids a request. */
export function forbids(document: Json | undefined, request: AccessRequest): boolean {
  return statementsOf(document).some((statement) => textAt(statement, 'Effect') === 'Deny' && applies(statement, request));
}
