import type { ByteWriter } from './byte-writer.ts';
import { UnreadableValueError } from './unreadable-value.ts';

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');

/** `t`, `f` (boolean), `1`, `0` (bit(1)) or a JSON literal (wal2json) as a JSON literal. */
export function writeBoolean(bytes: Buffer, start: number, end: number, out: ByteWriter): void {
  const first = start < end ? (bytes[start] ?? 0) : 0;
  if (end - start === 1 ? first === 0x74 || first === 0x31 : equals(bytes, start, end, TRUE)) out.writeBytes(TRUE, 0, 4);
  else if (end - start === 1 ? first === 0x66 || first === 0x30 : equals(bytes, start, end, FALSE)) out.writeBytes(FALSE, 0, 5);
  else throw new UnreadableValueError();
}

/**
 * A json or jsonb value in place. PostgreSQL has checked that it is valid; json keeps line breaks and tabs between its tokens, which would
 * break a line of JSON Lines, so they become blanks. Inside JSON strings they cannot occur.
 */
export function writeNestedJson(bytes: Buffer, start: number, end: number, out: ByteWriter): void {
  if (start === end) throw new UnreadableValueError();
  out.reserve(end - start);
  const target = out.bytes;
  let o = out.length;
  for (let i = start; i < end; i++) {
    const c = bytes[i] ?? 0;
    target[o++] = c < 0x20 ? 0x20 : c;
  }
  out.length = o;
}

/** Whether `bytes[start, end)` is exactly `text`. */
export function equals(bytes: Buffer, start: number, end: number, text: Buffer): boolean {
  if (end - start !== text.length) return false;
  for (let k = 0; k < text.length; k++) if (bytes[start + k] !== text[k]) return false;
  return true;
}
