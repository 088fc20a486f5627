import * as zlib from 'node:zlib';
import { freeMemory } from '../runtime/free-memory.ts';
import { OUTPUT_CHUNK_BYTES } from './piece-format.ts';
import type { PieceFormat } from './piece-format.ts';
import { enterPool, leavePool } from './pool-share.ts';
import type { PoolShare } from './pool-share.ts';

/**
 * One gzip member made of pieces, as pigz does it: each ends with a sync flush, so it ends on a whole byte and is not marked as the last block.
 * RFC 1952 (member), RFC 1951 3.2 (blocks).
 */
export function gzipFormat(level: number, pool?: PoolShare): PieceFormat {
  let crc = 0;
  let size = 0;
  return {
    // Magic, deflate, no flags, no time (equal rows give equal objects), no extra flags, system unknown.
    head: Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]),
    isCut: true,
    piece: (bytes) => {
      crc = zlib.crc32(bytes, crc);
      size = (size + bytes.length) % 2 ** 32;
      return enterPool(pool) ? deflated(bytes, level).finally(() => leavePool(pool)) : deflatedHere(bytes, level);
    },
    tail: () => {
      const tail = Buffer.alloc(10);
      // An empty last block with fixed codes.
      tail.writeUInt16LE(0x0003, 0);
      tail.writeUInt32LE(crc, 2);
      tail.writeUInt32LE(size, 6);
      return Promise.resolve(tail);
    },
    close: () => undefined,
  };
}

/** As `zlib.deflateRaw` does it, which would copy the result once more and leave the first one to the garbage collector. */
function deflated(bytes: Buffer, level: number): Promise<Buffer> {
  const stream = zlib.createDeflateRaw({ level, chunkSize: OUTPUT_CHUNK_BYTES, finishFlush: zlib.constants.Z_SYNC_FLUSH });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
  return new Promise((resolve, reject) => {
    stream.on('error', reject);
    stream.on('end', () => resolve(inOne(chunks)));
    stream.end(bytes);
  });
}

/** The same bytes, made by this thread. */
function deflatedHere(bytes: Buffer, level: number): Promise<Buffer> {
  const made = zlib.deflateRawSync(bytes, { level, chunkSize: OUTPUT_CHUNK_BYTES, finishFlush: zlib.constants.Z_SYNC_FLUSH });
  return Promise.resolve(made);
}

/** Chunks that nobody else has, in one; their own memory is free then. */
function inOne(chunks: readonly Buffer[]): Buffer {
  const [first, ...others] = chunks;
  if (first !== undefined && others.length === 0) return first;
  const all = Buffer.concat(chunks);
  for (const { buffer } of chunks) freeMemory(buffer);
  return all;
}
