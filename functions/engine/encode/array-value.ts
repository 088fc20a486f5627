import { equals } from './plain-values.ts';
import { writeQuoted } from './quoted.ts';
import { UnreadableValueError } from './unreadable-value.ts';
import type { ValueWriter } from './value-writer.ts';

const OPEN = 0x7b;
const CLOSE = 0x7d;
const QUOTE = 0x22;
const NULL = Buffer.from('NULL');

/**
 * `{1,NULL,"a \"b\""}`, any depth, with the element type's delimiter (`;` for box) and optional bounds (`[0:1]={...}`, dropped) as nested JSON arrays.
 * Facts: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
 */
export function arrayWriter(element: ValueWriter, delimiter: string): ValueWriter {
  const separator = delimiter.charCodeAt(0);
  const quoting = { rule: 'backslash', write: element } as const;
  return (bytes, start, end, out) => {
    let i = afterBounds(bytes, start, end);
    let depth = 0;
    for (;;) {
      if (i >= end) throw new UnreadableValueError();
      if (bytes[i] === OPEN) {
        out.writeByte(0x5b);
        depth++;
        i++;
        if (bytes[i] !== CLOSE) continue;
      } else if (depth === 0) {
        throw new UnreadableValueError();
      } else {
        if (bytes[i] === QUOTE) {
          i = writeQuoted(bytes, i + 1, end, quoting, out) + 1;
        } else {
          const from = i;
          while (i < end && bytes[i] !== separator && bytes[i] !== CLOSE) i++;
          // Empty strings are always quoted.
          if (i === from) throw new UnreadableValueError();
          if (bytes[from] === NULL[0] && equals(bytes, from, i, NULL)) out.writeAscii('null');
          else element(bytes, from, i, out);
        }
      }
      while (i < end && bytes[i] === CLOSE) {
        out.writeByte(0x5d);
        depth--;
        i++;
        if (depth === 0) {
          if (i !== end) throw new UnreadableValueError();
          return;
        }
      }
      if (i >= end || bytes[i] !== separator) throw new UnreadableValueError();
      out.writeByte(0x2c);
      i++;
    }
  };
}

function afterBounds(bytes: Buffer, start: number, end: number): number {
  if (start >= end || bytes[start] !== 0x5b) return start;
  for (let i = start + 1; i < end; i++) if (bytes[i] === 0x3d) return i + 1;
  throw new UnreadableValueError();
}
