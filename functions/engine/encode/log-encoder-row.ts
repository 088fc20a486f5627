import { isUtf8 } from 'node:buffer';
import { FIELD } from '../model/log-change.ts';
import type { LogTuple } from '../model/log-change.ts';
import type { Lsn } from '../model/lsn.ts';
import type { BlockEncoder } from './log-encoder.ts';
import type { LogBinding, LogField } from './log-encoder-binding.ts';
import { NOT_DELETED } from './log-encoder-tail.ts';
import type { LogRowWriter } from './log-encoding.ts';
import type { TupleCaller } from './tuple-kernel.ts';

const NO_PLACES = new Int32Array(0);

/** Writes rows of one relation into the block of one encoder. */
export class BoundRowWriter implements LogRowWriter {
  readonly lacksFields: boolean;
  readonly #encoder: BlockEncoder;
  readonly #binding: LogBinding;
  readonly #fields: readonly LogField[];
  readonly #columns: Int32Array;
  /** Undefined: rows go by field. */
  readonly #caller: TupleCaller | undefined;
  #keyNames: readonly string[] | undefined;
  #keyPlaces: Int32Array = NO_PLACES;
  #deletedAt = '';
  #deletedAtJson = NOT_DELETED;

  constructor(encoder: BlockEncoder, binding: LogBinding) {
    this.#encoder = encoder;
    this.#binding = binding;
    this.#fields = binding.fields;
    this.#columns = binding.columns;
    this.lacksFields = binding.lacksFields;
    const { program, columns, fields } = binding;
    if (program !== undefined) {
      const writeGeneral: TupleCaller['writeGeneral'] = (index, bytes, start, stop, out) =>
        fields[index]?.write(bytes, start, stop, out);
      this.#caller = { program, columns, writeGeneral };
    }
  }

  isPartial(row: LogTuple, old: LogTuple | undefined): boolean {
    const columns = this.#columns;
    const { fields } = row;
    for (let index = 0; index < columns.length; index++) {
      const column = columns[index] ?? -1;
      if (column >= 0 && (fields[column] ?? 0) >= FIELD.unchanged && old?.fields[column] !== FIELD.text) return true;
    }
    return false;
  }

  textOf(row: LogTuple, old: LogTuple | undefined): readonly (string | null | undefined)[] {
    return Array.from(this.#columns, (column, index) => {
      if (column < 0) return undefined;
      const tuple = holderOf(column, row, old);
      return tuple?.fields[column] === FIELD.null ? null : tuple && this.#textAt(tuple, column, index);
    });
  }

  writeRow(row: LogTuple, old: LogTuple | undefined, sequence: Lsn): void {
    const encoder = this.#encoder;
    if (this.#caller !== undefined && encoder.tuple(this.#caller, row, sequence, NOT_DELETED, 'left')) return;
    const columns = this.#columns;
    const fields = this.#fields;
    const states = row.fields;
    encoder.begin();
    for (let index = 0; index < columns.length; index++) {
      const column = columns[index] ?? -1;
      if (column < 0) continue;
      const field = fields[index];
      if (field === undefined) continue;
      const state = states[column];
      if (state === FIELD.text) {
        encoder.key(field);
        encoder.value(field, row.bytes, row.starts[column] ?? 0, row.ends[column] ?? 0);
      } else if (state === FIELD.null) {
        encoder.key(field);
        encoder.out.writeAscii(field.null);
        // A value that was not sent is never null: what the old row does not have as text, it does not have.
      } else if (old?.fields[column] === FIELD.text) {
        encoder.key(field);
        encoder.value(field, old.bytes, old.starts[column] ?? 0, old.ends[column] ?? 0);
      }
    }
    encoder.end(sequence, NOT_DELETED);
  }

  writePartial(values: readonly (string | null | undefined)[], sequence: Lsn): void {
    this.#encoder.writeText(values, sequence);
  }

  writeDelete(old: LogTuple, sequence: Lsn, deletedAt: string): void {
    const encoder = this.#encoder;
    if (deletedAt !== this.#deletedAt) {
      this.#deletedAt = deletedAt;
      this.#deletedAtJson = Buffer.from(JSON.stringify(deletedAt));
    }
    if (this.#caller !== undefined && encoder.tuple(this.#caller, old, sequence, this.#deletedAtJson, 'left-out')) return;
    encoder.begin();
    for (const [index, field] of this.#fields.entries()) {
      const column = this.#columns[index] ?? -1;
      const state = column < 0 ? FIELD.absent : old.fields[column];
      if (state === FIELD.text) {
        encoder.key(field);
        encoder.value(field, old.bytes, old.starts[column] ?? 0, old.ends[column] ?? 0);
      } else if (state === FIELD.null) {
        encoder.key(field);
        encoder.out.writeAscii(field.null);
      }
    }
    encoder.end(sequence, this.#deletedAtJson);
  }

  keyOf(tuple: LogTuple, columns: readonly string[]): readonly string[] | undefined {
    const key: string[] = [];
    for (const column of this.#placesOf(columns)) {
      if (column < 0 || tuple.fields[column] !== FIELD.text) return undefined;
      key.push(this.#textAt(tuple, column, this.#columns.indexOf(column)));
    }
    return key;
  }

  hasSameKey(a: LogTuple, b: LogTuple, columns: readonly string[]): boolean {
    for (const column of this.#placesOf(columns)) {
      if (column >= 0 && !isSame(a, b, column)) return false;
    }
    return true;
  }

  #placesOf(names: readonly string[]): Int32Array {
    if (names !== this.#keyNames) {
      this.#keyNames = names;
      this.#keyPlaces = this.#binding.placesOf(names);
    }
    return this.#keyPlaces;
  }

  #textAt(tuple: LogTuple, column: number, index: number): string {
    const start = tuple.starts[column] ?? 0;
    const end = tuple.ends[column] ?? 0;
    const text = tuple.bytes.toString('utf8', start, end);
    // A string cannot keep bytes that are not UTF-8: it has this character instead.
    if (text.includes('\ufffd') && !isUtf8(tuple.bytes.subarray(start, end))) throw this.#encoder.unreadable(this.#fields[index]);
    return text;
  }
}

/** Which of the two has the column: the old row is asked for what the new one was sent without. */
function holderOf(column: number, row: LogTuple, old: LogTuple | undefined): LogTuple | undefined {
  if ((row.fields[column] ?? 0) < FIELD.unchanged) return row;
  return old?.fields[column] === FIELD.text ? old : undefined;
}

/** A value that one of them does not have was not changed, or cannot be known to be. */
function isSame(a: LogTuple, b: LogTuple, column: number): boolean {
  const state = a.fields[column] ?? 0;
  const other = b.fields[column] ?? 0;
  if (state >= FIELD.unchanged || other >= FIELD.unchanged) return true;
  if (state !== other || state === FIELD.null) return state === other;
  const start = a.starts[column] ?? 0;
  const end = a.ends[column] ?? 0;
  const from = b.starts[column] ?? 0;
  if ((b.ends[column] ?? 0) - from !== end - start) return false;
  for (let k = 0; k < end - start; k++) if (a.bytes[start + k] !== b.bytes[from + k]) return false;
  return true;
}
