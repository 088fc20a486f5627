import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { openThreadHash } from './hash-thread.ts';

/** Bytes that this process hashes by itself before it begins a thread for that: small jobs never pay for one. */
const FROM_BYTES = 32 * 1024 * 1024;

/** The SHA-256 of bytes that are handed through it in their order. Disposing it before `digest` gives it up. */
export interface ObjectHash extends Disposable {
  /**
   * Takes the next bytes, which are alone in their memory; resolves with the same bytes once they are hashed, maybe in another Buffer: the one given must not be used again.
   * Several calls may be under way.
   * Rejects where the thread is gone.
   */
  update(bytes: Buffer): Promise<Buffer>;
  /** Lower-case hex of all bytes that were handed through. */
  digest(): Promise<string>;
}

let hashedHere = 0;

/**
 * For bytes as fast as uncompressed rows: hashes them beside the encoder, in a thread that the process has one of, since one core cannot do both at the speed of the server.
 * In the calling thread where there is one core, or where little was hashed so far.
 */
export function openFastHash(): ObjectHash {
  return (hashedHere >= FROM_BYTES && availableParallelism() > 1 ? openThreadHash() : undefined) ?? openHash();
}

/** Hashes in the calling thread. */
export function openHash(): ObjectHash {
  return new InlineHash();
}

class InlineHash implements ObjectHash {
  readonly #hash: Hash = createHash('sha256');

  update(bytes: Buffer): Promise<Buffer> {
    this.#hash.update(bytes);
    hashedHere += bytes.length;
    return Promise.resolve(bytes);
  }

  digest(): Promise<string> {
    return Promise.resolve(this.#hash.digest('hex'));
  }

  [Symbol.dispose](): void {
    // Nothing is held.
  }
}
