import { finished } from 'node:stream';
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { ReplicationError } from '../model/errors.ts';
import { OUTPUT_CHUNK_BYTES } from './piece-format.ts';
import type { PieceFormat } from './piece-format.ts';

const NOTHING = Buffer.alloc(0);

/** One zstd frame with its checksum, as one stream: frames made apart cannot be joined to one. RFC 8878. */
export function zstdFormat(level: number): PieceFormat {
  // Not in the types of Node 20. Numbers are ZSTD_c_compressionLevel and ZSTD_c_checksumFlag of zstd.h, stable since 1.4.
  const create: unknown = Reflect.get(zlib, 'createZstdCompress');
  if (!isStreamMaker(create)) {
    throw new ReplicationError('not-available-here', {
      what: `zstd compression on Node ${process.versions.node}`,
      instead: 'Run on Node 22.15 or newer, or set compression: gzip.',
    });
  }
  const stream = create({ chunkSize: OUTPUT_CHUNK_BYTES, params: { 100: level, 201: 1 } });
  let made: Buffer[] = [];
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
    piece: (bytes) => new Promise((resolve, reject) => stream.write(bytes, settle(resolve, reject))),
    tail: () =>
      new Promise((resolve, reject) => {
        finished(stream, settle(resolve, reject));
        stream.end();
      }),
    close: () => void stream.destroy(),
  };
}

function isStreamMaker(value: unknown): value is (options: object) => Transform {
  return typeof value === 'function';
}
