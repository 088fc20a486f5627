import { giveBlockMemory, takeBlockMemory } from './block-memory.ts';

const EMPTY = Buffer.alloc(0);
const EMPTY_VIEW = viewOf(EMPTY);

/**
 * A growing run of bytes. Writers call `reserve` once for all that they may write, then store into `bytes` (or `view`) from `length` on and
 * set `length`: every write must be covered by a reservation, since typed arrays drop what lies beyond their end without an error.
 */
export class ByteWriter {
  bytes: Buffer = EMPTY;
  /** The same memory as `bytes`, for stores of four bytes at once. */
  view: DataView = EMPTY_VIEW;
  length = 0;
  /** Room for values whose quoting has to be taken off before they can be read; a stack, so that nested values do not overwrite their outer ones. */
  readonly scratch: ScratchStack = new ScratchStack();

  readonly #capacity: number;

  /** Memory is taken with the first reservation: at least `capacity` bytes. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Makes room for `count` more bytes. Grows by half at least, so that a row of any size costs a bounded number of copies. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const size = Math.max(needed, this.#capacity, Math.ceil(this.bytes.length * 1.5));
    const grown = takeBlockMemory(size);
    this.bytes.copy(grown, 0, 0, this.length);
    giveBlockMemory(this.bytes);
    this.bytes = grown;
    this.view = viewOf(grown);
  }

  /** Hands over what was written and begins anew, without memory until the next reservation. */
  take(): Buffer {
    const taken = this.bytes.subarray(0, this.length);
    this.bytes = EMPTY;
    this.view = EMPTY_VIEW;
    this.length = 0;
    return taken;
  }

  /** Appends ASCII text; for short constants. */
  writeAscii(text: string): void {
    this.reserve(text.length);
    // Strings this short are not worth a call into the runtime.
    for (let k = 0; k < text.length; k++) this.bytes[this.length + k] = text.charCodeAt(k);
    this.length += text.length;
  }

  /** Appends one byte, with its reservation. */
  writeByte(byte: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = byte;
  }

  /** Appends `source[start, end)` unchanged. */
  writeBytes(source: Buffer, start: number, end: number): void {
    this.reserve(end - start);
    // A call into the runtime costs more than a short loop.
    if (end - start > 48) {
      source.copy(this.bytes, this.length, start, end);
      this.length += end - start;
      return;
    }
    const { bytes } = this;
    let at = this.length;
    for (let i = start; i < end; i++) bytes[at++] = source[i] ?? 0;
    this.length = at;
  }
}

const SCRATCH_BYTES = 4096;
const SCRATCH_KEPT_BYTES = 1024 * 1024;

/** Scratch bytes in nested frames: `push` what an outer value needs, `pop` when it was read. */
export class ScratchStack {
  bytes: Buffer = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  top = 0;

  /** Makes room for `count` bytes from `top` on. Readers of outer frames keep the buffer that they hold: its content stays. */
  reserve(count: number): void {
    if (this.top + count <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.top + count, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.top);
    this.bytes = grown;
  }

  /** Forgets all frames, and memory that one huge value needed. */
  clear(): void {
    this.top = 0;
    if (this.bytes.length > SCRATCH_KEPT_BYTES) this.bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  }
}

/** A view of the whole of a buffer's memory. */
export function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Views of larger buffers are not remembered: they would keep them. */
const REMEMBERED_BYTES = 1024 * 1024;
let remembered: Buffer = EMPTY;
let rememberedView: DataView = EMPTY_VIEW;

/** {@link viewOf}, quick for the buffer that was asked for last: all encoders of a process read one chunk after the other, and none keeps one. */
export function recentViewOf(bytes: Buffer): DataView {
  if (bytes === remembered) return rememberedView;
  if (bytes.length > REMEMBERED_BYTES) return viewOf(bytes);
  remembered = bytes;
  rememberedView = viewOf(bytes);
  return rememberedView;
}
