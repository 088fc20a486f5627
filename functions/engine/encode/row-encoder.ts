import type { ValueType } from '../model/catalog.ts';
import { ReplicationError } from '../model/errors.ts';
import type { EncodedBlock } from '../model/objects.ts';
import { BLOCK_BYTES } from './block-memory.ts';
import { ByteWriter, viewOf } from './byte-writer.ts';
import { COPY_FORM, copyFormOf } from './copy-field.ts';
import { copyLargeText } from './copy-scalars.ts';
import { fieldEnd, isNull, pushUnescaped } from './copy-text.ts';
import type { CompiledEncoder, FieldShape, RowEncoder, RowShape } from './encode.ts';
import { fieldOfInvalidUtf8 } from './invalid-utf8.ts';
import { RowProgram } from './row-program.ts';
import type { RowField, RowTarget } from './row-program.ts';
import { RowTail } from './row-tail.ts';
import { UnreadableValueError } from './unreadable-value.ts';
import { nullOf, valueWriter } from './value-writer.ts';
import type { ValueForm, ValueWriter } from './value-writer.ts';

export type { CompiledEncoder } from './encode.ts';

/** Rows beyond this size are written field by field with room for each: six times a huge row is never reserved. */
const LARGE_ROW_BYTES = 16 * 1024;
const NOTHING = viewOf(Buffer.alloc(0));

/**
 * Compiles the encoder of one table's rows. `stream` is the stream's id, for errors.
 * The result depends on the shape alone: all ranges and batches of a table share it.
 */
export function compileRowEncoder(shape: RowShape, context: { readonly stream: string }): CompiledEncoder {
  const fields = shape.fields.map((field, index) => plan(field, index, shape));
  const compiled: CompiledRow = { stream: context.stream, fields, program: new RowProgram(fields) };
  return {
    open: (system) => new CopyEncoder(compiled, new RowTail(system, { rowId: shape.rowId, first: fields.length === 0 })),
  };
}

interface PlannedField extends RowField {
  readonly name: string;
  readonly type: ValueType;
  readonly write: ValueWriter;
}

interface CompiledRow {
  readonly stream: string;
  readonly fields: readonly PlannedField[];
  readonly program: RowProgram;
}

function plan(field: FieldShape, index: number, form: ValueForm): PlannedField {
  return {
    name: field.name,
    type: field.type,
    key: Buffer.from(`${index === 0 ? '{' : ','}${JSON.stringify(field.name)}:`),
    null: nullOf(field.type, form),
    write: valueWriter(field.type, form),
    copyForm: copyFormOf(field.type, form),
  };
}

class CopyEncoder implements RowEncoder, RowTarget {
  rows = 0;
  readonly out: ByteWriter;
  readonly #row: CompiledRow;
  readonly #program: RowProgram;
  readonly #tail: RowTail;
  readonly #reserve: number;
  #blockRows = 0;
  #source: Buffer | undefined;
  #view: DataView = NOTHING;

  constructor(row: CompiledRow, tail: RowTail) {
    this.#row = row;
    this.#program = row.program;
    this.#tail = tail;
    this.#reserve = row.program.maxConstantBytes + tail.maxBytes;
    // A block, and behind it the most that one row below LARGE_ROW_BYTES needs: ordinary blocks never grow.
    this.out = new ByteWriter(BLOCK_BYTES + LARGE_ROW_BYTES * 6 + this.#reserve);
  }

  get pendingBytes(): number {
    return this.out.length;
  }

  copyRow(bytes: Buffer, start: number, end: number): void {
    const { out } = this;
    const before = out.length;
    if (end - start > LARGE_ROW_BYTES || !this.#writeFast(bytes, start, end)) {
      out.length = before;
      out.scratch.clear();
      this.#writeByField(bytes, start, end);
    }
    this.#tail.write(out);
    this.rows++;
    this.#blockRows++;
  }

  take(): EncodedBlock {
    const block = { bytes: this.out.take(), rows: this.#blockRows };
    this.#blockRows = 0;
    this.#source = undefined;
    this.#view = NOTHING;
    const index = fieldOfInvalidUtf8(block.bytes);
    if (index >= 0) throw this.#unreadable(index);
    return block;
  }

  writeGeneral(index: number, bytes: Buffer, start: number, end: number): number {
    const field = this.#row.fields[index];
    if (field === undefined) return -1;
    const stop = fieldEnd(bytes, start, end);
    this.#writeField(field, bytes, start, stop);
    this.out.reserve((end - stop) * 6 + this.#reserve);
    return stop;
  }

  /** False if something in the row is not as it should be: the way field by field finds out which field. */
  #writeFast(bytes: Buffer, start: number, end: number): boolean {
    this.out.reserve((end - start) * 6 + this.#reserve);
    try {
      return this.#program.run(this, bytes, this.#viewOf(bytes), start, end) === end;
    } catch (error) {
      if (error instanceof UnreadableValueError) return false;
      throw error;
    }
  }

  #writeByField(bytes: Buffer, start: number, end: number): void {
    const { out } = this;
    const { fields } = this.#row;
    const before = out.length;
    // JSON is hardly longer than COPY text: one allocation serves most large rows, and growth the others.
    out.reserve(end - start + ((end - start) >> 4) + this.#reserve);
    if (fields.length === 0 && start !== end) throw this.#unreadable(0);
    let i = start;
    for (const [index, field] of fields.entries()) {
      out.writeBytes(field.key, 0, field.key.length);
      const stop = fieldEnd(bytes, i, end);
      try {
        if (isNull(bytes, i, stop)) out.writeAscii(field.null);
        else this.#writeField(field, bytes, i, stop);
        if (index === fields.length - 1 ? stop !== end : stop >= end) throw new UnreadableValueError();
      } catch (error) {
        out.length = before;
        out.scratch.clear();
        throw error instanceof UnreadableValueError ? this.#unreadable(index, error) : error;
      }
      i = stop + 1;
    }
    out.scratch.clear();
    out.reserve(this.#reserve);
  }

  #writeField(field: PlannedField, bytes: Buffer, start: number, stop: number): void {
    const { out } = this;
    if (field.copyForm === COPY_FORM.text) {
      copyLargeText(bytes, this.#viewOf(bytes), start, stop, out);
      return;
    }
    // bytea is `\\x` and hex digits here: leaving out the first byte is all that its escapes need.
    if (field.type.kind === 'bytea' && bytes[start] === 0x5c && start < stop) {
      field.write(bytes, start + 1, stop, out);
      return;
    }
    const { scratch } = out;
    const from = scratch.top;
    const length = pushUnescaped(bytes, start, stop, scratch);
    if (length < 0) field.write(bytes, start, stop, out);
    else field.write(scratch.bytes, from, from + length, out);
    scratch.top = from;
  }

  /** One view for all rows of a chunk. */
  #viewOf(bytes: Buffer): DataView {
    if (bytes !== this.#source) {
      this.#source = bytes;
      this.#view = viewOf(bytes);
    }
    return this.#view;
  }

  #unreadable(index: number, cause?: UnreadableValueError): ReplicationError {
    const field = this.#row.fields[index];
    const details = { column: field?.name ?? '', stream: this.#row.stream, type: field?.type.name ?? 'row' };
    return new ReplicationError('value-unreadable', details, { cause });
  }
}
