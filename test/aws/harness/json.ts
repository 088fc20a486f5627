/** JSON as states, events and templates carry it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = Readonly<Record<string, Json>>;

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** What `text` says; throws `SyntaxError`. */
export function parseJson(text: string): Json {
  return JSON.parse(text) as Json;
}

/** A field that must be an object. */
export function objectAt(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  if (!isObject(value)) throw new Error(`${name} is no object: ${describe(value)}`);
  return value;
}

/** A field that must be text. */
export function textAt(object: JsonObject, name: string): string {
  const value = object[name];
  if (typeof value !== 'string') throw new Error(`${name} is no string: ${describe(value)}`);
  return value;
}

/** A field that may be absent but must be a list if it is there; a single value counts as a list of one. */
export function listAt(object: JsonObject, name: string): readonly Json[] {
  const value = object[name];
  return value === undefined ? [] : isArray(value) ? value : [value];
}

/** A list of texts, or one text. */
export function textsAt(object: JsonObject, name: string): readonly string[] {
  return listAt(object, name).map((value) => {
    if (typeof value !== 'string') throw new Error(`${name} has no string: ${describe(value)}`);
    return value;
  });
}

/** A field that must be a number if it is there. */
export function numberAt(object: JsonObject, name: string, fallback: number): number {
  const value = object[name] ?? fallback;
  if (typeof value !== 'number') throw new Error(`${name} is no number: ${describe(value)}`);
  return value;
}

/** Equal as JSON: fields in any order. */
export function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (isArray(a) && isArray(b)) return a.length === b.length && a.every((value, index) => sameJson(value, b[index]));
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => sameJson(a[name], b[name]));
}

function describe(value: Json | undefined): string {
  return value === undefined ? 'absent' : JSON.stringify(value).slice(0, 100);
}
