import { writeQuoted } from './quoted.ts';
import { UnreadableValueError } from './unreadable-value.ts';
import type { ValueWriter } from './value-writer.ts';

const OPEN = 0x28;
const CLOSE = 0x29;
const COMMA = 0x2c;
const QUOTE = 0x22;

interface AttributeWriter {
  readonly name: string;
  readonly write: ValueWriter;
}

/**
 * `(1,,"a ""b""")` as an object by attribute names; an empty attribute is NULL, an empty string is quoted.
 * Facts: https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX
 */
export function compositeWriter(attributes: readonly AttributeWriter[]): ValueWriter {
  const parts = attributes.map(({ name, write }, k) => ({
    key: Buffer.from(`${k === 0 ? '{' : ','}${JSON.stringify(name)}:`),
    write,
    quoting: { rule: 'doubled', write } as const,
  }));
  return (bytes, start, end, out) => {
    if (end - start < 2 || bytes[start] !== OPEN || bytes[end - 1] !== CLOSE) throw new UnreadableValueError();
    const last = end - 1;
    let i = start + 1;
    for (const [k, { key, write, quoting }] of parts.entries()) {
      if (k > 0) {
        if (i >= last || bytes[i] !== COMMA) throw new UnreadableValueError();
        i++;
      }
      out.writeBytes(key, 0, key.length);
      if (i < last && bytes[i] === QUOTE) {
        i = writeQuoted(bytes, i + 1, last, quoting, out) + 1;
        continue;
      }
      const from = i;
      while (i < last && bytes[i] !== COMMA) i++;
      if (i === from) out.writeAscii('null');
      else write(bytes, from, i, out);
    }
    if (i !== last) throw new UnreadableValueError();
    out.writeAscii(parts.length === 0 ? '{}' : '}');
  };
}
