import { AT_TAB, LINE_END, TAB, endsAt, place, readTo, writtenTo } from './bytes.ts';
import { TEXT_FORM } from './fields.ts';
import { specialsOf, writeControl } from './text.ts';
import { writeScalar } from './scalar-forms.ts';

const OPEN: u8 = 0x7b;
const CLOSE: u8 = 0x7d;
const COMMA: u8 = 0x2c;
const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
/** `NULL` and `null`, low byte first. */
const NULL_ELEMENT: u32 = 0x4c4c554e;
const NULL_JSON: u32 = 0x6c6c756e;

/** Whether a field of COPY text ends with this byte: within it, it is escaped. */
function endsField(c: u8, stop: usize): bool {
  return stop == AT_TAB && (c == TAB || c == LINE_END);
}

/** Text up to its closing quote, or (`isQuoted` false) up to the comma or brace behind it; escapes are for the host. */
function writeTextElement(i: usize, stop: usize, o: usize, isQuoted: bool): u64 {
  store<u8>(o++, QUOTE);
  while (i < stop) {
    const bytes = v128.load(i);
    v128.store(o, bytes);
    let ends = specialsOf(bytes);
    if (!isQuoted) {
      const commas = i8x16.eq(bytes, i8x16.splat(COMMA as i8));
      ends |= i8x16.bitmask(v128.or(commas, i8x16.eq(bytes, i8x16.splat(CLOSE as i8))));
    }
    const clean: usize = ends == 0 ? 16 : ctz(ends);
    i += clean;
    o += clean;
    if (ends == 0 || i >= stop) continue;
    const c = load<u8>(i);
    if (c == BACKSLASH || endsField(c, stop)) return 0;
    if (c == QUOTE || c == COMMA || c == CLOSE) {
      if ((c == QUOTE) != isQuoted) return 0;
      store<u8>(o, QUOTE);
      return place(isQuoted ? i + 1 : i, o + 1);
    }
    o = writeControl(c, o);
    i++;
  }
  return 0;
}

/** Any other element. */
function writeOtherElement(form: u32, i: usize, stop: usize, o: usize, isQuoted: bool): u64 {
  let end = i;
  for (; ; end++) {
    if (end >= stop) return 0;
    const c = load<u8>(end);
    if (c == BACKSLASH || endsField(c, stop)) return 0;
    if (isQuoted ? c == QUOTE : c == COMMA || c == CLOSE) break;
  }
  const at = end == i ? 0 : writeScalar(form, i, end, o);
  return at == 0 ? 0 : place(isQuoted ? end + 1 : end, writtenTo(at));
}

function writeElement(form: u32, i: usize, stop: usize, o: usize): u64 {
  const isQuoted = load<u8>(i) == QUOTE;
  if (isQuoted) i++;
  else {
    const next = load<u8>(i + 4);
    if (load<u32>(i) == NULL_ELEMENT && i + 4 < stop && (next == COMMA || next == CLOSE)) {
      store<u32>(o, NULL_JSON);
      return place(i + 4, o + 4);
    }
    // Empty strings are quoted.
    if (load<u8>(i) == COMMA || load<u8>(i) == CLOSE) return 0;
  }
  return form == TEXT_FORM ? writeTextElement(i, stop, o, isQuoted) : writeOtherElement(form, i, stop, o, isQuoted);
}

/** An array of any depth, without bounds and without escapes, as a JSON array: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
export function writeArray(form: u32, i: usize, stop: usize, o: usize): u64 {
  let depth = 0;
  while (i < stop) {
    if (load<u8>(i) == OPEN) {
      store<u8>(o++, 0x5b);
      depth++;
      i++;
      if (i >= stop || load<u8>(i) != CLOSE) continue;
    } else {
      const at = depth == 0 ? 0 : writeElement(form, i, stop, o);
      if (at == 0) return 0;
      i = readTo(at);
      o = writtenTo(at);
    }
    while (i < stop && load<u8>(i) == CLOSE) {
      store<u8>(o++, 0x5d);
      i++;
      if (--depth == 0) return endsAt(i, stop) ? place(i, o) : 0;
    }
    if (i >= stop || load<u8>(i) != COMMA) return 0;
    store<u8>(o++, COMMA);
    i++;
  }
  return 0;
}
