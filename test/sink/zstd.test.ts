import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { queryJsonLines } from '../support/duckdb.ts';
import { randomOf } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import { compressZstd, decompressZstd, zstdFrames } from './zstd.ts';

const PIECE = 10_000;
const MIB = 2 ** 20;

/** Blocks of random sizes, some empty and some of many pieces, of what compresses well, badly and not at all. */
function randomBlocks(random: Random): { readonly bytes: Buffer; readonly sizes: readonly number[] } {
  const blocks = Array.from({ length: 3 + random.below(20) }, () => {
    const size = random.pick([0, 1, random.below(100), random.below(PIECE), PIECE, PIECE + 1, random.below(30 * PIECE)]);
    const range = random.pick([1, 4, 64, 256]);
    return Buffer.from(Array.from({ length: size }, () => random.below(range)));
  });
  return { bytes: Buffer.concat(blocks), sizes: blocks.map(({ length }) => length) };
}

function digest(bytes: Buffer): string {
  return `${String(bytes.length)} ${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Rows of JSON that compress about as tables do. */
function rows(count: number): Buffer {
  const random = randomOf(count);
  const row = (id: number): string =>
    `${JSON.stringify({ id, at: random.below(86_400), label: random.next().toString(36), note: 'as all the others' })}\n`;
  return Buffer.from(Array.from({ length: count }, (_, id) => row(id)).join(''));
}

describe("our zstd on Lambda's Node.js", () => {
  test.each<readonly [what: string, sizes: readonly number[]]>([
    ['nothing', []],
    ['an empty block', [0]],
    ['a byte', [1]],
    ['a piece', [PIECE]],
    ['a byte more', [PIECE + 1]],
    ['many small blocks', Array.from({ length: 500 }, () => 77)],
    ['one large block', [40 * PIECE + 1]],
  ])('%s comes back as it was, from one frame with a checksum', async (_what, sizes) => {
    const bytes = rows(10_000).subarray(
      0,
      sizes.reduce((sum, size) => sum + size, 0),
    );

    const stored = await compressZstd(bytes, sizes, { pieceBytes: PIECE });

    expect(zstdFrames(stored)).toMatchObject([{ bytes: stored.length, hasChecksum: true }]);
    expect(digest(await decompressZstd(stored))).toBe(digest(bytes));
  });

  test.each([1, 2, 3, 4, 5, 6])('random blocks come back as they were (seed %i)', async (seed) => {
    const random = randomOf(seed);
    const { bytes, sizes } = randomBlocks(random);

    const stored = await compressZstd(bytes, sizes, { pieceBytes: PIECE, level: 1 + random.below(5) });

    expect(zstdFrames(stored)).toMatchObject([{ bytes: stored.length, hasChecksum: true }]);
    expect(digest(await decompressZstd(stored))).toBe(digest(bytes));
  });

  test('pieces of its own size are one frame to DuckDB too', async () => {
    const bytes = rows(120_000);
    const folder = await mkdtemp(join(tmpdir(), 'backstitch-zstd-'));
    try {
      const sizes = Array.from({ length: Math.ceil(bytes.length / MIB) }, (_, n) => Math.min(MIB, bytes.length - n * MIB));
      const stored = await compressZstd(bytes, sizes);
      await writeFile(join(folder, 'rows.jsonl.zst'), stored);

      const counted = await queryJsonLines({
        files: join(folder, 'rows.jsonl.zst'),
        sql: 'select count(*)::int as rows, count(distinct id)::int as ids, max(id)::int as last from lines',
      });

      expect(sizes.length).toBeGreaterThan(5);
      expect(zstdFrames(stored)).toHaveLength(1);
      expect(counted).toEqual([{ rows: 120_000, ids: 120_000, last: 119_999 }]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('what is damaged or cut off does not pass', async () => {
    const bytes = rows(1_000);
    const stored = await compressZstd(bytes, [bytes.length]);
    const damaged = Buffer.from(stored);
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 1) ^ 1, damaged.length - 1);

    // The frame is whole: only its checksum tells.
    expect(zstdFrames(damaged)).toEqual(zstdFrames(stored));
    await expect(decompressZstd(damaged)).rejects.toThrow(/checksum/i);
    await expect(decompressZstd(stored.subarray(0, -5))).rejects.toThrow();
    expect(() => zstdFrames(stored.subarray(0, -5))).toThrow();
    expect(() => zstdFrames(Buffer.concat([stored, Buffer.from('more')]))).toThrow('no frame begins');
    expect(zstdFrames(Buffer.concat([stored, stored]))).toHaveLength(2);
  });
});
