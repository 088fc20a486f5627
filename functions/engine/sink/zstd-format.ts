import { finished } from 'node:stream';
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { ReplicationError } from '../model/errors.ts';
import { OUTPUT_CHUNK_BYTES } from './piece-format.ts';
import type { PieceFormat } from './piece-format.ts';

const NOTHING = Buffer.alloc(0);

/** One zstd frame with its checksum, as one stream: frames made apart cannot be joined to one. RFC 8878. */
export function zstdFormat(level: number): PieceFormat {
  const create = zstdMaker();
  if (create === undefined) {
    throw new ReplicationError('not-available-here', {
      what: `zstd compression on Node ${process.versions.node}`,
      instead: 'Run on Node 22.15 or newer, or set compression: gzip.',
    });
  }
  // Numbers are ZSTD_c_compressionLevel and ZSTD_c_checksumFlag of zstd.h, stable since 1.4.
  const stream = create({ chunkSize: OUTPUT_CHUNK_BYTES, params: { 100: level, 201: 1 } });
  let made: Buffer[] = [];
  let last: Promise<unknown> = Promise.resolve();
  const take = (): Buffer => {
    const bytes = Buffer.concat(made);
    made = [];
    return bytes;
  };
  stream.on('data', (bytes: Buffer) => void made.push(bytes));
  // Callbacks of `write` and `end` get it too.
  stream.on('error', () => undefined);
  const settle = (resolve: (bytes: Buffer) => void, reject: (error: Error) => void) => (error?: Error | null) => {
    if (error instanceof Error) reject(error);
    else resolve(take());
  };
  return {
    head: NOTHING,
    isCut: true,
    piece: (bytes) => {
      const piece = new Promise<Buffer>((resolve, reject) => stream.write(bytes, settle(resolve, reject)));
      last = piece;
      return piece;
    },
    tail: async () => {
      // Ended while a piece waits for its turn, Node ends the frame with that piece, and then makes another one of nothing.
      await last;
      return new Promise((resolve, reject) => {
        finished(stream, settle(resolve, reject));
        stream.end();
      });
    },
    close: () => void stream.destroy(),
  };
}

/** Whether this Node has it: 22.15 and newer do. */
export function hasZstd(): boolean {
  return zstdMaker() !== undefined;
}

/** Not in the types of Node 20. */
function zstdMaker(): ((options: object) => Transform) | undefined {
  const create: unknown = Reflect.get(zlib, 'createZstdCompress');
  return isStreamMaker(create) ? create : undefined;
}

function isStreamMaker(value: unknown): value is (options: object) => Transform {
  return typeof value === 'function';
}
