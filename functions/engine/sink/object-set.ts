import type { EncodedBlock, StoredObject } from '../model/objects.ts';
import type { Compression } from './compress.ts';
import { openObjectWriter } from './object-writer.ts';
import type { ObjectWriter } from './object-writer.ts';
import type { Sink } from './sink.ts';

/** So far, in all objects of a set. */
export interface SetProgress {
  readonly rows: number;
  readonly jsonBytes: number;
  /** Compressed bytes that the store has taken over; not yet durable. */
  readonly storedBytes: number;
}

export interface ObjectSetOptions {
  readonly sink: Sink;
  readonly kind: StoredObject['kind'];
  /** Key of the n-th object, from 0, below the sink; names sort in the order of loading. */
  readonly keyOf: (part: number) => string;
  readonly compression: Compression;
  /** Objects end before they exceed so many bytes of JSON; a single larger block makes a larger object. */
  readonly rotateBytes: number;
  /** `_sdc_sequence` of all rows, decimal; or per block, of which each object keeps the lowest. */
  readonly firstSequence: string | ((block: EncodedBlock) => string);
  /** As `firstSequence`; each object keeps the highest. */
  readonly lastSequence: string | ((block: EncodedBlock) => string);
  /** Ends all waits; requests under way are given up. */
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: SetProgress) => void;
}

/** The objects of one batch. Disposing it before `finish()` resolved leaves no object and no upload. */
export interface ObjectSet extends AsyncDisposable {
  /**
   * Takes whole lines; resolves as soon as there is room for more, while compression and upload go on. One call at a time; takes the
   * block's memory over.
   * Rejects with the first error of anything written before.
   */
  write(block: EncodedBlock): Promise<void>;
  /** Makes everything durable and names the objects in the order of loading; none if there were no rows. */
  finish(): Promise<readonly StoredObject[]>;
}

/**
 * Begins a set of objects, cut at block boundaries by `rotateBytes`. While an object is being completed, the next one is already written; never more than these two.
 * Memory: two times the parts of an upload and the pieces of a compressor, about 40 MB with S3's defaults.
 */
export function openObjectSet(options: ObjectSetOptions): ObjectSet {
  return new RotatingObjectSet(options);
}

interface OpenObject {
  readonly key: string;
  readonly writer: ObjectWriter;
  first: bigint | undefined;
  last: bigint | undefined;
}

class RotatingObjectSet implements ObjectSet {
  readonly #options: ObjectSetOptions;
  #state: 'open' | 'finished' | 'disposed' = 'open';
  #part = 0;
  #current: OpenObject | undefined;
  /** The object before the current one while it is being completed. Never rejects: errors go to `#failure`. */
  #completing: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;
  readonly #completed: { readonly key: string; readonly object: StoredObject }[] = [];
  #rows = 0;
  #jsonBytes = 0;
  #storedBytes = 0;

  constructor(options: ObjectSetOptions) {
    this.#options = options;
  }

  async write(block: EncodedBlock): Promise<void> {
    this.#check();
    if (block.rows === 0) return;
    if (this.#current !== undefined && this.#current.writer.jsonBytes + block.bytes.length > this.#options.rotateBytes) {
      await this.#rotate(this.#current);
    }
    this.#current ??= await this.#open();
    widen(this.#current, this.#options, block);
    this.#rows += block.rows;
    this.#jsonBytes += block.bytes.length;
    await this.#current.writer.write(block);
    this.#report();
  }

  async finish(): Promise<readonly StoredObject[]> {
    this.#check();
    if (this.#current !== undefined) await this.#rotate(this.#current);
    await this.#completing;
    this.#check();
    this.#state = 'finished';
    return this.#completed.map(({ object }) => object);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'disposed';
    await this.#current?.writer[Symbol.asyncDispose]();
    await this.#completing;
    try {
      const keys = this.#completed.map(({ key }) => key);
      if (keys.length > 0) await this.#options.sink.remove(keys, AbortSignal.timeout(CLEAN_UP_MS));
    } catch {
      // No commit names them, so they do not exist for readers; the job after this unclean end sweeps them. The error that led here matters more.
    }
  }

  async #open(): Promise<OpenObject> {
    const { sink, compression, signal, keyOf } = this.#options;
    const key = keyOf(this.#part++);
    const onStored = (bytes: number): void => {
      this.#storedBytes += bytes;
      this.#report();
    };
    return {
      key,
      writer: await openObjectWriter({ sink, key, compression, signal, onStored }),
      first: undefined,
      last: undefined,
    };
  }

  async #rotate(object: OpenObject): Promise<void> {
    // One at a time, so memory is that of two uploads and objects are listed in their order.
    await this.#completing;
    this.#check();
    this.#current = undefined;
    this.#completing = this.#complete(object);
  }

  async #complete({ key, writer, first, last }: OpenObject): Promise<void> {
    try {
      const written = await writer.complete();
      const object = { key: this.#options.sink.nameOf(key), kind: this.#options.kind, ...written };
      this.#completed.push({ key, object: { ...object, firstSequence: String(first), lastSequence: String(last) } });
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      await writer[Symbol.asyncDispose]();
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#state !== 'open') throw new TypeError(`the object set is ${this.#state}`);
    this.#options.signal.throwIfAborted();
  }

  #report(): void {
    this.#options.onProgress?.({ rows: this.#rows, jsonBytes: this.#jsonBytes, storedBytes: this.#storedBytes });
  }
}

const CLEAN_UP_MS = 30_000;

function widen(object: OpenObject, { firstSequence, lastSequence }: ObjectSetOptions, block: EncodedBlock): void {
  const first = BigInt(typeof firstSequence === 'string' ? firstSequence : firstSequence(block));
  const last = BigInt(typeof lastSequence === 'string' ? lastSequence : lastSequence(block));
  if (object.first === undefined || first < object.first) object.first = first;
  if (object.last === undefined || last > object.last) object.last = last;
}
