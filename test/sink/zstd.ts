import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { lambdaNode } from '../aws/harness/lambda-node.ts';

const COMPRESS = join(import.meta.dirname, 'compress-blocks.ts');
const DECOMPRESS = `process.stdout.write(require('node:zlib').zstdDecompressSync(require('node:fs').readFileSync(0)))`;

export interface ZstdFrame {
  /** Of the frame, from its magic number to its end. */
  readonly bytes: number;
  readonly blocks: number;
  /** Whether it ends with a checksum of its content. */
  readonly hasChecksum: boolean;
}

const MAGIC = 0xfd2fb528;
const RLE = 1;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;

/** The frames that bytes consist of, by their headers alone (RFC 8878, 3.1.1). Throws if they do not consist of whole frames. */
export function zstdFrames(bytes: Buffer): readonly ZstdFrame[] {
  const frames: ZstdFrame[] = [];
  for (let at = 0; at < bytes.length;) {
    const start = at;
    if (bytes.readUInt32LE(at) !== MAGIC) throw new Error(`no frame begins at byte ${at}`);
    const descriptor = bytes.readUInt8(at + 4);
    const isSingleSegment = ((descriptor >> 5) & 1) === 1;
    const hasChecksum = ((descriptor >> 2) & 1) === 1;
    const sizeFlag = (descriptor >> 6) as 0 | 1 | 2 | 3;
    const sizeBytes = sizeFlag === 0 && isSingleSegment ? 1 : CONTENT_SIZE_BYTES[sizeFlag];
    at += 5 + (isSingleSegment ? 0 : 1) + DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3] + sizeBytes;
    let blocks = 0;
    for (let isLast = false; !isLast; blocks++) {
      const header = bytes.readUIntLE(at, 3);
      isLast = (header & 1) === 1;
      at += 3 + (((header >> 1) & 3) === RLE ? 1 : header >> 3);
    }
    if (hasChecksum) at += 4;
    if (at > bytes.length) throw new Error('the last frame is cut off');
    frames.push({ bytes: at - start, blocks, hasChecksum });
  }
  return frames;
}

/** What zstd bytes hold, by the Node.js of Lambda: it has zstd, which the one that runs the tests may not have. Rejects where they are damaged. */
export function decompressZstd(stored: Buffer): Promise<Buffer> {
  return inLambdaNode(['-e', DECOMPRESS], stored);
}

/** What our compressor makes, on the Node.js of Lambda, of `bytes` in blocks of these sizes. */
export function compressZstd(
  bytes: Buffer,
  sizes: readonly number[],
  options: { readonly level?: number; readonly pieceBytes?: number } = {},
): Promise<Buffer> {
  return inLambdaNode([COMPRESS, JSON.stringify({ ...options, sizes })], bytes);
}

async function inLambdaNode(args: readonly string[], input: Buffer): Promise<Buffer> {
  const child = spawn(await lambdaNode(), args, { stdio: ['pipe', 'pipe', 'pipe'] });
  // A child that fails reads no further.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [out, err, [code]] = (await Promise.all([buffer(child.stdout), text(child.stderr), once(child, 'close')])) as [
    Buffer,
    string,
    [number | null],
  ];
  if (code !== 0) throw new Error(`Lambda's Node.js ended with ${String(code)}: ${err}`);
  return out;
}
