import type { ByteWriter } from './byte-writer.ts';
import { writeString } from './json-string.ts';
import { equals } from './plain-values.ts';
import { writeQuoted } from './quoted.ts';
import { UnreadableValueError } from './unreadable-value.ts';

const QUOTE = 0x22;
const ARROW = Buffer.from('=>');
const SEPARATOR = Buffer.from(', ');
const NULL = Buffer.from('NULL');
const QUOTING = { rule: 'backslash', write: writeString } as const;

/** `"a"=>"1", "b"=>NULL` as an object of strings and nulls; keys are unique by the type's nature. Facts: https://www.postgresql.org/docs/current/hstore.html */
export function writeHstore(bytes: Buffer, start: number, end: number, out: ByteWriter): void {
  out.writeByte(0x7b);
  let i = start;
  while (i < end) {
    if (i > start) {
      i = expect(bytes, i, end, SEPARATOR);
      out.writeByte(0x2c);
    }
    i = writeText(bytes, i, end, out);
    i = expect(bytes, i, end, ARROW);
    out.writeByte(0x3a);
    if (equals(bytes, i, Math.min(end, i + NULL.length), NULL)) {
      out.writeAscii('null');
      i += NULL.length;
    } else {
      i = writeText(bytes, i, end, out);
    }
  }
  out.writeByte(0x7d);
}

function writeText(bytes: Buffer, start: number, end: number, out: ByteWriter): number {
  if (start >= end || bytes[start] !== QUOTE) throw new UnreadableValueError();
  return writeQuoted(bytes, start + 1, end, QUOTING, out) + 1;
}

function expect(bytes: Buffer, i: number, end: number, text: Buffer): number {
  if (!equals(bytes, i, Math.min(end, i + text.length), text)) throw new UnreadableValueError();
  return i + text.length;
}
