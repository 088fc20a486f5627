import { describe, expect, it } from 'vitest';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import { isNewer } from '../../functions/engine/source/postgres/copy-select.ts';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import { never, settingsFor } from './support.ts';

describe('what tells new row versions from old ones', () => {
  const TWO_32 = 2n ** 32n;

  it.each<[string, bigint, bigint, boolean]>([
    ['the one before the oldest', 0n, -1n, false],
    ['the oldest itself', 0n, 0n, true],
    ['one of the future', 0n, 1_000_000n, true],
    ['the last that a copy may live to see', 0n, 2n ** 30n - 1n, true],
    ['one of the oldest that can be unfrozen', 0n, -(2n ** 31n) + 1n, false],
    ['one frozen three thousand million transactions ago', 0n, -3_000_000_000n, false],
    ['one frozen so long ago that it looks new', 0n, -(TWO_32 - 5n), true],
    ['one before the wrap, begun after it', -2000n, -2001n, false],
    ['one after the wrap, begun before it', -2000n, 5n, true],
  ])('is right for %s', async (_, oldest, xmin, expected) => {
    await using db = await createDatabase(newestMajor);
    await using connection = await connect(settingsFor(db), never());
    // As if the server were young and had wrapped three times.
    const [now] = await db.query('select txid_current() as xid');
    const current = BigInt(now?.xid ?? 0);
    const base = oldest === 0n ? current - 10n : 0n;
    const oldestXid = 3n * TWO_32 + base + oldest;
    const raw = ((((oldest === 0n ? base : 0n) + xmin) % TWO_32) + TWO_32) % TWO_32;

    const sql = `select ${isNewer({ sequence: '0', at: '', oldestXid: String(oldestXid) })} as is_newer from (select '${raw}'::xid as xmin) as one`;

    expect(await connection.query(sql, [], never())).toEqual([{ is_newer: expected ? 't' : 'f' }]);
  });

  it('takes permanent xids for old', async () => {
    await using db = await createDatabase(newestMajor);
    const [now] = await db.query('select txid_current() as xid');

    const sql = `select bool_or(${isNewer({ sequence: '0', at: '', oldestXid: now?.xid ?? '' })}) as is_newer from (select x::text::xid as xmin from generate_series(0, 2) x) as three`;

    expect(await db.query(sql)).toEqual([{ is_newer: 'f' }]);
  });
});
