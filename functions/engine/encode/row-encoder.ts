import type { ValueType } from '../model/catalog.ts';
import { ReplicationError } from '../model/errors.ts';
import type { EncodedBlock } from '../model/objects.ts';
import { BLOCK_BYTES } from './block-memory.ts';
import { ByteWriter, recentViewOf } from './byte-writer.ts';
import { KERNEL_FORM, kernelFormOf } from './kernel-form.ts';
import { copyLargeText } from './copy-string.ts';
import { fieldEnd, isNull, pushUnescaped } from './copy-text.ts';
import type { CompiledEncoder, FieldShape, RowEncoder, RowShape } from './encode.ts';
import { fieldOfInvalidUtf8 } from './invalid-utf8.ts';
import type { KernelField, KernelProgram } from './kernel-program.ts';
import { MOST_ROW_BYTES, mostRowBytes, programOf } from './kernel-memory.ts';
import { isKernelTail, rowKernel } from './row-kernel.ts';
import type { RowCaller, RowKernel } from './row-kernel.ts';
import { RowTail } from './row-tail.ts';
import { UnreadableValueError } from './unreadable-value.ts';
import { nullOf, valueWriter } from './value-writer.ts';
import type { ValueForm, ValueWriter } from './value-writer.ts';

export type { CompiledEncoder } from './encode.ts';

/**
 * Compiles the encoder of one table's rows. `stream` is the stream's id, for errors.
 * The result depends on the shape alone: all ranges and batches of a table share it.
 */
export function compileRowEncoder(shape: RowShape, context: { readonly stream: string }): CompiledEncoder {
  const fields = shape.fields.map((field, index) => plan(field, index, shape));
  const compiled: CompiledRow = {
    stream: context.stream,
    fields,
    program: programOf(fields),
    keyBytes: fields.reduce((sum, { key }) => sum + key.length, 0),
  };
  return {
    open: (system) => new CopyEncoder(compiled, new RowTail(system, { rowId: shape.rowId, first: fields.length === 0 })),
  };
}

interface PlannedField extends KernelField {
  readonly name: string;
  readonly type: ValueType;
  readonly write: ValueWriter;
}

interface CompiledRow {
  readonly stream: string;
  readonly fields: readonly PlannedField[];
  /** Undefined: too large for the kernel. */
  readonly program: KernelProgram | undefined;
  readonly keyBytes: number;
}

function plan(field: FieldShape, index: number, form: ValueForm): PlannedField {
  return {
    name: field.name,
    type: field.type,
    key: Buffer.from(`${index === 0 ? '{' : ','}${JSON.stringify(field.name)}:`),
    null: nullOf(field.type, form),
    write: valueWriter(field.type, form),
    kernelForm: kernelFormOf(field.type, form),
  };
}

class CopyEncoder implements RowEncoder {
  rows = 0;
  readonly #out: ByteWriter;
  readonly #row: CompiledRow;
  readonly #tail: RowTail;
  /** Undefined: rows go by field. */
  readonly #kernel: { readonly kernel: RowKernel; readonly caller: RowCaller } | undefined;
  /** What a row has besides its values. */
  readonly #constantBytes: number;
  #blockRows = 0;

  constructor(row: CompiledRow, tail: RowTail) {
    this.#row = row;
    this.#tail = tail;
    this.#constantBytes = row.keyBytes + tail.text.length;
    const { program } = row;
    const kernel = rowKernel();
    if (program !== undefined && kernel !== undefined && isKernelTail(tail)) {
      const caller: RowCaller = {
        program,
        tail,
        writeGeneral: (index, bytes, start, stop, out) => this.#writeGeneral(index, bytes, start, stop, out),
      };
      this.#kernel = { kernel, caller };
    }
    // A block, and behind it the most that one row of the kernel needs: ordinary blocks never grow.
    this.#out = new ByteWriter(BLOCK_BYTES + (program === undefined ? 0 : mostRowBytes(program, tail.text.length)));
  }

  get pendingBytes(): number {
    return this.#out.length;
  }

  copyMessages(chunk: Buffer, at: number, blockBytes: number): number {
    if (this.#kernel === undefined) return at;
    const { kernel, caller } = this.#kernel;
    let i = at;
    for (let missing = blockBytes - this.#out.length; missing > 0; missing = blockBytes - this.#out.length) {
      if (!kernel.runChunk(caller, chunk, i, missing)) break;
      i = kernel.stoppedAt;
      this.#append(kernel);
    }
    return i;
  }

  copyRow(bytes: Buffer, start: number, end: number): void {
    if (this.#kernel !== undefined && end - start <= MOST_ROW_BYTES) {
      const { kernel, caller } = this.#kernel;
      if (kernel.runRow(caller, bytes, start, end)) {
        this.#append(kernel);
        return;
      }
    }
    this.#writeByField(bytes, start, end);
    this.#tail.write(this.#out);
    this.rows++;
    this.#blockRows++;
  }

  take(): EncodedBlock {
    const block = { bytes: this.#out.take(), rows: this.#blockRows };
    this.#blockRows = 0;
    const index = fieldOfInvalidUtf8(block.bytes);
    if (index >= 0) throw this.#unreadable(index);
    return block;
  }

  #append({ written, rows }: RowKernel): void {
    const out = this.#out;
    out.reserve(written.length);
    out.bytes.set(written, out.length);
    out.length += written.length;
    this.rows += rows;
    this.#blockRows += rows;
  }

  #writeGeneral(index: number, bytes: Buffer, start: number, stop: number, out: ByteWriter): void {
    const field = this.#row.fields[index];
    if (field === undefined) throw new UnreadableValueError();
    writeField(field, bytes, start, stop, out);
  }

  #writeByField(bytes: Buffer, start: number, end: number): void {
    const out = this.#out;
    const { fields } = this.#row;
    const before = out.length;
    // JSON is hardly longer than COPY text: one allocation serves most large rows, and growth the others.
    out.reserve(end - start + ((end - start) >> 4) + this.#constantBytes);
    if (fields.length === 0 && start !== end) throw this.#unreadable(0);
    let i = start;
    for (const [index, field] of fields.entries()) {
      out.writeBytes(field.key, 0, field.key.length);
      const stop = fieldEnd(bytes, i, end);
      try {
        if (isNull(bytes, i, stop)) out.writeAscii(field.null);
        else writeField(field, bytes, i, stop, out);
        if (index === fields.length - 1 ? stop !== end : stop >= end) throw new UnreadableValueError();
      } catch (error) {
        out.length = before;
        out.scratch.clear();
        throw error instanceof UnreadableValueError ? this.#unreadable(index, error) : error;
      }
      i = stop + 1;
    }
    out.scratch.clear();
    out.reserve(this.#constantBytes);
  }

  #unreadable(index: number, cause?: UnreadableValueError): ReplicationError {
    const field = this.#row.fields[index];
    const details = { column: field?.name ?? '', stream: this.#row.stream, type: field?.type.name ?? 'row' };
    return new ReplicationError('value-unreadable', details, { cause });
  }
}

/** Writes a field that is not NULL, of any size, in the general way. */
function writeField(field: PlannedField, bytes: Buffer, start: number, stop: number, out: ByteWriter): void {
  if (field.kernelForm === KERNEL_FORM.text) {
    copyLargeText(bytes, recentViewOf(bytes), start, stop, out);
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
