import { kernelMemory, MOST_CHUNK_BYTES, MOST_TAIL_BYTES, PLACE, RUN_BYTES } from './kernel-memory.ts';
import type { KernelCaller, KernelMemory } from './kernel-memory.ts';
import type { RowTail } from './row-tail.ts';

/** Type and length of a message. */
const HEADER_BYTES = 5;
const COPY_DATA = 0x64;
const LINE_END = 0x0a;

/** Whose rows of COPY text are encoded. */
export interface RowCaller extends KernelCaller {
  readonly tail: RowTail;
}

/**
 * Encodes rows of COPY text that are as most are. What it leaves (a value that its type seldom has, a row that is cut in two, a huge one, another message) is the caller's.
 * One for each thread serves all tables.
 */
export class RowKernel {
  /** What the last run made: `written` is valid until the next one. */
  rows = 0;
  written: Buffer;
  /** Where the last run stopped, in the chunk. */
  stoppedAt = 0;

  readonly #memory: KernelMemory;
  readonly #result: Int32Array;
  /** The chunk whose bytes from `#chunkFrom` to `#chunkTo` are in memory. */
  #chunk: Buffer | undefined;
  #chunkFrom = 0;
  #chunkTo = 0;

  constructor(memory: KernelMemory) {
    this.#memory = memory;
    this.#result = new Int32Array(memory.bytes.buffer, PLACE.result, 3);
    this.written = memory.bytes.subarray(0, 0);
  }

  /** Encodes rows of `chunk` from the message at `at` on, until there are at least `wantedBytes` of JSON, or a message is not for the kernel. False: it took none. */
  runChunk(caller: RowCaller, chunk: Buffer, at: number, wantedBytes: number): boolean {
    const isLoaded = chunk === this.#chunk && at > this.#chunkFrom && at < this.#chunkTo;
    if (!isLoaded) this.#load(chunk, at);
    if (this.#runLoaded(caller, at, wantedBytes)) return true;
    if (!isLoaded || this.#chunkTo === chunk.length) return false;
    // Of a chunk larger than the memory for it, a part has been used up.
    this.#load(chunk, at);
    return this.#runLoaded(caller, at, wantedBytes);
  }

  /** Encodes the row in `bytes[start, end)`, at most MOST_ROW_BYTES. False: the row is not for the kernel. */
  runRow(caller: RowCaller, bytes: Buffer, start: number, end: number): boolean {
    const memory = this.#memory.bytes;
    const from = PLACE.row + HEADER_BYTES;
    const to = from + end - start;
    memory[PLACE.row] = COPY_DATA;
    memory.writeUInt32BE(end - start + HEADER_BYTES, PLACE.row + 1);
    bytes.copy(memory, from, start, end);
    memory[to] = LINE_END;
    this.#run(caller, PLACE.row, to + 1, 1);
    return this.rows === 1;
  }

  #load(chunk: Buffer, at: number): void {
    this.#chunk = chunk;
    this.#chunkFrom = at;
    this.#chunkTo = Math.min(chunk.length, at + MOST_CHUNK_BYTES);
    chunk.copy(this.#memory.bytes, PLACE.chunk, at, this.#chunkTo);
  }

  #runLoaded(caller: RowCaller, at: number, wantedBytes: number): boolean {
    const place = PLACE.chunk - this.#chunkFrom;
    this.#run(caller, place + at, place + this.#chunkTo, Math.min(wantedBytes, RUN_BYTES));
    this.stoppedAt = (this.#result[0] ?? 0) - place;
    return this.rows > 0;
  }

  #run(caller: RowCaller, from: number, to: number, wantedBytes: number): void {
    const { bytes, code } = this.#memory;
    const { program, tail } = caller;
    this.#memory.serve(caller);
    this.#memory.tail = tail;
    const { length } = tail.text;
    tail.text.copy(bytes, PLACE.tail);
    const lastDigit = tail.lastDigit < 0 ? 0 : PLACE.tail + tail.lastDigit;
    const limit = PLACE.out + wantedBytes;
    code.encodeRows(PLACE.program, program.fields, PLACE.tail, length, lastDigit, from, to, PLACE.out, limit, PLACE.result);
    this.rows = this.#result[2] ?? 0;
    this.written = bytes.subarray(PLACE.out, this.#result[1] ?? PLACE.out);
    // The ordinal has been counted up.
    if (lastDigit !== 0) bytes.copy(tail.text, 0, PLACE.tail, PLACE.tail + length);
  }
}

/** Whether the kernel has room for it. */
export function isKernelTail(tail: RowTail): boolean {
  return tail.text.length <= MOST_TAIL_BYTES;
}

let shared: RowKernel | undefined;

/** The thread's own, if it has one. */
export function rowKernel(): RowKernel | undefined {
  const memory = kernelMemory();
  return memory && (shared ??= new RowKernel(memory));
}
