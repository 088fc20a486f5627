import type { LogRelation, LogTuple } from '../model/log-change.ts';
import { ReplicationError } from '../model/errors.ts';
import type { Lsn } from '../model/lsn.ts';
import { ByteWriter } from './byte-writer.ts';
import type { RowShape, SystemColumns } from './encode.ts';
import { keyOfInvalidUtf8 } from './invalid-utf8.ts';
import { LogBinding, LogFields } from './log-encoder-binding.ts';
import type { LogField } from './log-encoder-binding.ts';
import { LogTail, NOT_DELETED } from './log-encoder-tail.ts';
import { BoundRowWriter } from './log-encoder-row.ts';
import type { CompiledLogEncoder, LogBlock, LogEncoder, LogRowWriter } from './log-encoding.ts';
import { tupleKernel } from './tuple-kernel.ts';
import type { TupleCaller } from './tuple-kernel.ts';
import { UnreadableValueError } from './unreadable-value.ts';

/** A job has an encoder for each table that has changes: each begins small. */
const FIRST_BYTES = 8 * 1024;
const NO_SEQUENCE = 0n as Lsn;

/**
 * Compiles the encoder of one stream's log rows; `stream` is its id, for errors. Values become the same bytes as in a copy.
 * What a relation's columns are to the stream's fields is found once per relation object, for all batches.
 */
export function compileLogEncoder(shape: RowShape, context: { readonly stream: string }): CompiledLogEncoder {
  const fields = new LogFields(shape);
  const bindings = new WeakMap<LogRelation, LogBinding>();
  const bind = (relation: LogRelation): LogBinding => {
    const known = bindings.get(relation);
    if (known !== undefined) return known;
    const binding = new LogBinding(fields, relation);
    bindings.set(relation, binding);
    return binding;
  };
  return { open: (system) => new BlockEncoder(fields, bind, { system, rowId: shape.rowId, stream: context.stream }) };
}

/** Appends records to a block. The record at hand is taken back when one of its values cannot be read. */
export class BlockEncoder implements LogEncoder {
  rows = 0;
  readonly out = new ByteWriter(FIRST_BYTES);
  readonly fields: readonly LogField[];
  readonly #bind: (relation: LogRelation) => LogBinding;
  readonly #stream: string;
  readonly #tail: LogTail;
  readonly #writers = new WeakMap<LogRelation, LogRowWriter>();
  #blockRows = 0;
  #first: Lsn = NO_SEQUENCE;
  #last: Lsn = NO_SEQUENCE;
  /** How large the last block became: the next one is likely to. */
  #expectedBytes = 0;
  #start = 0;

  constructor(
    fields: LogFields,
    bind: (relation: LogRelation) => LogBinding,
    options: { readonly system: SystemColumns; readonly rowId: boolean; readonly stream: string },
  ) {
    this.fields = fields.all;
    this.#bind = bind;
    this.#stream = options.stream;
    this.#tail = new LogTail(options.system, options);
  }

  get pendingBytes(): number {
    return this.out.length;
  }

  bind(relation: LogRelation): LogRowWriter {
    const known = this.#writers.get(relation);
    if (known !== undefined) return known;
    const writer = new BoundRowWriter(this, this.#bind(relation));
    this.#writers.set(relation, writer);
    return writer;
  }

  writeText(values: readonly (string | null | undefined)[], sequence: Lsn): void {
    this.begin();
    for (const [index, field] of this.fields.entries()) {
      const value = values[index];
      if (value === undefined) continue;
      this.key(field);
      if (value === null) this.out.writeAscii(field.null);
      else {
        const bytes = Buffer.from(value);
        this.value(field, bytes, 0, bytes.length);
      }
    }
    this.end(sequence, NOT_DELETED);
  }

  take(): LogBlock {
    const { out } = this;
    this.#expectedBytes = out.length;
    const block = { bytes: out.take(), rows: this.#blockRows, firstSequence: this.#first, lastSequence: this.#last };
    this.#blockRows = 0;
    this.#first = NO_SEQUENCE;
    this.#last = NO_SEQUENCE;
    const key = keyOfInvalidUtf8(block.bytes);
    if (key !== undefined) throw this.unreadable(this.fields.find(({ name }) => name === key));
    return block;
  }

  /** Begins a record. */
  begin(): void {
    const { out } = this;
    // A quarter more than last time, so that a block of the same kind does not grow at its end.
    if (out.length === 0 && this.#expectedBytes > FIRST_BYTES) out.reserve(this.#expectedBytes + (this.#expectedBytes >> 2));
    this.#start = out.length;
  }

  /** Appends the record of a tuple all at once, where the kernel can: see `TupleKernel.run`. False: nothing was written. */
  tuple(caller: TupleCaller, tuple: LogTuple, sequence: Lsn, deletedAt: Buffer, unsent: 'left-out' | 'left'): boolean {
    const { out } = this;
    this.begin();
    if (tupleKernel()?.run(caller, tuple, this.#tail.kernelEnd(deletedAt), sequence, unsent, out) !== true) return false;
    this.#tail.finish(out);
    this.#count(sequence);
    return true;
  }

  /** Appends the comma, name and colon of a field. */
  key({ key }: LogField): void {
    this.out.writeBytes(key, 0, key.length);
  }

  /** Appends a value. Takes the record back and throws `value-unreadable` if its type cannot have it. */
  value(field: LogField, bytes: Buffer, start: number, end: number): void {
    const { out } = this;
    try {
      field.write(bytes, start, end, out);
    } catch (error) {
      out.length = this.#start;
      out.scratch.clear();
      throw error instanceof UnreadableValueError ? this.unreadable(field, error) : error;
    }
  }

  /** Ends the record that was begun; `deletedAt` is JSON. */
  end(sequence: Lsn, deletedAt: Buffer): void {
    const { out } = this;
    this.#tail.write(out, sequence, deletedAt);
    // Every member begins with a comma, also the first one.
    out.bytes[this.#start] = 0x7b;
    out.scratch.clear();
    this.#count(sequence);
  }

  #count(sequence: Lsn): void {
    if (this.#blockRows === 0 || sequence < this.#first) this.#first = sequence;
    if (this.#blockRows === 0 || sequence > this.#last) this.#last = sequence;
    this.#blockRows++;
    this.rows++;
  }

  unreadable(field: LogField | undefined, cause?: UnreadableValueError): ReplicationError {
    const details = { column: field?.name ?? '', stream: this.#stream, type: field?.type ?? 'row' };
    return new ReplicationError('value-unreadable', details, { cause });
  }
}
