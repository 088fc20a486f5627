import type { ByteWriter } from './byte-writer.ts';
import { CHUNK, writeCopySpecial } from './json-string.ts';

const TAB = 0x09;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** A field of COPY text, of any size, as a JSON string; `end` is where it ends. Reserves as it goes. Throws `UnreadableValueError` for an escape that COPY does not have. */
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
