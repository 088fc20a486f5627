// A child of zstd.ts, run by the Node.js of Lambda as it is: what comes in goes through our compressor in blocks of the sizes that are asked for, and out again.
import { buffer } from 'node:stream/consumers';
import { openCompressor } from '../../functions/engine/sink/compress.ts';

interface Order {
  readonly sizes: readonly number[];
  readonly level?: number;
  readonly pieceBytes?: number;
}

const { sizes, level, ...options } = JSON.parse(process.argv[2] ?? '') as Order;
const bytes = await buffer(process.stdin);
const made: Buffer[] = [];
const compressor = openCompressor(
  { kind: 'zstd', ...(level === undefined ? {} : { level }) },
  async (piece) => void made.push(Buffer.from(piece)),
  options,
);
let at = 0;
// Each in memory of its own, as encoders make them: the compressor takes it over.
for (const size of sizes) await compressor.write(Buffer.from(bytes.subarray(at, (at += size))));
await compressor.finish();
process.stdout.write(Buffer.concat(made));
