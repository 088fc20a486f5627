import { ByteWriter } from './byte-writer.ts';
import { KERNEL_CODE } from './kernel-code.ts';
import { kernelProgram, MOST_PROGRAM_BYTES } from './kernel-program.ts';
import type { KernelField, KernelProgram } from './kernel-program.ts';
import { UnreadableValueError } from './unreadable-value.ts';

/** Rows beyond this size are not for the kernel: six times a huge row is never reserved. */
export const MOST_ROW_BYTES = 16 * 1024;
/** What a byte of a row may become: an escaped control character. */
const MOST_GROWTH = 6;
/** Of a chunk that is read at once. */
export const MOST_CHUNK_BYTES = 64 * 1024;
/** Of all that ends a record. */
export const MOST_TAIL_BYTES = 8 * 1024;
/** PostgreSQL has 1,600 columns at most, and those that were dropped count. */
export const MOST_COLUMNS = 1664;
/** Output after which the kernel comes back: it stays in the core's cache until it is copied. */
export const RUN_BYTES = 128 * 1024;

/** Loads and stores of sixteen bytes overshoot. */
const SLACK = 64;
/** Type and length of a message, and the end of a row. */
const FRAME_BYTES = 6;
const PAGE_BYTES = 64 * 1024;

/** Where things are in the kernel's memory. The first kilobyte is the compiler's; three words of it hold results. */
const PROGRAM = 1024;
const TAIL = PROGRAM + MOST_PROGRAM_BYTES + SLACK;
const TUPLE = TAIL + MOST_TAIL_BYTES + SLACK;
const CHUNK = TUPLE + MOST_COLUMNS * 9 + SLACK;
const ROW = CHUNK + MOST_CHUNK_BYTES + SLACK;
const OUT = ROW + MOST_ROW_BYTES + FRAME_BYTES + SLACK;
/** A run's output, the row that it ends with, and as much again for values that the host writes. */
const OUT_BYTES = RUN_BYTES + 2 * (MOST_ROW_BYTES * MOST_GROWTH + MOST_PROGRAM_BYTES + MOST_TAIL_BYTES);
const PAGES = Math.ceil((OUT + OUT_BYTES + SLACK) / PAGE_BYTES);

/** Addresses in it, in bytes. */
export const PLACE = { result: 16, program: PROGRAM, tail: TAIL, tuple: TUPLE, chunk: CHUNK, row: ROW, out: OUT } as const;

/** As far as it is used here: the types of Node have its names only. */
declare const WebAssembly: {
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (code: Buffer) => object;
  readonly Instance: new (module: object, imports: Readonly<Record<string, object>>) => { readonly exports: unknown };
};

/** Whose rows are encoded. */
export interface KernelCaller {
  readonly program: KernelProgram;
  /** Appends the JSON of field `index`, which has no way in the kernel, from its text in `bytes[start, stop)`. Throws `UnreadableValueError`. */
  writeGeneral(index: number, bytes: Buffer, start: number, stop: number, out: ByteWriter): void;
}

/** See `kernel/rows.ts` and `kernel/tuple.ts`. */
export interface KernelCode {
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
  encodeTuple(
    fields: number,
    count: number,
    states: number,
    starts: number,
    ends: number,
    base: number,
    whenUnsent: number,
    head: number,
    headBytes: number,
    sequence: bigint,
    rest: number,
    restBytes: number,
    out: number,
  ): number;
}

/**
 * The kernel: WebAssembly that turns usual values into JSON, sixteen bytes at once, and its memory, a little more than a megabyte that never grows. One for each thread serves all tables:
 * what is still of use from call to call (a program, a tail, a chunk) is known by whose it is, and loaded again where it is another one's.
 */
export class KernelMemory {
  readonly bytes: Buffer;
  readonly code: KernelCode;
  /** What lies at PLACE.tail, as its writer knows it. */
  tail: object | undefined;
  readonly #general = new ByteWriter(4096);
  #caller: KernelCaller | undefined;
  #program: KernelProgram | undefined;

  constructor() {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
    this.bytes = Buffer.from(memory.buffer);
    const general = (index: number, start: number, stop: number, o: number): number => this.#writeGeneral(index, start, stop, o);
    const module = new WebAssembly.Module(Buffer.from(KERNEL_CODE, 'base64'));
    this.code = new WebAssembly.Instance(module, { env: { memory }, host: { general } }).exports as KernelCode;
  }

  /** Makes ready for rows of `caller`. */
  serve(caller: KernelCaller): void {
    this.#caller = caller;
    if (caller.program === this.#program) return;
    this.#program = caller.program;
    caller.program.bytes.copy(this.bytes, PLACE.program);
  }

  /** 0 sends the row back: the caller's way by field says what is wrong with it. */
  #writeGeneral(index: number, start: number, stop: number, o: number): number {
    const out = this.#general;
    const caller = this.#caller;
    if (caller === undefined) return 0;
    out.length = 0;
    try {
      caller.writeGeneral(index, this.bytes, start, stop, out);
    } catch (error) {
      if (error instanceof UnreadableValueError) return 0;
      throw error;
    } finally {
      out.scratch.clear();
    }
    const end = o + out.length;
    // What the rest of the row may need must still fit.
    if (end > OUT + OUT_BYTES - mostRowBytes(caller.program, MOST_TAIL_BYTES)) return 0;
    out.bytes.copy(this.bytes, o, 0, out.length);
    return end;
  }
}

/** The program of a table with such fields; undefined where the kernel has no room for it. */
export function programOf(fields: readonly KernelField[], columns?: Int32Array): KernelProgram | undefined {
  return kernelProgram(fields, PLACE.program, columns);
}

/** The most JSON that a row of the kernel can become, but for values that the host writes. */
export function mostRowBytes(program: KernelProgram, tailBytes: number): number {
  return MOST_ROW_BYTES * MOST_GROWTH + program.mostConstantBytes + tailBytes;
}

let shared: KernelMemory | 'none' | undefined;

/** The thread's own. Undefined where there is none: V8 reserves ten gigabytes of addresses for it, which a process under `ulimit -v` may not have. */
export function kernelMemory(): KernelMemory | undefined {
  shared ??= openMemory();
  return shared === 'none' ? undefined : shared;
}

function openMemory(): KernelMemory | 'none' {
  try {
    return new KernelMemory();
  } catch (error) {
    if (error instanceof RangeError) return 'none';
    throw error;
  }
}
