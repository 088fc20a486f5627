import { FIELD } from '../model/log-change.ts';
import type { LogTuple } from '../model/log-change.ts';
import type { Lsn } from '../model/lsn.ts';
import type { ByteWriter } from './byte-writer.ts';
import { kernelMemory, MOST_COLUMNS, MOST_ROW_BYTES, MOST_TAIL_BYTES, PLACE } from './kernel-memory.ts';
import type { KernelCaller, KernelMemory } from './kernel-memory.ts';

const STATES = PLACE.tuple;
/** Whole words. */
const STARTS = STATES + Math.ceil(MOST_COLUMNS / 4) * 4;
const ENDS = STARTS + MOST_COLUMNS * 4;

/** Whose tuples of the log are encoded. */
export interface TupleCaller extends KernelCaller {
  /** The column of each field; -1: none. */
  readonly columns: Int32Array;
}

/** What ends a record, before its sequence and behind it. The same object for the same bytes: it is loaded when it is another one. */
export interface TupleEnd {
  readonly head: Buffer;
  readonly rest: Buffer;
}

/** Encodes tuples of the log that are as most are; what it leaves is the caller's. One for each thread serves all tables. */
export class TupleKernel {
  readonly #memory: KernelMemory;
  readonly #states: Uint8Array;
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;

  constructor(memory: KernelMemory) {
    this.#memory = memory;
    const { buffer } = memory.bytes;
    this.#states = new Uint8Array(buffer, STATES, MOST_COLUMNS);
    this.#starts = new Int32Array(buffer, STARTS, MOST_COLUMNS);
    this.#ends = new Int32Array(buffer, ENDS, MOST_COLUMNS);
  }

  /** Appends the record of `tuple` to `out`. Values that were not sent are left out, or leave the tuple to the caller. False, with nothing written: it is the caller's. */
  run(caller: TupleCaller, tuple: LogTuple, end: TupleEnd, sequence: Lsn, unsent: 'left-out' | 'left', out: ByteWriter): boolean {
    const { fields, starts, ends } = tuple;
    const { columns, program } = caller;
    if (fields.length > MOST_COLUMNS || end.head.length + end.rest.length > MOST_TAIL_BYTES) return false;
    let from = Number.MAX_SAFE_INTEGER;
    let to = 0;
    for (let index = 0; index < columns.length; index++) {
      const column = columns[index] ?? -1;
      if (column < 0 || fields[column] !== FIELD.text) continue;
      from = Math.min(from, starts[column] ?? 0);
      to = Math.max(to, ends[column] ?? 0);
    }
    if (to - from > MOST_ROW_BYTES) return false;
    const { bytes, code } = this.#memory;
    this.#memory.serve(caller);
    if (this.#memory.tail !== end) {
      this.#memory.tail = end;
      end.head.copy(bytes, PLACE.tail);
      end.rest.copy(bytes, PLACE.tail + end.head.length);
    }
    if (to > from) tuple.bytes.copy(bytes, PLACE.row, from, to);
    this.#states.set(fields);
    this.#starts.set(starts);
    this.#ends.set(ends);
    const written = code.encodeTuple(
      PLACE.program,
      program.fields,
      STATES,
      STARTS,
      ENDS,
      PLACE.row - from,
      unsent === 'left-out' ? 1 : 0,
      PLACE.tail,
      end.head.length,
      sequence,
      PLACE.tail + end.head.length,
      end.rest.length,
      PLACE.out,
    );
    if (written === 0) return false;
    out.reserve(written - PLACE.out);
    bytes.copy(out.bytes, out.length, PLACE.out, written);
    out.length += written - PLACE.out;
    return true;
  }
}

let shared: TupleKernel | undefined;

/** The thread's own, if it has one. */
export function tupleKernel(): TupleKernel | undefined {
  const memory = kernelMemory();
  return memory && (shared ??= new TupleKernel(memory));
}
