import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as zlib from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { compressionOf, openCompressor } from '../../functions/engine/sink/compress.ts';
import type { Compression } from '../../functions/engine/sink/compress.ts';

const PIECE = 10_000;

/** JSON-like bytes that compress, but not to nothing. */
function lines(bytes: number): Buffer {
  const text = Array.from(
    { length: Math.ceil(bytes / 40) },
    (_, n) => `{"id":${n},"at":"${(n * 7919) % 86_400}","x":"${(n * 31) % 977}"}\n`,
  ).join('');
  return Buffer.from(text.padEnd(bytes, ' ').slice(0, bytes));
}

async function compressed(compression: Compression, blocks: readonly Buffer[], pieceBytes = PIECE): Promise<Buffer> {
  const out: Buffer[] = [];
  const compressor = openCompressor(compression, async (bytes) => void out.push(Buffer.from(bytes)), { pieceBytes });
  for (const block of blocks) await compressor.write(block);
  await compressor.finish();
  return Buffer.concat(out);
}

/** Blocks of the given sizes. */
function cut(bytes: Buffer, sizes: readonly number[]): readonly Buffer[] {
  let at = 0;
  return sizes.map((size) => bytes.subarray(at, (at += size)));
}

describe.each([{ kind: 'none' }, { kind: 'gzip' }, { kind: 'gzip', level: 9 }] as const)('%o', (compression) => {
  test.each([
    ['nothing', []],
    ['an empty block', [0]],
    ['a byte', [1]],
    ['less than a piece', [PIECE - 1]],
    ['a piece', [PIECE]],
    ['a byte more', [PIECE + 1]],
    ['many small blocks', Array.from({ length: 500 }, () => 77)],
    ['blocks of all sizes', [5, 0, PIECE, 3 * PIECE, 1, PIECE / 2, 7 * PIECE + 3]],
    ['one large block', [40 * PIECE + 1]],
  ])('%s comes back as it was', async (_name, sizes) => {
    const bytes = lines(sizes.reduce((sum, size) => sum + size, 0));

    const stored = await compressed(compression, cut(bytes, sizes));

    const back = compression.kind === 'none' ? stored : zlib.gunzipSync(stored);
    expect(back.equals(bytes)).toBe(true);
  });

  test('equal blocks give equal bytes, whatever the pool does', async () => {
    const bytes = lines(50 * PIECE);
    const blocks = cut(
      bytes,
      Array.from({ length: 100 }, () => PIECE / 2),
    );

    const results = await Promise.all([
      compressed(compression, blocks),
      compressed(compression, blocks),
      compressed(compression, blocks),
    ]);

    expect(results[1].equals(results[0])).toBe(true);
    expect(results[2].equals(results[0])).toBe(true);
  });
});

describe('gzip', () => {
  test('is one member however many pieces, so that readers that know only one see everything', async () => {
    const bytes = lines(20 * PIECE + 5);
    const stored = await compressed({ kind: 'gzip' }, [bytes]);

    const { buffer, engine } = zlib.inflateRawSync(stored.subarray(10), { info: true }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };

    expect(buffer.equals(bytes)).toBe(true);
    expect(engine.bytesWritten).toBe(stored.length - 10 - 8);
    expect(stored.readUInt32LE(stored.length - 8)).toBe(zlib.crc32(bytes));
    expect(stored.readUInt32LE(stored.length - 4)).toBe(bytes.length);
  });

  test('passes the test of gzip itself', async () => {
    const stored = await compressed({ kind: 'gzip' }, [lines(20 * PIECE), randomBytes(3 * PIECE)]);

    const gzip = spawnSync('gzip', ['-t'], { input: stored });

    expect([gzip.status, gzip.stderr.toString()]).toEqual([0, '']);
    expect(spawnSync('gzip', ['-t'], { input: stored.subarray(0, -9) }).status).not.toBe(0);
  });

  test('a higher level makes less', async () => {
    const bytes = lines(500_000);

    const [fast, small] = await Promise.all([
      compressed({ kind: 'gzip', level: 1 }, [bytes], 100_000),
      compressed({ kind: 'gzip', level: 9 }, [bytes], 100_000),
    ]);

    expect(small.length).toBeLessThan(fast.length);
  });
});

// That it comes back as it was: zstd.test.ts.
test('zstd is refused with a remedy on a Node that has none', async () => {
  vi.resetModules();
  vi.doMock('node:zlib', async (original) => ({ ...(await original<typeof zlib>()), createZstdCompress: undefined }));
  try {
    const { openCompressor: openWithout } = await import('../../functions/engine/sink/compress.ts');

    expect(() => openWithout({ kind: 'zstd' }, async () => undefined)).toThrow(
      expect.objectContaining({ code: 'not-available-here', remedy: expect.stringContaining('compression: gzip') }) as Error,
    );
    expect(() => openWithout({ kind: 'gzip' }, async () => undefined)).not.toThrow();
  } finally {
    vi.doUnmock('node:zlib');
    vi.resetModules();
  }
});

