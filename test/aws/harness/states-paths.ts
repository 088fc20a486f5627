import { evaluateIntrinsic } from './states-intrinsics.ts';
import { StatesError } from './states-error.ts';
import { isArray, isObject } from './json.ts';
import type { Json, JsonObject } from './json.ts';

/** What paths of a state look at. */
export interface Scope {
  readonly input: Json;
  /** The context object, `$$`. */
  readonly context: JsonObject;
}

const ALL = Symbol('[*]');
type Step = string | number | typeof ALL;

/** The value at a path; undefined if there is none. `$$` looks at the context object. Of JSONPath: fields, indexes and `[*]`. */
export function valueAt(path: string, scope: Scope): Json | undefined {
  const [root, steps] = parsePath(path);
  return follow(root === '$$' ? scope.context : scope.input, steps);
}

/** The value at a path. Throws `States.ParameterPathFailure` if there is none. */
export function requiredAt(path: string, scope: Scope): Json {
  const value = valueAt(path, scope);
  if (value === undefined) {
    throw new StatesError(
      'States.ParameterPathFailure',
      `The JSONPath '${path}' could not be found in the input '${JSON.stringify(scope.input).slice(0, 1_000)}'`,
    );
  }
  return value;
}

/** A payload template (Parameters, ItemSelector, ResultSelector): fields whose names end in `.$` are paths or intrinsic functions. */
export function applyTemplate(template: Json, scope: Scope): Json {
  if (isArray(template)) return template.map((entry) => applyTemplate(entry, scope));
  if (!isObject(template)) return template;
  return Object.fromEntries(
    Object.entries(template).map(([name, value]) => {
      if (!name.endsWith('.$')) return [name, applyTemplate(value, scope)];
      if (typeof value !== 'string') throw new StatesError('States.Runtime', `The value of ${name} is no string`);
      return [name.slice(0, -2), evaluate(value, scope)];
    }),
  );
}

/** A path or an intrinsic function. */
export function evaluate(expression: string, scope: Scope): Json {
  return expression.startsWith('$')
    ? requiredAt(expression, scope)
    : evaluateIntrinsic(expression, (path) => requiredAt(path, scope));
}

/** InputPath and OutputPath: null is an empty object, absent is everything. */
export function selectPath(path: Json | undefined, scope: Scope): Json {
  if (path === undefined) return scope.input;
  if (path === null) return {};
  if (typeof path !== 'string') throw new StatesError('States.Runtime', 'A path is no string');
  return requiredAt(path, scope);
}

/** ResultPath: null drops the result, absent or `$` replaces the input, a path puts the result into it. */
export function placeResult(path: Json | undefined, input: Json, result: Json): Json {
  if (path === undefined || path === '$') return result;
  if (path === null) return input;
  if (typeof path !== 'string') throw new StatesError('States.Runtime', 'ResultPath is no string');
  const [root, steps] = parsePath(path);
  if (root !== '$' || steps.includes(ALL)) throw new StatesError('States.Runtime', `${path} is no reference path`);
  return put(input, steps, result, path);
}

function put(value: Json, steps: readonly Step[], result: Json, path: string): Json {
  const [step, ...rest] = steps;
  if (step === undefined) return result;
  if (typeof step !== 'string' || !isObject(value)) {
    throw new StatesError('States.ResultPathMatchFailure', `Unable to apply step '${String(step)}' of ${path} to the input`);
  }
  return { ...value, [step]: put(value[step] ?? {}, rest, result, path) };
}

function follow(value: Json | undefined, steps: readonly Step[]): Json | undefined {
  const [step, ...rest] = steps;
  if (step === undefined || value === undefined) return value;
  if (step === ALL) {
    const values = isArray(value) ? value : isObject(value) ? Object.values(value) : [];
    return values.flatMap((entry) => follow(entry, rest) ?? []);
  }
  if (typeof step === 'number') return isArray(value) ? follow(value.at(step), rest) : undefined;
  return isObject(value) ? follow(value[step], rest) : undefined;
}

/** Throws `States.Runtime` for what JSONPath has beyond fields, indexes and `[*]`. */
function parsePath(path: string): readonly ['$' | '$$', readonly Step[]] {
  const root = path.startsWith('$$') ? '$$' : '$';
  const pattern = /\.([^\s.[\]'"()*?@]+)|\.(\*)|\[(-?\d+)\]|\[(\*)\]|\['((?:[^'\\]|\\.)*)'\]/gy;
  const steps: Step[] = [];
  pattern.lastIndex = root.length;
  while (pattern.lastIndex < path.length) {
    const match = pattern.exec(path);
    if (match === null || !path.startsWith('$'))
      throw new StatesError('States.Runtime', `This interpreter does not know the path ${path}`);
    const [, field, everyField, index, every, quoted] = match;
    if (field !== undefined) steps.push(field);
    else if (everyField !== undefined || every !== undefined) steps.push(ALL);
    else if (index !== undefined) steps.push(Number(index));
    else if (quoted !== undefined) steps.push(quoted.replaceAll(/\\(.)/g, '$1'));
  }
  return [root, steps];
}
