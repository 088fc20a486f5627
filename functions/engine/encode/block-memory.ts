/** Copies hand a block on once it has this size: large enough that the steps behind cost little per row, small enough for a core's cache. */
export const BLOCK_BYTES = 1024 * 1024;

/** Memory that is used again, of two sizes: for blocks of the log, and for those of copies. Each has room beyond the block's size for the row that fills it. */
interface Shelf {
  readonly bytes: number;
  /** Kept for later; more are left to the garbage collector. As many as one table of a copy, or a few of the log, have on their way at one time. */
  readonly most: number;
  readonly free: ArrayBuffer[];
}

const SHELVES: readonly Shelf[] = [
  { bytes: 384 * 1024, most: 16, free: [] },
  { bytes: 1280 * 1024, most: 8, free: [] },
];

/** Below, memory is the garbage collector's business. */
const LEAST_BYTES = 192 * 1024;

/**
 * Memory for a block of at least `bytes`, with anything in it. Used again rather than left to the garbage collector: that sees memory outside of its heap too late, and the
 * system would clear every page of every block anew.
 */
export function takeBlockMemory(bytes: number): Buffer {
  const shelf = bytes < LEAST_BYTES ? undefined : SHELVES.find((one) => bytes <= one.bytes);
  const memory = shelf?.free.pop();
  return memory === undefined ? Buffer.allocUnsafeSlow(shelf?.bytes ?? bytes) : Buffer.from(memory);
}

/**
 * Gives back the memory below `bytes`: only its owner may, once nobody can read it any more, neither an upload nor a compressor. Memory of other sizes is ignored.
 * Throws a TypeError for memory that was given back already: two blocks would share it.
 */
export function giveBlockMemory({ buffer }: Buffer): void {
  const shelf = SHELVES.find((one) => one.bytes === buffer.byteLength);
  if (shelf === undefined || !(buffer instanceof ArrayBuffer)) return;
  if (shelf.free.includes(buffer)) throw new TypeError('memory of a block was given back twice');
  if (shelf.free.length < shelf.most) shelf.free.push(buffer);
}
