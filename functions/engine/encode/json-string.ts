import { recentViewOf } from './byte-writer.ts';
import type { ByteWriter } from './byte-writer.ts';
import { UnreadableValueError } from './unreadable-value.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const HEX = Buffer.from('0123456789abcdef');

/** Source bytes that are escaped between two reservations: bounds what is reserved for the worst case of six bytes for one. */
export const CHUNK = 8192;

/** JSON's short escapes: the letter after the backslash, by control character; 0 where there is none. */
const SHORT_ESCAPE = new Uint8Array(256);
for (const [byte, letter] of [
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [QUOTE, '"'],
  [BACKSLASH, '\\'],
] as const) {
  SHORT_ESCAPE[byte] = letter.charCodeAt(0);
}

/** Letters after a backslash that mean the same in COPY text and in JSON. */
const SAME_IN_COPY_AND_JSON = new Uint8Array(256);
for (const letter of 'bfnrt\\') SAME_IN_COPY_AND_JSON[letter.charCodeAt(0)] = 1;

/** Writes plain UTF-8 text of any size as a JSON string. */
export function writeString(bytes: Buffer, start: number, end: number, out: ByteWriter): void {
  const view = recentViewOf(bytes);
  out.writeByte(QUOTE);
  for (let i = start; i < end; i += CHUNK) {
    const stop = Math.min(end, i + CHUNK);
    // What four bytes at once overshoot included.
    out.reserve((stop - i) * 6 + 4);
    writeRun(bytes, view, i, stop, out);
  }
  out.writeByte(QUOTE);
}

/** Four bytes at once, as in `copyRun`. */
function writeRun(bytes: Buffer, view: DataView, start: number, end: number, out: ByteWriter): void {
  const target = out.bytes;
  const targetView = out.view;
  let o = out.length;
  let i = start;
  while (i < end) {
    if (i + 4 <= end) {
      const four = view.getInt32(i, true);
      targetView.setInt32(o, four, true);
      const quotes = four ^ 0x22222222;
      const backslashes = four ^ 0x5c5c5c5c;
      const flags =
        (((four - 0x20202020) & ~four) | ((quotes - 0x01010101) & ~quotes) | ((backslashes - 0x01010101) & ~backslashes)) &
        0x80808080;
      if (flags === 0) {
        i += 4;
        o += 4;
        continue;
      }
      const clean = (31 - Math.clz32(flags & -flags)) >>> 3;
      i += clean;
      o += clean;
    }
    const c = bytes[i++] ?? 0;
    if (c >= 0x20 && c !== QUOTE && c !== BACKSLASH) target[o++] = c;
    else o = writeEscape(target, o, c);
  }
  out.length = o;
}

/** Writes the byte or COPY escape at `i` that cannot stand in a JSON string as it is; returns the new length of `target`. */
export function writeCopySpecial(bytes: Buffer, i: number, end: number, target: Buffer, o: number): number {
  const c = bytes[i] ?? 0;
  if (c !== BACKSLASH) return writeEscape(target, o, c);
  const letter = i + 1 < end ? (bytes[i + 1] ?? 0) : 0;
  if (SAME_IN_COPY_AND_JSON[letter] === 1) {
    target[o] = BACKSLASH;
    target[o + 1] = letter;
    return o + 2;
  }
  // COPY TO writes no other escape than these: https://www.postgresql.org/docs/current/sql-copy.html
  if (letter !== 0x76) throw new UnreadableValueError();
  return writeEscape(target, o, 0x0b);
}

function writeEscape(target: Buffer, o: number, c: number): number {
  target[o] = BACKSLASH;
  const letter = SHORT_ESCAPE[c] ?? 0;
  if (letter !== 0) {
    target[o + 1] = letter;
    return o + 2;
  }
  target[o + 1] = 0x75;
  target[o + 2] = 0x30;
  target[o + 3] = 0x30;
  target[o + 4] = HEX[c >> 4] ?? 0;
  target[o + 5] = HEX[c & 15] ?? 0;
  return o + 6;
}
