import { isUtf8 } from 'node:buffer';

/**
 * The ordinal of the first member, in the first line of a block of JSON Lines, that is not UTF-8; -1 if all is well. The server checks what it converts,
 * but up to PostgreSQL 14 a value of the type "char" may be one byte of a character.
 */
export function fieldOfInvalidUtf8(block: Buffer): number {
  if (isUtf8(block)) return -1;
  return memberOfInvalidUtf8(firstInvalidLine(block)).member;
}

/** The key of that member, for records that do not have all fields; undefined if all is well. */
export function keyOfInvalidUtf8(block: Buffer): string | undefined {
  if (isUtf8(block)) return undefined;
  const line = firstInvalidLine(block);
  // The brace or comma, then the key in its quotes.
  const quote = memberOfInvalidUtf8(line).from + 1;
  return JSON.parse(line.toString('utf8', quote, stringEnd(line, quote) + 1)) as string;
}

function firstInvalidLine(block: Buffer): Buffer {
  for (let start = 0; start < block.length;) {
    const end = block.indexOf(0x0a, start);
    const line = block.subarray(start, end < 0 ? block.length : end);
    if (!isUtf8(line)) return line;
    start += line.length + 1;
  }
  return block;
}

function memberOfInvalidUtf8(line: Buffer): { readonly member: number; readonly from: number } {
  let member = 0;
  let depth = 0;
  let from = 0;
  for (let i = 0; i < line.length; i++) {
    const c = line[i];
    if (c === 0x22) i = stringEnd(line, i);
    else if (c === 0x7b || c === 0x5b) depth++;
    else if (c === 0x7d || c === 0x5d) depth--;
    else if (c === 0x2c && depth === 1) {
      if (!isUtf8(line.subarray(from, i))) return { member, from };
      member++;
      from = i;
    }
  }
  return { member, from };
}

function stringEnd(line: Buffer, quote: number): number {
  let i = quote + 1;
  while (i < line.length && line[i] !== 0x22) i += line[i] === 0x5c ? 2 : 1;
  return i;
}
