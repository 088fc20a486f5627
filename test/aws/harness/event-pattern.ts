import { isArray, isObject, sameJson } from './json.ts';
import type { Json, JsonObject } from './json.ts';

/** Whether an event matches a pattern of a rule (docs.aws.amazon.com/eventbridge, event patterns). Throws for a comparison that is not known here. */
export function matchesPattern(pattern: JsonObject, event: Json | undefined): boolean {
  return Object.entries(pattern).every(([name, expected]) => {
    const actual = isObject(event) ? event[name] : undefined;
    if (isObject(expected)) return matchesPattern(expected, actual);
    if (!isArray(expected)) throw new Error(`${name} of an event pattern is no list`);
    const values = isArray(actual) ? actual : [actual];
    return expected.some((rule) => values.some((value) => matchesValue(rule, value)));
  });
}

function matchesValue(rule: Json, value: Json | undefined): boolean {
  if (!isObject(rule)) return sameJson(rule, value);
  const [comparison = ''] = Object.keys(rule);
  const operand = rule[comparison] ?? null;
  switch (comparison) {
    case 'exists':
      return (value !== undefined) === operand;
    case 'prefix':
      return typeof value === 'string' && typeof operand === 'string' && value.startsWith(operand);
    case 'suffix':
      return typeof value === 'string' && typeof operand === 'string' && value.endsWith(operand);
    case 'anything-but':
      return value !== undefined && !(isArray(operand) ? operand : [operand]).some((other) => sameJson(other, value));
    default:
      throw new Error(`This harness does not know ${comparison} of event patterns`);
  }
}

/** What a target of a rule is given: its constant input, the event changed by its transformer, or the event. */
export function targetInput(target: JsonObject, event: JsonObject): Json {
  const { Input: input, InputTransformer: transformer, InputPath: path } = target;
  if (typeof input === 'string') return JSON.parse(input) as Json;
  if (typeof path === 'string') return at(path, event) ?? null;
  if (!isObject(transformer)) return event;
  const paths = isObject(transformer['InputPathsMap']) ? transformer['InputPathsMap'] : {};
  const { InputTemplate: template } = transformer;
  if (typeof template !== 'string') throw new Error('An input transformer needs a template');
  // A place inside of quotes takes bare text, one outside takes JSON.
  const text = template.replaceAll(/"<([^>]+)>"|<([^>]+)>/g, (_, quoted: string | undefined, bare: string | undefined) => {
    const path = paths[quoted ?? bare ?? ''];
    const value = typeof path === 'string' ? at(path, event) : undefined;
    return JSON.stringify(value ?? null);
  });
  return JSON.parse(text) as Json;
}

function at(path: string, event: JsonObject): Json | undefined {
  return path
    .split('.')
    .slice(1)
    .reduce<Json | undefined>((value, name) => (isObject(value) ? value[name] : undefined), event);
}
