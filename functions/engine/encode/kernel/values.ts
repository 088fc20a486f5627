import { writeArray } from './arrays.ts';
import { writeScalar } from './scalar-forms.ts';

/** Added to the form of an array's elements. */
const ARRAY_FORM: u32 = 16;

/** Any form but text. */
export function writeValue(form: u32, i: usize, stop: usize, o: usize): u64 {
  return form >= ARRAY_FORM ? writeArray(form - ARRAY_FORM, i, stop, o) : writeScalar(form, i, stop, o);
}
