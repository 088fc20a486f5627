import type { FieldShape, RowShape, SystemColumns } from '../../functions/engine/encode/encode.ts';
import { compileRowEncoder } from '../../functions/engine/encode/row-encoder.ts';

/** A shape in the default profile. */
export function shapeOf(fields: readonly FieldShape[], options: Partial<RowShape> = {}): RowShape {
  return { fields, jsonColumns: 'string', profile: 'default', rowId: false, ...options };
}

/** Encodes rows of COPY text (with or without their newline) and gives the lines, each checked to end as it should. */
export function encodeRows(shape: RowShape, rows: readonly (Buffer | string)[], system: SystemColumns = []): readonly string[] {
  const encoder = compileRowEncoder(shape, { stream: 'db.public.t' }).open(system);
  for (const row of rows) {
    const bytes = Buffer.from(row);
    encoder.copyRow(bytes, 0, bytes.at(-1) === 0x0a ? bytes.length - 1 : bytes.length);
  }
  const { bytes, rows: count } = encoder.take();
  const lines = bytes.toString().split('\n');
  if (lines.pop() !== '' || lines.length !== count) throw new Error('a block is whole lines');
  return lines;
}

/** The one line of one row, without its braces. */
export function encodeRow(shape: RowShape, row: Buffer | string): string {
  const [line] = encodeRows(shape, [row]);
  if (line?.startsWith('{') !== true || !line.endsWith('}')) throw new Error('a line is an object');
  return line.slice(1, -1);
}
