import { copy, digitsAt, endsAt, place } from './bytes.ts';

const MINUS: u8 = 0x2d;
/** `true`, `fals`, low byte first. */
const TRUE: u32 = 0x65757274;
const FALS: u32 = 0x736c6166;

/** Where the digits that begin at `i` end, at `stop` at the latest. */
function digitsEnd(i: usize, stop: usize): usize {
  let count: i32;
  do {
    count = digitsAt(i);
    i += count;
  } while (count == 16);
  return min(i, stop);
}

/** A number in JSON's grammar (RFC 8259 section 6) as it is. */
export function writeNumber(start: usize, stop: usize, o: usize): u64 {
  let i = start;
  if (load<u8>(i) == MINUS) i++;
  const integer = digitsEnd(i, stop);
  // No digits, or a zero that leads others.
  if (integer <= i || (integer > i + 1 && load<u8>(i) == 0x30)) return 0;
  i = integer;
  if (i < stop && load<u8>(i) == 0x2e) {
    const fraction = digitsEnd(i + 1, stop);
    if (fraction <= i + 1) return 0;
    i = fraction;
  }
  if (i < stop && load<u8>(i) == 0x65) {
    i++;
    const sign = load<u8>(i);
    if (sign == 0x2b || sign == MINUS) i++;
    const exponent = digitsEnd(i, stop);
    if (exponent <= i) return 0;
    i = exponent;
  }
  if (!endsAt(i, stop)) return 0;
  copy(start, o, i - start);
  return place(i, o + (i - start));
}

/** `t` and `f`. */
export function writeBoolean(i: usize, stop: usize, o: usize): u64 {
  const c = load<u8>(i);
  if (!endsAt(i + 1, stop)) return 0;
  if (c == 0x74) {
    store<u32>(o, TRUE);
    return place(i + 1, o + 4);
  }
  if (c != 0x66) return 0;
  store<u32>(o, FALS);
  store<u8>(o + 4, 0x65);
  return place(i + 1, o + 5);
}
