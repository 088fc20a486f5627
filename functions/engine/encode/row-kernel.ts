import { ByteWriter } from './byte-writer.ts';
import { kernelProgram, MOST_PROGRAM_BYTES } from './kernel-program.ts';
import type { KernelField, KernelProgram } from './kernel-program.ts';
import { ROW_KERNEL_CODE } from './row-kernel-code.ts';
import type { RowTail } from './row-tail.ts';
import { UnreadableValueError } from './unreadable-value.ts';

/** Rows beyond this size are not for the kernel: six times a huge row is never reserved. */
export const MOST_ROW_BYTES = 16 * 1024;
/** What a row may become: every byte of it an escaped control character. */
const MOST_GROWTH = 6;
/** Loads and stores of sixteen bytes overshoot. */
const SLACK = 64;
/** Output after which the kernel comes back: it stays in the core's cache until it is copied. */
const RUN_BYTES = 128 * 1024;
const MOST_CHUNK_BYTES = 64 * 1024;
const MOST_TAIL_BYTES = 8 * 1024;
/** Type and length of a message, and the end of a row. */
const FRAME_BYTES = 6;
const COPY_DATA = 0x64;
const LINE_END = 0x0a;

const PAGE_BYTES = 64 * 1024;
/** Where things are in the kernel's memory; the first kilobyte is the compiler's, and three words of it the result's. */
const RESULT_AT = 16;
const PROGRAM_AT = 1024;
const TAIL_AT = PROGRAM_AT + MOST_PROGRAM_BYTES + SLACK;
const CHUNK_AT = TAIL_AT + MOST_TAIL_BYTES + SLACK;
const ROW_AT = CHUNK_AT + MOST_CHUNK_BYTES + SLACK;
const OUT_AT = ROW_AT + MOST_ROW_BYTES + FRAME_BYTES + SLACK;
/** A run's output, the row that it ends with, and as much again for values that the host writes. */
const OUT_BYTES = RUN_BYTES + 2 * (MOST_ROW_BYTES * MOST_GROWTH + MOST_PROGRAM_BYTES + MOST_TAIL_BYTES);
const PAGES = Math.ceil((OUT_AT + OUT_BYTES + SLACK) / PAGE_BYTES);

/** As far as it is used here: the types of Node have its names only. */
declare const WebAssembly: {
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (code: Buffer) => object;
  readonly Instance: new (module: object, imports: Readonly<Record<string, object>>) => { readonly exports: unknown };
};

/** Whose rows are encoded. */
export interface KernelCaller {
  readonly program: KernelProgram;
  readonly tail: RowTail;
  /** Appends the JSON of field `index`, which has no way in the kernel, from the COPY text in `bytes[start, stop)`. Throws `UnreadableValueError`. */
  writeGeneral(index: number, bytes: Buffer, start: number, stop: number, out: ByteWriter): void;
}

interface KernelCode {
  /** See `kernel/rows.ts`. */
  encodeRows(
    fields: number,
    count: number,
    tail: number,
    tailBytes: number,
    lastDigit: number,
    from: number,
    to: number,
    out: number,
    limit: number,
    result: number,
  ): void;
}

/**
 * Encodes rows of COPY text that are as most are: WebAssembly that takes sixteen bytes at once, five times as fast as the same in JavaScript. What it leaves (a value that its type
 * seldom has, a row that is cut in two, a huge one, another message) is the caller's. Holds {@link PAGES} pages and nothing of a row; one for each thread serves all tables.
 */
export class RowKernel {
  /** What the last run made: `written` is valid until the next one. */
  rows = 0;
  written: Buffer;
  /** Where the last run stopped, in the chunk. */
  stoppedAt = 0;

  readonly #bytes: Buffer;
  readonly #result: Int32Array;
  readonly #code: KernelCode;
  readonly #general = new ByteWriter(4096);
  #caller: KernelCaller | undefined;
  #program: KernelProgram | undefined;
  /** The chunk whose bytes from `#chunkFrom` to `#chunkTo` are in memory. */
  #chunk: Buffer | undefined;
  #chunkFrom = 0;
  #chunkTo = 0;

  constructor() {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
    this.#bytes = Buffer.from(memory.buffer);
    this.#result = new Int32Array(memory.buffer, RESULT_AT, 3);
    this.written = this.#bytes.subarray(0, 0);
    const general = (index: number, start: number, stop: number, o: number): number => this.#writeGeneral(index, start, stop, o);
    const module = new WebAssembly.Module(Buffer.from(ROW_KERNEL_CODE, 'base64'));
    this.#code = new WebAssembly.Instance(module, { env: { memory }, rows: { general } }).exports as KernelCode;
  }

