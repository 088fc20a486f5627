/** Threads of libuv's pool, unless the environment says otherwise. https://nodejs.org/api/cli.html#uv_threadpool_sizesize */
const POOL_THREADS = 4;

/**
 * Pieces that the libuv pool compresses now for all threads of a process, in memory that they share: the pool has few threads, however many cores there are. Whoever finds it full compresses
 * by itself, so that cores without a thread of the pool work too. Can be copied into another thread, which then counts in the same memory.
 */
export type PoolShare = Int32Array<SharedArrayBuffer>;

export function createPoolShare(): PoolShare {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

/** Takes a place in the pool. False: there is none. Without a share there always is: one thread alone keeps no more than the pool busy. */
export function enterPool(share: PoolShare | undefined): boolean {
  if (share === undefined || Atomics.add(share, 0, 1) < POOL_THREADS) return true;
  Atomics.sub(share, 0, 1);
  return false;
}

/** Gives the place back. */
export function leavePool(share: PoolShare | undefined): void {
  if (share !== undefined) Atomics.sub(share, 0, 1);
}
