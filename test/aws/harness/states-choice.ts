import { isArray, isObject, textAt } from './json.ts';
import type { Json, JsonObject } from './json.ts';
import { StatesError } from './states-error.ts';
import { requiredAt, valueAt } from './states-paths.ts';
import type { Scope } from './states-paths.ts';

type Comparison = (value: Json, operand: Json) => boolean;

const isTimestamp = (value: Json): boolean =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value);
const text =
  (compare: (a: string, b: string) => boolean): Comparison =>
  (a, b) =>
    typeof a === 'string' && typeof b === 'string' && compare(a, b);
const numeric =
  (compare: (a: number, b: number) => boolean): Comparison =>
  (a, b) =>
    typeof a === 'number' && typeof b === 'number' && compare(a, b);
const time = (compare: (a: number, b: number) => boolean): Comparison =>
  text((a, b) => isTimestamp(a) && isTimestamp(b) && compare(Date.parse(a), Date.parse(b)));

/** Comparison operators that have a `Path` form as well (States Language, Choice State). */
const COMPARISONS: Readonly<Record<string, Comparison>> = {
  StringEquals: text((a, b) => a === b),
  StringLessThan: text((a, b) => a < b),
  StringGreaterThan: text((a, b) => a > b),
  StringLessThanEquals: text((a, b) => a <= b),
  StringGreaterThanEquals: text((a, b) => a >= b),
  NumericEquals: numeric((a, b) => a === b),
  NumericLessThan: numeric((a, b) => a < b),
  NumericGreaterThan: numeric((a, b) => a > b),
  NumericLessThanEquals: numeric((a, b) => a <= b),
  NumericGreaterThanEquals: numeric((a, b) => a >= b),
  BooleanEquals: (a, b) => typeof a === 'boolean' && a === b,
  TimestampEquals: time((a, b) => a === b),
  TimestampLessThan: time((a, b) => a < b),
  TimestampGreaterThan: time((a, b) => a > b),
  TimestampLessThanEquals: time((a, b) => a <= b),
  TimestampGreaterThanEquals: time((a, b) => a >= b),
};

/** Tests of the kind of a value; the operand says whether it must hold or must not. */
const KINDS: Readonly<Record<string, (value: Json) => boolean>> = {
  IsNull: (value) => value === null,
  IsString: (value) => typeof value === 'string',
  IsNumeric: (value) => typeof value === 'number',
  IsBoolean: (value) => typeof value === 'boolean',
  IsTimestamp: isTimestamp,
};

const OTHER_FIELDS = new Set(['Variable', 'Next', 'Comment']);

/** Whether a rule of a Choice state holds. Throws for an operator that the States Language does not have; `States.Runtime` where a variable is absent. */
export function choiceHolds(rule: JsonObject, scope: Scope): boolean {
  const operators = Object.keys(rule).filter((name) => !OTHER_FIELDS.has(name));
  const [operator] = operators;
  if (operator === undefined || operators.length > 1) throw new Error(`A choice needs one operator: ${JSON.stringify(rule)}`);
  const operand = rule[operator] ?? null;
  switch (operator) {
    case 'And':
      return rules(operand).every((inner) => choiceHolds(inner, scope));
    case 'Or':
      return rules(operand).some((inner) => choiceHolds(inner, scope));
    case 'Not':
      return !rules([operand]).every((inner) => choiceHolds(inner, scope));
    case 'IsPresent':
      return (valueAt(textAt(rule, 'Variable'), scope) !== undefined) === operand;
    default:
      return compare(operator, variable(rule, scope), operand, scope);
  }
}

function compare(operator: string, value: Json, operand: Json, scope: Scope): boolean {
  const kind = KINDS[operator];
  if (kind !== undefined) return kind(value) === operand;
  if (operator === 'StringMatches') {
    return typeof value === 'string' && typeof operand === 'string' && wildcard(operand).test(value);
  }
  const direct = COMPARISONS[operator];
  if (direct !== undefined) return direct(value, operand);
  const byPath = operator.endsWith('Path') ? COMPARISONS[operator.slice(0, -'Path'.length)] : undefined;
  if (byPath === undefined || typeof operand !== 'string')
    throw new Error(`This interpreter does not know the comparison ${operator}`);
  return byPath(value, requiredAt(operand, scope));
}

function variable(rule: JsonObject, scope: Scope): Json {
  const path = textAt(rule, 'Variable');
  const value = valueAt(path, scope);
  if (value === undefined)
    throw new StatesError(
      'States.Runtime',
      `Invalid path '${path}': The choice state's condition path references an invalid value.`,
    );
  return value;
}

function rules(value: Json): readonly JsonObject[] {
  if (!isArray(value)) throw new Error('And and Or take a list of rules');
  return value.map((rule) => {
    if (!isObject(rule)) throw new Error('A rule of a choice is no object');
    return rule;
  });
}

/** `*` is any run of characters; `\\*` is a star. */
function wildcard(pattern: string): RegExp {
  const source = pattern.replaceAll(
    /\\(.)|(\*)|[^*\\]+/g,
    (part: string, escaped: string | undefined, star: string | undefined) => {
      if (star !== undefined) return '.*';
      return escapeRegExp(escaped ?? part);
    },
  );
  return new RegExp(`^${source}$`, 's');
}

function escapeRegExp(literal: string): string {
  return literal.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