test('hands pieces on in their order, one at a time', async () => {
  // The first piece takes the pool much longer than the others.
  const blocks = [randomBytes(2_000_000), ...Array.from({ length: 20 }, (_, n) => Buffer.alloc(1_000_000, n))];
  let busy = 0;
  let overlaps = 0;
  const out: Buffer[] = [];
  const compressor = openCompressor(
    { kind: 'gzip', level: 6 },
    async (bytes) => {
      if (busy++ > 0) overlaps++;
      await new Promise((resolve) => setImmediate(resolve));
      busy--;
      // Its memory is freed once this has resolved.
      out.push(Buffer.from(bytes));
    },
    { piecesInFlight: 8 },
  );
  for (const block of blocks) await compressor.write(block);
  await compressor.finish();

  expect(overlaps).toBe(0);
  expect(zlib.gunzipSync(Buffer.concat(out)).equals(Buffer.concat(blocks))).toBe(true);
});

test('write waits when the pieces that are allowed are waiting, also inside one large block', async () => {
  let release = (): void => undefined;
  const until = new Promise<void>((resolve) => (release = resolve));
  let handed = 0;
  const compressor = openCompressor(
    { kind: 'gzip' },
    () => {
      handed++;
      return until;
    },
    {
      pieceBytes: PIECE,
      piecesInFlight: 3,
    },
  );
  const allowed = [compressor.write(lines(PIECE)), compressor.write(lines(PIECE)), compressor.write(lines(PIECE))];
  await Promise.all(allowed);
  let isThrough = false;

  const large = compressor.write(lines(10 * PIECE)).then(() => (isThrough = true));
  await new Promise((resolve) => setImmediate(resolve));
  const before = [handed, isThrough];
  release();
  await large;
  await compressor.finish();

  expect(before).toEqual([1, false]);
  // Thirteen pieces between gzip's head and its end.
  expect(handed).toBe(15);
});

test('an error of the receiver surfaces at the next write and at the end, and ends the output', async () => {
  const failure = new Error('store is gone');
  let handed = 0;
  const compressor = openCompressor(
    { kind: 'none' },
    async () => {
      handed++;
      throw failure;
    },
    { pieceBytes: PIECE },
  );

  const first = compressor.write(lines(PIECE));
  await first;
  await new Promise((resolve) => setImmediate(resolve));

  await expect(compressor.write(lines(PIECE))).rejects.toBe(failure);
  await expect(compressor.finish()).rejects.toBe(failure);
  expect(handed).toBe(1);
});

test('names and headers follow the compression', () => {
  expect(compressionOf({ kind: 'gzip' })).toEqual({ extension: '.jsonl.gz', contentEncoding: 'gzip' });
  expect(compressionOf({ kind: 'zstd' })).toEqual({ extension: '.jsonl.zst', contentEncoding: 'zstd' });
  expect(compressionOf({ kind: 'none' })).toEqual({ extension: '.jsonl' });
});

test('without compression blocks of all sizes come out as they were', async () => {
  const blocks = [lines(3 * PIECE), lines(20 * PIECE + 5), lines(10), lines(10), lines(PIECE)];
  const expected = Buffer.concat(blocks);
  const out: Buffer[] = [];
  const compressor = openCompressor({ kind: 'none' }, async (bytes) => void out.push(Buffer.from(bytes)), {
    pieceBytes: PIECE,
  });
  for (const block of blocks) await compressor.write(own(block));
  await compressor.finish();

  expect(Buffer.concat(out).equals(expected)).toBe(true);
});

test('the memory of what was handed on is freed as soon as it was taken, and Node keeps what it shares', async () => {
  const results: { readonly bytes: Buffer; readonly length: number }[] = [];
  const compressor = openCompressor({ kind: 'gzip' }, async (bytes) => void results.push({ bytes, length: bytes.length }));
  const small = Buffer.from('shared with other small buffers');
  for (let n = 0; n < 4; n++) await compressor.write(randomBytes(1_100_000));
  await compressor.finish();

  const large = results.filter(({ length }) => length > Buffer.poolSize);
  expect(large).toHaveLength(4);
  expect(large.map(({ bytes }) => bytes.length)).toEqual([0, 0, 0, 0]);
  expect(small.toString()).toBe('shared with other small buffers');
});

/** A copy in memory of its own, as encoders make them. */
function own(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
