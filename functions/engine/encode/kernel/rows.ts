import { AT_TAB, LINE_END, TAB, copy, place, readTo, writtenTo } from './bytes.ts';
import { FIELD_BYTES, TEXT_FORM, formOf, writeKey, writeNull } from './fields.ts';
import { general } from './host.ts';
import { writeCopyText } from './text.ts';
import { writeValue } from './values.ts';

/** Type and length of a message: https://www.postgresql.org/docs/current/protocol-message-formats.html */
const COPY_DATA: u8 = 0x64;
const HEADER_BYTES: usize = 5;
const MOST_ROW_BYTES: usize = 16 * 1024;
/** `\N`, low byte first. */
const NULL_TEXT: u16 = 0x4e5c;
const DIGITS_OF_ORDINAL: usize = 12;

/** Where the field that begins at `i` ends: the next tab, or `rowEnd`. */
function fieldEnd(i: usize, rowEnd: usize): usize {
  for (; i < rowEnd; i += 16) {
    const tabs = i8x16.bitmask(i8x16.eq(v128.load(i), i8x16.splat(TAB as i8)));
    if (tabs != 0) return min(i + ctz(tabs), rowEnd);
  }
  return rowEnd;
}

function writeField(field: usize, index: i32, i: usize, rowEnd: usize, o: usize): u64 {
  if (load<u16>(i) == NULL_TEXT) return place(i + 2, writeNull(field, o));
  const form = formOf(field);
  if (form == TEXT_FORM) return writeCopyText(i, rowEnd, o);
  const at = writeValue(form, i, AT_TAB, o);
  if (at != 0) return at;
  const stop = fieldEnd(i, rowEnd);
  const end = general(index, i, stop, o);
  return end == 0 ? 0 : place(stop, end);
}

/** Writes the fields of the row `[i, rowEnd)`; returns where that ends, or 0. */
function writeFields(fields: usize, count: i32, i: usize, rowEnd: usize, o: usize): usize {
  for (let index = 0; index < count; index++, fields += FIELD_BYTES) {
    if (index > 0) {
      if (load<u8>(i) != TAB) return 0;
      i++;
    }
    const at = writeField(fields, index, i, rowEnd, writeKey(fields, o));
    if (at == 0) return 0;
    i = readTo(at);
    o = writtenTo(at);
  }
  return i == rowEnd ? o : 0;
}

/** Adds one to the hex number whose last digit is at `last`, in place. */
function countUp(last: usize): void {
  for (let at = last; at > last - DIGITS_OF_ORDINAL; at--) {
    const digit = load<u8>(at);
    if (digit != 0x66) {
      store<u8>(at, digit == 0x39 ? 0x61 : digit + 1);
      return;
    }
    store<u8>(at, 0x30);
  }
}

/**
 * Encodes the CopyData messages at `[from, to)`, one row of COPY text each, until one is cut off, is something else or is unusual, or `limit` was reached. `tail` ends
 * every record; `lastDigit`: of the ordinal in it, 0 without one. Stores at `result` where it stopped reading and writing, and how many rows that were.
 */
export function encodeRows(
  fields: usize,
  count: i32,
  tail: usize,
  tailBytes: usize,
  lastDigit: usize,
  from: usize,
  to: usize,
  out: usize,
  limit: usize,
  result: usize,
): void {
  let rows: u32 = 0;
  while (out < limit && from + HEADER_BYTES <= to && load<u8>(from) == COPY_DATA) {
    const length: usize = bswap(load<u32>(from + 1));
    const rowEnd = from + length;
    // A length beyond all bounds wraps around: it is no row either.
    if (length < HEADER_BYTES || length > MOST_ROW_BYTES || rowEnd >= to || load<u8>(rowEnd) != LINE_END) break;
    const end = writeFields(fields, count, from + HEADER_BYTES, rowEnd, out);
    if (end == 0) break;
    if (lastDigit != 0) countUp(lastDigit);
    copy(tail, end, tailBytes);
    out = end + tailBytes;
    from = rowEnd + 1;
    rows++;
  }
  store<u32>(result, from as u32);
  store<u32>(result, out as u32, 4);
  store<u32>(result, rows, 8);
}
