import { copy } from './bytes.ts';

/**
 * A field of a program, six words: where its key is, how long that is, its form, the JSON of NULL as four bytes, how many of them count, and which column of a tuple it is.
 * `kernel-program.ts` makes them.
 */
export const FIELD_BYTES: usize = 24;
/** Of `kernel-form.ts`. */
export const TEXT_FORM: u32 = 1;

/** What the field's text is. */
export function formOf(field: usize): u32 {
  return load<u32>(field, 8);
}

/** Its column in a tuple of the log. */
export function columnOf(field: usize): usize {
  return load<u32>(field, 20);
}

/** Writes `,"name":`; returns where that ends. */
export function writeKey(field: usize, o: usize): usize {
  const bytes: usize = load<u32>(field, 4);
  copy(load<u32>(field), o, bytes);
  return o + bytes;
}

/** Writes the JSON of NULL; returns where that ends. */
export function writeNull(field: usize, o: usize): usize {
  store<u32>(o, load<u32>(field, 12));
  return o + load<u32>(field, 16);
}
