import { availableParallelism } from 'node:os';
import { giveBlockMemory, takeBlockMemory } from '../encode/block-memory.ts';
import { freeMemory } from '../runtime/free-memory.ts';
import { gzipFormat } from './gzip-format.ts';
import type { PieceFormat } from './piece-format.ts';
import type { PoolShare } from './pool-share.ts';
import { zstdFormat } from './zstd-format.ts';

/**
 * How objects are stored. `level`: 1 (fast) to 9 for gzip, @default 1; 1 to 19 for zstd, @default 1. `pool`: shared by threads that compress at the same time, @default one thread alone;
 * zstd makes one stream an object, and four of them are more than sources send.
 */
export type Compression =
  | { readonly kind: 'gzip'; readonly level?: number; readonly pool?: PoolShare }
  | { readonly kind: 'zstd'; readonly level?: number }
  | { readonly kind: 'none' };

/** Takes blocks, hands the compressed bytes on in the same order. One `write` at a time. Disposing it before the end hands nothing more on. */
export interface Compressor extends Disposable {
  /** Resolves when there is room for more. Takes `block` over: its memory may become another block's. Rejects with the first error of the pool or of `out`. */
  write(block: Buffer): Promise<void>;
  /** Resolves when `out` has had everything. */
  finish(): Promise<void>;
}

interface CompressorOptions {
  /** Bytes that are compressed on their own, smaller blocks together. @default 1 MiB; 256 KiB for `none`, which cuts nothing */
  readonly pieceBytes?: number;
  /** Pieces in memory: being compressed, or waiting for `out`. @default cores (at most 4, the size of the libuv pool) + 2 */
  readonly piecesInFlight?: number;
}

/** How objects that are compressed so are named (`extension`, with its dot) and described in HTTP headers. */
export function compressionOf(compression: Compression): { readonly extension: string; readonly contentEncoding?: string } {
  switch (compression.kind) {
    case 'gzip':
      return { extension: '.jsonl.gz', contentEncoding: 'gzip' };
    case 'zstd':
      return { extension: '.jsonl.zst', contentEncoding: 'zstd' };
    case 'none':
      return { extension: '.jsonl' };
  }
}

/**
 * Compresses on the libuv pool, several pieces at a time, and calls `out` with the results in order, one call at a time. Their memory is freed when `out` has resolved.
 * One gzip member or zstd frame per object, since readers exist that silently stop after the first one (browsers for gzip, older Nodes for zstd). zstd is made by
 * one thread, which is faster than PostgreSQL. Throws `not-available-here` for zstd on a Node without it (before 22.15).
 */
export function openCompressor(
  compression: Compression,
  out: (bytes: Buffer) => Promise<void>,
  options: CompressorOptions = {},
): Compressor {
  return new PieceCompressor(formatOf(compression), out, {
    pieceBytes: options.pieceBytes ?? (compression.kind === 'none' ? 256 * 1024 : 1024 * 1024),
    piecesInFlight: options.piecesInFlight ?? Math.min(availableParallelism(), 4) + 2,
  });
}

interface PieceOptions {
  readonly pieceBytes: number;
  readonly piecesInFlight: number;
}

class PieceCompressor implements Compressor {
  readonly #format: PieceFormat;
  readonly #out: (bytes: Buffer) => Promise<void>;
  readonly #options: PieceOptions;
  #blocks: Buffer[] = [];
  #blockBytes = 0;
  /** One entry a piece, settled in order; they never reject. */
  readonly #queue: Promise<void>[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(format: PieceFormat, out: (bytes: Buffer) => Promise<void>, options: PieceOptions) {
    this.#format = format;
    this.#out = out;
    this.#options = options;
    if (format.head.length > 0) this.#enqueue(Promise.resolve(format.head));
  }

  async write(block: Buffer): Promise<void> {
    this.#throwFailure();
    if (block.length === 0) return;
    // Put together they would be copied, and too large for memory that is used again.
    if (block.length >= this.#options.pieceBytes) await this.#flush();
    this.#blocks.push(block);
    this.#blockBytes += block.length;
    if (this.#blockBytes >= this.#options.pieceBytes) await this.#flush();
  }

  async finish(): Promise<void> {
    await this.#flush();
    this.#enqueue(this.#format.tail());
    await Promise.all(this.#queue);
    this.#throwFailure();
  }

  [Symbol.dispose](): void {
    this.#failure ??= { error: new TypeError('the compressor is disposed of') };
    this.#format.close();
  }

  async #flush(): Promise<void> {
    const [first, ...others] = this.#blocks;
    if (first === undefined) return;
    const bytes = others.length === 0 ? first : together(this.#blocks, this.#blockBytes);
    this.#blocks = [];
    this.#blockBytes = 0;
    // A row of hundreds of megabytes is one block: its pieces go one by one, so that what is made of it stays bounded.
    const count = this.#format.isCut ? Math.max(1, Math.round(bytes.length / this.#options.pieceBytes)) : 1;
    const size = Math.ceil(bytes.length / count);
    if (count === 1) {
      await this.#room();
      this.#enqueue(this.#format.piece(bytes), bytes);
      return;
    }
    for (let start = 0; start < bytes.length; start += size) {
      await this.#room();
      this.#enqueue(this.#format.piece(bytes.subarray(start, start + size)));
    }
  }

  async #room(): Promise<void> {
    while (this.#queue.length >= this.#options.piecesInFlight) await this.#queue[0];
    this.#throwFailure();
  }

  /** `source`: whose memory is free once the piece has been handed on. */
  #enqueue(piece: Promise<Buffer>, source?: Buffer): void {
    // Looked at only when its turn comes: until then nobody else listens.
    piece.catch(() => undefined);
    this.#queue.push(this.#handOn(piece, source, this.#queue.at(-1)));
  }

  async #handOn(piece: Promise<Buffer>, source: Buffer | undefined, previous: Promise<void> | undefined): Promise<void> {
    await previous;
    try {
      const bytes = await piece;
      if (this.#failure === undefined && bytes.length > 0) await this.#out(bytes);
      // After an error nobody knows who still reads it.
      if (this.#failure === undefined) this.#giveUp(bytes, source);
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      void this.#queue.shift();
    }
  }

  /** What was made of a piece is ours; small results may lie in memory that Node shares among buffers. */
  #giveUp(bytes: Buffer, source: Buffer | undefined): void {
    if (bytes.buffer !== source?.buffer && bytes.buffer.byteLength > Buffer.poolSize) freeMemory(bytes.buffer);
    if (source !== undefined) giveBlockMemory(source);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

const NOTHING = Buffer.alloc(0);

/** Blocks in one; their own memory is free then. */
function together(blocks: readonly Buffer[], length: number): Buffer {
  const bytes = takeBlockMemory(length).subarray(0, length);
  let at = 0;
  for (const block of blocks) {
    at += block.copy(bytes, at);
    giveBlockMemory(block);
  }
  return bytes;
}

function formatOf(compression: Compression): PieceFormat {
  switch (compression.kind) {
    case 'gzip':
      return gzipFormat(compression.level ?? 1, compression.pool);
    case 'zstd':
      return zstdFormat(compression.level ?? 1);
    case 'none':
      return {
        head: NOTHING,
        isCut: false,
        piece: (bytes) => Promise.resolve(bytes),
        tail: () => Promise.resolve(NOTHING),
        close: () => undefined,
      };
  }
}
