import type { ByteWriter } from './byte-writer.ts';
import { UnreadableValueError } from './unreadable-value.ts';

const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const PAD = 0x3d;
const QUOTE = 0x22;

/** Value of a hex digit, or -1. */
const NIBBLE = new Int8Array(256).fill(-1);
for (let value = 0; value < 16; value++) {
  NIBBLE[value.toString(16).charCodeAt(0)] = value;
  NIBBLE[value.toString(16).toUpperCase().charCodeAt(0)] = value;
}

/** `\x` and hex digits (`bytea_output=hex`) as a base64 string with padding. */
export function writeBytea(bytes: Buffer, start: number, end: number, out: ByteWriter): void {
  const digits = end - start - 2;
  if (digits < 0 || digits % 2 !== 0 || bytes[start] !== 0x5c || bytes[start + 1] !== 0x78) throw new UnreadableValueError();
  out.reserve(Math.ceil(digits / 6) * 4 + 2);
  const target = out.bytes;
  let o = out.length;
  // An invalid digit makes the union of all reads negative: one check at the end.
  let seen = 0;
  let i = start + 2;
  target[o++] = QUOTE;
  for (; i + 6 <= end; i += 6) {
    const a = byteAt(bytes, i);
    const b = byteAt(bytes, i + 2);
    const c = byteAt(bytes, i + 4);
    seen |= a | b | c;
    target[o] = ALPHABET[(a >> 2) & 63] ?? 0;
    target[o + 1] = ALPHABET[((a & 3) << 4) | ((b >> 4) & 15)] ?? 0;
    target[o + 2] = ALPHABET[((b & 15) << 2) | ((c >> 6) & 3)] ?? 0;
    target[o + 3] = ALPHABET[c & 63] ?? 0;
    o += 4;
  }
  if (i < end) {
    const a = byteAt(bytes, i);
    const b = i + 2 < end ? byteAt(bytes, i + 2) : 0;
    seen |= a | b;
    target[o] = ALPHABET[(a >> 2) & 63] ?? 0;
    target[o + 1] = ALPHABET[((a & 3) << 4) | ((b >> 4) & 15)] ?? 0;
    target[o + 2] = i + 2 < end ? (ALPHABET[(b & 15) << 2] ?? 0) : PAD;
    target[o + 3] = PAD;
    o += 4;
  }
  if (seen < 0) throw new UnreadableValueError();
  target[o++] = QUOTE;
  out.length = o;
}

/** The byte of two hex digits; negative if either is none. */
function byteAt(bytes: Buffer, i: number): number {
  return ((NIBBLE[bytes[i] ?? 0] ?? -1) << 4) | (NIBBLE[bytes[i + 1] ?? 0] ?? -1);
}