  /** Encodes rows of `chunk` from the message at `at` on, until there are at least `wantedBytes` of JSON, or a message is not for the kernel. False: it took none. */
  runChunk(caller: KernelCaller, chunk: Buffer, at: number, wantedBytes: number): boolean {
    const isLoaded = chunk === this.#chunk && at > this.#chunkFrom && at < this.#chunkTo;
    if (!isLoaded) this.#load(chunk, at);
    if (this.#runLoaded(caller, at, wantedBytes)) return true;
    if (!isLoaded || this.#chunkTo === chunk.length) return false;
    // Of a chunk larger than the memory for it, a part has been used up.
    this.#load(chunk, at);
    return this.#runLoaded(caller, at, wantedBytes);
  }

  /** Encodes the row in `bytes[start, end)`, at most {@link MOST_ROW_BYTES}. False: the row is not for the kernel. */
  runRow(caller: KernelCaller, bytes: Buffer, start: number, end: number): boolean {
    const memory = this.#bytes;
    memory[ROW_AT] = COPY_DATA;
    memory.writeUInt32BE(end - start + FRAME_BYTES - 1, ROW_AT + 1);
    bytes.copy(memory, ROW_AT + FRAME_BYTES - 1, start, end);
    memory[ROW_AT + FRAME_BYTES - 1 + end - start] = LINE_END;
    this.#run(caller, ROW_AT, ROW_AT + FRAME_BYTES + end - start, 1);
    return this.rows === 1;
  }

  #load(chunk: Buffer, at: number): void {
    this.#chunk = chunk;
    this.#chunkFrom = at;
    this.#chunkTo = Math.min(chunk.length, at + MOST_CHUNK_BYTES);
    chunk.copy(this.#bytes, CHUNK_AT, at, this.#chunkTo);
  }

  #runLoaded(caller: KernelCaller, at: number, wantedBytes: number): boolean {
    const place = CHUNK_AT - this.#chunkFrom;
    this.#run(caller, place + at, place + this.#chunkTo, Math.min(wantedBytes, RUN_BYTES));
    this.stoppedAt = (this.#result[0] ?? 0) - place;
    return this.rows > 0;
  }

  #run(caller: KernelCaller, from: number, to: number, wantedBytes: number): void {
    const { program, tail } = caller;
    if (program !== this.#program) {
      program.bytes.copy(this.#bytes, PROGRAM_AT);
      this.#program = program;
    }
    this.#caller = caller;
    tail.text.copy(this.#bytes, TAIL_AT);
    const lastDigit = tail.lastDigit < 0 ? 0 : TAIL_AT + tail.lastDigit;
    const { length } = tail.text;
    this.#code.encodeRows(
      PROGRAM_AT,
      program.fields,
      TAIL_AT,
      length,
      lastDigit,
      from,
      to,
      OUT_AT,
      OUT_AT + wantedBytes,
      RESULT_AT,
    );
    this.rows = this.#result[2] ?? 0;
    this.written = this.#bytes.subarray(OUT_AT, this.#result[1] ?? OUT_AT);
    // The ordinal has been counted up.
    if (lastDigit !== 0) this.#bytes.copy(tail.text, 0, TAIL_AT, TAIL_AT + length);
  }

  /** 0 sends the row back: the caller's way by field says what is wrong with it. */
  #writeGeneral(index: number, start: number, stop: number, o: number): number {
    const out = this.#general;
    const caller = this.#caller;
    if (caller === undefined) return 0;
    out.length = 0;
    try {
      caller.writeGeneral(index, this.#bytes, start, stop, out);
    } catch (error) {
      out.scratch.clear();
      if (error instanceof UnreadableValueError) return 0;
      throw error;
    }
    out.scratch.clear();
    const end = o + out.length;
    if (end > OUT_AT + OUT_BYTES - MOST_ROW_BYTES * MOST_GROWTH - caller.program.mostConstantBytes - MOST_TAIL_BYTES) return 0;
    out.bytes.copy(this.#bytes, o, 0, out.length);
    return end;
  }
}

/** The program of a table with such fields; undefined where the kernel has no room for it. */
export function kernelProgramOf(fields: readonly KernelField[]): KernelProgram | undefined {
  return kernelProgram(fields, PROGRAM_AT);
}

/** Whether the kernel has room for it. */
export function isKernelTail(tail: RowTail): boolean {
  return tail.text.length <= MOST_TAIL_BYTES;
}

/** The most JSON that a row of the kernel can become. */
export function mostKernelRowBytes(program: KernelProgram | undefined, tail: RowTail): number {
  return program === undefined ? 0 : MOST_ROW_BYTES * MOST_GROWTH + program.mostConstantBytes + tail.text.length;
}

let shared: RowKernel | undefined;

/** The thread's kernel. */
export function rowKernel(): RowKernel {
  return (shared ??= new RowKernel());
}
