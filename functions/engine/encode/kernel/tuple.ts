import { copy, writtenTo } from './bytes.ts';
import { FIELD_BYTES, TEXT_FORM, columnOf, formOf, writeKey, writeNull } from './fields.ts';
import { general } from './host.ts';
import { writeText } from './text.ts';
import { writeValue } from './values.ts';

/** Of a field that the relation does not have. */
const NO_COLUMN: usize = 0xffffffff;
/** FIELD of `model/log-change.ts`; what is beyond them was not sent. */
const NULL_STATE: u8 = 0;
const TEXT_STATE: u8 = 1;
const BILLION: u64 = 1_000_000_000;

/** Writes decimal digits, at least `least`; returns where they end. */
function writeDigits(value: u32, least: i32, o: usize): usize {
  let count = 1;
  for (let rest = value; rest >= 10; rest /= 10) count++;
  const end = o + max(count, least);
  for (let at = end; at > o; value /= 10) store<u8>(--at, 0x30 + (value % 10));
  return end;
}

function writeUnsigned(value: u64, o: usize): usize {
  if (value < BILLION) return writeDigits(value as u32, 1, o);
  const high = value / BILLION;
  const end =
    high < BILLION
      ? writeDigits(high as u32, 1, o)
      : writeDigits((high % BILLION) as u32, 9, writeDigits((high / BILLION) as u32, 1, o));
  return writeDigits((value % BILLION) as u32, 9, end);
}

/** Writes a value of plain text; returns where it ends, or 0. */
function writePlain(field: usize, index: i32, i: usize, stop: usize, o: usize): usize {
  const form = formOf(field);
  if (form == TEXT_FORM) return writeText(i, stop, o);
  const at = i < stop ? writeValue(form, i, stop, o) : 0;
  return at == 0 ? general(index, i, stop, o) : writtenTo(at);
}

/**
 * Encodes a tuple of the log, whose values are plain text at `base + starts[column]` to `base + ends[column]`. `head` stands before the sequence, `rest` behind it.
 * A value that was not sent is left out, or sends the row back to the host (`whenUnsent` 0). Returns where the record ends, or 0.
 */
export function encodeTuple(
  fields: usize,
  count: i32,
  states: usize,
  starts: usize,
  ends: usize,
  base: usize,
  whenUnsent: i32,
  head: usize,
  headBytes: usize,
  sequence: u64,
  rest: usize,
  restBytes: usize,
  out: usize,
): usize {
  let o = out;
  for (let index = 0; index < count; index++, fields += FIELD_BYTES) {
    const column = columnOf(fields);
    if (column == NO_COLUMN) continue;
    const state = load<u8>(states + column);
    if (state > TEXT_STATE) {
      if (whenUnsent == 0) return 0;
      continue;
    }
    o = writeKey(fields, o);
    if (state == NULL_STATE) {
      o = writeNull(fields, o);
      continue;
    }
    o = writePlain(fields, index, base + load<u32>(starts + (column << 2)), base + load<u32>(ends + (column << 2)), o);
    if (o == 0) return 0;
  }
  copy(head, o, headBytes);
  o = writeUnsigned(sequence, o + headBytes);
  copy(rest, o, restBytes);
  // Every member begins with a comma, also the first one.
  store<u8>(out, 0x7b);
  return o + restBytes;
}
