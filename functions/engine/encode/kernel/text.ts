import { LINE_END, TAB, place } from './bytes.ts';

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
/** `\"`, low byte first. */
const ESCAPED_QUOTE: u16 = 0x225c;
/** `\u00`, low byte first. */
const ESCAPED_CONTROL: u32 = 0x3030755c;

/** Which of sixteen bytes cannot stand in a JSON string: control characters, quotes and backslashes, a bit for each. */
export function specialsOf(bytes: v128): i32 {
  const controls = i8x16.lt_u(bytes, i8x16.splat(0x20));
  const quotes = i8x16.eq(bytes, i8x16.splat(0x22));
  return i8x16.bitmask(v128.or(v128.or(controls, quotes), i8x16.eq(bytes, i8x16.splat(0x5c))));
}

/** Writes the escape of a control character; returns where it ends. */
export function writeControl(c: u8, o: usize): usize {
  let letter: u16 = 0;
  if (c == 0x0a) letter = 0x6e;
  else if (c == 0x0d) letter = 0x72;
  else if (c == TAB) letter = 0x74;
  else if (c == 0x08) letter = 0x62;
  else if (c == 0x0c) letter = 0x66;
  if (letter != 0) {
    store<u16>(o, (letter << 8) | (BACKSLASH as u16));
    return o + 2;
  }
  const low: u8 = c & 15;
  store<u32>(o, ESCAPED_CONTROL);
  store<u8>(o + 4, 0x30 + (c >> 4));
  store<u8>(o + 5, low < 10 ? 0x30 + low : 0x57 + low);
  return o + 6;
}

/** Letters after a backslash that mean the same in COPY text and in JSON. */
function isSameInJson(letter: u8): bool {
  return letter == 0x6e || letter == BACKSLASH || letter == 0x74 || letter == 0x72 || letter == 0x62 || letter == 0x66;
}

/** A field of COPY text as a JSON string, up to its tab or to the end of its row at `rowEnd`. COPY's escapes: https://www.postgresql.org/docs/current/sql-copy.html */
export function writeCopyText(i: usize, rowEnd: usize, o: usize): u64 {
  store<u8>(o++, QUOTE);
  for (;;) {
    const bytes = v128.load(i);
    v128.store(o, bytes);
    const specials = specialsOf(bytes);
    if (specials == 0) {
      i += 16;
      o += 16;
      continue;
    }
    const clean = ctz(specials);
    i += clean;
    o += clean;
    const c = load<u8>(i);
    if (c == TAB || (c == LINE_END && i >= rowEnd)) break;
    if (c == QUOTE) {
      store<u16>(o, ESCAPED_QUOTE);
      o += 2;
      i++;
    } else if (c == BACKSLASH) {
      const letter = load<u8>(i + 1);
      if (isSameInJson(letter)) {
        store<u16>(o, ((letter as u16) << 8) | (BACKSLASH as u16));
        o += 2;
      } else if (letter == 0x76) {
        o = writeControl(0x0b, o);
      } else {
        return 0;
      }
      i += 2;
    } else {
      o = writeControl(c, o);
      i++;
    }
  }
  store<u8>(o, QUOTE);
  return place(i, o + 1);
}

/** The plain text `[i, stop)` as a JSON string; returns where that ends. */
export function writeText(i: usize, stop: usize, o: usize): usize {
  store<u8>(o++, QUOTE);
  for (;;) {
    const bytes = v128.load(i);
    v128.store(o, bytes);
    const specials = specialsOf(bytes);
    const clean: usize = specials == 0 ? 16 : ctz(specials);
    if (i + clean >= stop) break;
    i += clean;
    o += clean;
    if (specials == 0) continue;
    const c = load<u8>(i++);
    if (c == QUOTE || c == BACKSLASH) {
      store<u16>(o, ((c as u16) << 8) | (BACKSLASH as u16));
      o += 2;
    } else {
      o = writeControl(c, o);
    }
  }
  o += stop - i;
  store<u8>(o, QUOTE);
  return o + 1;
}
