import type { ScratchStack } from './byte-writer.ts';
import { UnreadableValueError } from './unreadable-value.ts';

const TAB = 0x09;
const BACKSLASH = 0x5c;
/** From this size on the runtime's search is worth its call. */
const LONG = 1024;

/** What the letter after a backslash stands for in what COPY TO writes; 0 where there is no such escape. https://www.postgresql.org/docs/current/sql-copy.html */
const ESCAPES = new Uint8Array(256);
for (const [letter, byte] of [
  ['b', 0x08],
  ['f', 0x0c],
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', TAB],
  ['v', 0x0b],
  ['\\', BACKSLASH],
] as const) {
  ESCAPES[letter.charCodeAt(0)] = byte;
}

/** Where the field that begins at `start` ends: its tab, or `end`. */
export function fieldEnd(bytes: Buffer, start: number, end: number): number {
  return indexOf(bytes, start, end, TAB);
}

/** Where the first such byte is in `bytes[start, end)`, or `end`. */
function indexOf(bytes: Buffer, start: number, end: number, byte: number): number {
  if (end - start > LONG) {
    const length = bytes.subarray(start, end).indexOf(byte);
    return length < 0 ? end : start + length;
  }
  let i = start;
  while (i < end && bytes[i] !== byte) i++;
  return i;
}

/** Whether the field is `\N`; a backslash of a value is always doubled, so nothing else is. */
export function isNull(bytes: Buffer, start: number, stop: number): boolean {
  return stop - start === 2 && bytes[start] === BACKSLASH && bytes[start + 1] === 0x4e;
}

/** Puts the field without COPY's escapes on top of the scratch stack and returns its length; -1, with nothing pushed, if it has none. */
export function pushUnescaped(bytes: Buffer, start: number, stop: number, scratch: ScratchStack): number {
  let i = indexOf(bytes, start, stop, BACKSLASH);
  if (i === stop) return -1;
  scratch.reserve(stop - start);
  const target = scratch.bytes;
  const from = scratch.top;
  bytes.copy(target, from, start, i);
  let o = from + i - start;
  while (i < stop) {
    const c = bytes[i] ?? 0;
    if (c !== BACKSLASH) {
      target[o++] = c;
      i++;
      continue;
    }
    const byte = i + 1 < stop ? (ESCAPES[bytes[i + 1] ?? 0] ?? 0) : 0;
    if (byte === 0) throw new UnreadableValueError();
    target[o++] = byte;
    i += 2;
  }
  scratch.top = o;
  return o - from;
}
