import type { ByteWriter } from './byte-writer.ts';
import { CHUNK, writeCopySpecial } from './json-string.ts';

const TAB = 0x09;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FALS = 0x736c6166;
const TRUE = 0x65757274;

/** Text as a JSON string. Throws `UnreadableValueError` for an escape that COPY does not have. */
export function copyText(bytes: Buffer, view: DataView, start: number, end: number, out: ByteWriter): number {
  out.bytes[out.length++] = QUOTE;
  const stop = copyRun(bytes, view, start, end, out);
  out.bytes[out.length++] = QUOTE;
  return stop;
}

/** Text of any size as a JSON string; `end` is where the field ends. Reserves as it goes. */
export function copyLargeText(bytes: Buffer, view: DataView, start: number, end: number, out: ByteWriter): void {
  out.writeByte(QUOTE);
  for (let i = start; i < end;) {
    const stop = i + CHUNK < end ? wholeEscapes(bytes, i, i + CHUNK) : end;
    out.reserve((stop - i) * 6 + 4);
    i = copyRun(bytes, view, i, stop, out);
  }
  out.writeByte(QUOTE);
}

/** `stop`, or the byte before it if an escape would be cut there: after an odd number of backslashes. `start` is not inside of an escape. */
function wholeEscapes(bytes: Buffer, start: number, stop: number): number {
  let i = stop;
  while (i > start && bytes[i - 1] === BACKSLASH) i--;
  return (stop - i) % 2 === 0 ? stop : stop - 1;
}

/**
 * Copies up to the tab or to `end`. Four bytes are tested at once (https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord): only the
 * lowest flag is exact, and it is the one that is used.
 */
function copyRun(bytes: Buffer, view: DataView, start: number, end: number, out: ByteWriter): number {
  const target = out.bytes;
  const targetView = out.view;
  let i = start;
  let o = out.length;
  for (;;) {
    let c = 0x20;
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
      c = bytes[i] ?? 0;
    } else {
      if (i >= end) break;
      c = bytes[i] ?? 0;
      if (c >= 0x20 && c !== QUOTE && c !== BACKSLASH) {
        target[o++] = c;
        i++;
        continue;
      }
    }
    if (c === TAB) break;
    if (c === QUOTE) {
      target[o] = BACKSLASH;
      target[o + 1] = QUOTE;
      o += 2;
      i++;
    } else {
      o = writeCopySpecial(bytes, i, end, target, o);
      i += c === BACKSLASH ? 2 : 1;
    }
  }
  out.length = o;
  return i;
}

/** A number in JSON's grammar as it is. */
export function copyNumber(bytes: Buffer, _view: DataView, start: number, end: number, out: ByteWriter): number {
  const target = out.bytes;
  let o = out.length;
  let i = start;
  // What may come next: a digit must (0), more digits may (1), after the point a digit must (2) or more may (3), after the exponent's letter (4), its sign (5), its digits (6).
  let state = 0;
  for (; i < end; i++) {
    const c = bytes[i] ?? 0;
    if (c >= 0x30 && c <= 0x39) {
      if (state === 0) state = 1;
      else if (state === 2) state = 3;
      else if (state === 4 || state === 5) state = 6;
    } else if (c === TAB) break;
    else if (c === 0x2e && state === 1) state = 2;
    else if (c === 0x65 && (state === 1 || state === 3)) state = 4;
    else if (c === 0x2d && i === start) state = 0;
    else if ((c === 0x2b || c === 0x2d) && state === 4) state = 5;
    else return -1;
    target[o++] = c;
  }
  if (state !== 1 && state !== 3 && state !== 6) return -1;
  // A zero may not lead other digits.
  const first = bytes[start] === 0x2d ? start + 1 : start;
  const second = first + 1 < i ? (bytes[first + 1] ?? 0) : 0;
  if (bytes[first] === 0x30 && second >= 0x30 && second <= 0x39) return -1;
  out.length = o;
  return i;
}

/** `t` and `f`. */
export function copyBoolean(bytes: Buffer, _view: DataView, start: number, end: number, out: ByteWriter): number {
  if (start >= end || (start + 1 < end && bytes[start + 1] !== TAB)) return -1;
  const c = bytes[start];
  if (c === 0x74) {
    out.view.setInt32(out.length, TRUE, true);
    out.length += 4;
  } else if (c === 0x66) {
    out.view.setInt32(out.length, FALS, true);
    out.bytes[out.length + 4] = 0x65;
    out.length += 5;
  } else return -1;
  return start + 1;
}
