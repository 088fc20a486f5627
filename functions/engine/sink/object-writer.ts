import { createHash } from 'node:crypto';
import type { EncodedBlock } from '../model/objects.ts';
import { compressionOf, openCompressor } from './compress.ts';
import type { Compression, Compressor } from './compress.ts';
import type { Sink, Upload } from './sink.ts';

/** What an object came to. */
export interface WrittenObject {
  readonly rows: number;
  /** Bytes as stored. */
  readonly bytes: number;
  readonly jsonBytes: number;
  /** Of the stored bytes, lower-case hex. */
  readonly sha256: string;
}

interface ObjectWriterOptions {
  readonly sink: Sink;
  readonly key: string;
  readonly compression: Compression;
  readonly signal: AbortSignal;
  /** Called with every buffer that the store has taken over. */
  readonly onStored: (bytes: number) => void;
}

/** Begins one object of JSON Lines. Nothing is visible before `complete()`; disposing it earlier leaves nothing. */
export async function openObjectWriter(options: ObjectWriterOptions): Promise<ObjectWriter> {
  const { contentEncoding } = compressionOf(options.compression);
  const content = { contentType: 'application/x-ndjson', ...(contentEncoding === undefined ? {} : { contentEncoding }) };
  return new ObjectWriter(await options.sink.create(options.key, content, options.signal), options);
}

/** Blocks -> compressor -> upload, with the sha-256 of what is stored. Holds the compressor's pieces and the upload's parts, whatever the object's size. */
export class ObjectWriter implements AsyncDisposable {
  readonly #upload: Upload;
  readonly #compressor: Compressor;
  /** In this thread, also of uncompressed rows: SHA-256 is an instruction of today's processors, and waking another thread for it costs more wherever cores are few. */
  readonly #hash = createHash('sha256');
  #rows = 0;
  #bytes = 0;
  #jsonBytes = 0;

  constructor(upload: Upload, { compression, onStored }: ObjectWriterOptions) {
    this.#upload = upload;
    this.#compressor = openCompressor(compression, async (bytes) => {
      const { length } = bytes;
      this.#hash.update(bytes);
      await upload.write(bytes);
      this.#bytes += length;
      onStored(length);
    });
  }

  get jsonBytes(): number {
    return this.#jsonBytes;
  }

  /** Resolves when there is room for more; the block's memory is not the caller's any more. Errors of earlier blocks surface here or in `complete`. */
  async write(block: EncodedBlock): Promise<void> {
    this.#rows += block.rows;
    this.#jsonBytes += block.bytes.length;
    await this.#compressor.write(block.bytes);
  }

  async complete(): Promise<WrittenObject> {
    await this.#compressor.finish();
    await this.#upload.complete();
    return { rows: this.#rows, bytes: this.#bytes, jsonBytes: this.#jsonBytes, sha256: this.#hash.digest('hex') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#compressor[Symbol.dispose]();
    await this.#upload[Symbol.asyncDispose]();
  }
}
