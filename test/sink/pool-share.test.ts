import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openCompressor } from '../../functions/engine/sink/compress.ts';
import { createPoolShare, enterPool, leavePool } from '../../functions/engine/sink/pool-share.ts';
import type { PoolShare } from '../../functions/engine/sink/pool-share.ts';

const PIECE_BYTES = 64 * 1024;

/** Lines that compress as rows do. */
function blocks(): readonly Buffer[] {
  return Array.from({ length: 12 }, (_, block) => {
    const lines = Array.from(
      { length: 1_500 },
      (_line, n) => `{"id":${String(block * 1_500 + n)},"label":"item ${String(n % 7)}"}\n`,
    );
    return Buffer.from(lines.join(''));
  });
}

/** The object, and the most places that were taken while it was made. */
async function compressed(pool?: PoolShare): Promise<{ readonly object: Buffer; readonly mostTaken: number }> {
  const made: Buffer[] = [];
  let mostTaken = 0;
  const compression = { kind: 'gzip', level: 1, ...(pool === undefined ? {} : { pool }) } as const;
  const take = (bytes: Buffer): Promise<void> => {
    made.push(Buffer.from(bytes));
    return Promise.resolve();
  };
  using compressor = openCompressor(compression, take, { pieceBytes: PIECE_BYTES });
  for (const block of blocks()) {
    await compressor.write(block);
    mostTaken = Math.max(mostTaken, pool === undefined ? 0 : Atomics.load(pool, 0));
  }
  await compressor.finish();
  return { object: Buffer.concat(made), mostTaken };
}

test('the pool has four places for all who share it', () => {
  const share = createPoolShare();
  const other = structuredClone(share);

  expect([share, other, share, other].map(enterPool)).toEqual([true, true, true, true]);
  expect(enterPool(share)).toBe(false);
  leavePool(other);
  expect(enterPool(share)).toBe(true);
});

test('whoever is alone always finds a place', () => {
  expect(Array.from({ length: 100 }, () => enterPool(undefined))).not.toContain(false);
});

test('objects are the same whether the pool compresses or, where others keep it busy, the thread itself', async () => {
  const alone = await compressed();
  const share = createPoolShare();
  const sharing = await compressed(share);
  const full = createPoolShare();
  Atomics.store(full, 0, 4);
  const crowded = await compressed(full);

  expect(gunzipSync(alone.object).equals(Buffer.concat(blocks()))).toBe(true);
  expect(sharing.object.equals(alone.object)).toBe(true);
  expect(crowded.object.equals(alone.object)).toBe(true);
  expect(sharing.mostTaken).toBeGreaterThan(0);
  // Every place is given back, and none was taken where there was none.
  expect([Atomics.load(share, 0), Atomics.load(full, 0)]).toEqual([0, 4]);
  expect(crowded.mostTaken).toBe(4);
});
