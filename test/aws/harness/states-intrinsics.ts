import { createHash, randomUUID } from 'node:crypto';
import { isArray, isObject, parseJson, sameJson } from './json.ts';
import type { Json } from './json.ts';
import { StatesError } from './states-error.ts';

/** The value of an intrinsic function call such as `States.Format('{}-{}', $.a, 1)`; arguments may be paths, literals and calls. Throws `States.IntrinsicFailure`. */
export function evaluateIntrinsic(expression: string, resolve: (path: string) => Json): Json {
  const reader = new Reader(expression, resolve);
  const value = reader.value();
  reader.end();
  return value;
}

type Intrinsic = (args: readonly Json[]) => Json;

const INTRINSICS: Readonly<Record<string, Intrinsic>> = {
  'States.Format': ([template, ...values]) => {
    let at = 0;
    const text = textOf(template).replaceAll('{}', () => {
      const value = values[at++];
      if (value === undefined) throw failure('States.Format has fewer arguments than places');
      return typeof value === 'string' ? value : JSON.stringify(value);
    });
    if (at !== values.length) throw failure('States.Format has more arguments than places');
    return text;
  },
  'States.StringToJson': ([text]) => {
    try {
      return parseJson(textOf(text));
    } catch {
      throw failure('States.StringToJson was given no JSON');
    }
  },
  'States.JsonToString': ([value]) => JSON.stringify(value ?? null),
  'States.Array': (args) => args,
  'States.ArrayLength': ([list]) => listOf(list).length,
  'States.ArrayGetItem': ([list, index]) => listOf(list)[numberOf(index)] ?? raise('States.ArrayGetItem: no such index'),
  'States.ArrayContains': ([list, value]) => listOf(list).some((entry) => sameJson(entry, value)),
  'States.ArrayUnique': ([list]) =>
    listOf(list).filter((entry, at, all) => all.findIndex((other) => sameJson(other, entry)) === at),
  'States.ArrayRange': ([from, to, step]) => {
    const [first, last, by] = [numberOf(from), numberOf(to), numberOf(step)];
    if (by === 0) throw failure('States.ArrayRange with a step of 0');
    return Array.from({ length: Math.max(Math.floor((last - first) / by) + 1, 0) }, (_, at) => first + at * by);
  },
  'States.ArrayPartition': ([list, size]) => {
    const [all, count] = [listOf(list), numberOf(size)];
    if (count < 1) throw failure('States.ArrayPartition with a size below 1');
    return Array.from({ length: Math.ceil(all.length / count) }, (_, at) => all.slice(at * count, (at + 1) * count));
  },
  'States.JsonMerge': ([a, b, deep]) => {
    if (!isObject(a) || !isObject(b) || deep !== false) throw failure('States.JsonMerge takes two objects and false');
    return { ...a, ...b };
  },
  'States.UUID': () => randomUUID(),
  'States.Hash': ([value, algorithm]) =>
    createHash(textOf(algorithm).replace('-', '').toLowerCase())
      .update(typeof value === 'string' ? value : JSON.stringify(value ?? null))
      .digest('hex'),
  'States.Base64Encode': ([text]) => Buffer.from(textOf(text)).toString('base64'),
  'States.Base64Decode': ([text]) => Buffer.from(textOf(text), 'base64').toString(),
  'States.StringSplit': ([text, separators]) => {
    const apart = new Set(textOf(separators));
    const parts = [''];
    for (const character of textOf(text)) {
      if (apart.has(character)) parts.push('');
      else parts.push(`${parts.pop() ?? ''}${character}`);
    }
    return parts.filter((part) => part !== '');
  },
  'States.MathAdd': ([a, b]) => numberOf(a) + numberOf(b),
  'States.MathRandom': ([from, to]) => numberOf(from) + Math.floor(Math.random() * (numberOf(to) - numberOf(from))),
};

class Reader {
  readonly #text: string;
  readonly #resolve: (path: string) => Json;
  #at = 0;

  constructor(text: string, resolve: (path: string) => Json) {
    this.#text = text;
    this.#resolve = resolve;
  }

  value(): Json {
    const text = this.#take(/\s*'((?:[^'\\]|\\.)*)'\s*/y);
    if (text !== undefined) return text.replaceAll(/\\(.)/g, '$1');
    const name = this.#take(/\s*(States\.[A-Za-z0-9]+)\(/y);
    if (name !== undefined) return this.#call(name);
    const path = this.#take(/\s*(\$[^,)\s]*)\s*/y);
    if (path !== undefined) return this.#resolve(path);
    const literal = this.#take(/\s*(-?\d+(?:\.\d+)?|true|false|null)\s*/y);
    if (literal !== undefined) return parseJson(literal);
    throw failure(`cannot read ${this.#text} at ${this.#at}`);
  }

  end(): void {
    if (this.#at !== this.#text.length) throw failure(`cannot read ${this.#text} at ${this.#at}`);
  }

  #call(name: string): Json {
    const args: Json[] = [];
    if (this.#take(/\s*(\))\s*/y) === undefined) {
      do args.push(this.value());
      while (this.#take(/(,)/y) !== undefined);
      if (this.#take(/(\))\s*/y) === undefined) throw failure(`cannot read ${this.#text} at ${this.#at}`);
    }
    const intrinsic = INTRINSICS[name];
    if (intrinsic === undefined) throw failure(`This interpreter does not know ${name}`);
    return intrinsic(args);
  }

  /** The first group of what matches here. */
  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match[1];
  }
}

function failure(message: string): StatesError {
  return new StatesError('States.IntrinsicFailure', message);
}

function raise(message: string): never {
  throw failure(message);
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : raise(`${JSON.stringify(value)} is no string`);
}

function numberOf(value: Json | undefined): number {
  return typeof value === 'number' ? value : raise(`${JSON.stringify(value)} is no number`);
}

function listOf(value: Json | undefined): readonly Json[] {
  return isArray(value) ? value : raise(`${JSON.stringify(value)} is no array`);
}
