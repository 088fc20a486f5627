/** Memory of one block. Encoders hand a block on at `BLOCK_BYTES`; what is beyond that is room for the row that fills it. */
const MEMORY_BYTES = 1280 * 1024;

/** Copies hand a block on once it has this size: large enough that the steps behind cost little per row, small enough for a core's cache. */
export const BLOCK_BYTES = 1024 * 1024;

/** Kept for later: as many as one table has on their way at one time. More are left to the garbage collector. */
const MAX_FREE = 8;

const free: ArrayBuffer[] = [];

/**
 * Memory for a block of at least `bytes`, with anything in it. Used again rather than left to the garbage collector: that sees memory outside of its heap too late, and the
 * system would clear every page of every block anew.
 */
export function takeBlockMemory(bytes: number): Buffer {
  if (bytes > MEMORY_BYTES) return Buffer.allocUnsafeSlow(bytes);
  const memory = free.pop();
  return memory === undefined ? Buffer.allocUnsafeSlow(MEMORY_BYTES) : Buffer.from(memory);
}

/**
 * Gives back the memory below `bytes`: only its owner may, once nobody can read it any more, neither an upload nor a compressor. Memory of other sizes is ignored.
 * Throws a TypeError for memory that was given back already: two blocks would share it.
 */
export function giveBlockMemory({ buffer }: Buffer): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== MEMORY_BYTES) return;
  if (free.includes(buffer)) throw new TypeError('memory of a block was given back twice');
  if (free.length < MAX_FREE) free.push(buffer);
}
