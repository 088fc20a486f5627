import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { majors } from '../../support/postgres.ts';
import type { SeenTransaction } from './decode-recorder.ts';
import { openSlot } from './decode-slot.ts';
import { decodeAs, isInstalled, openLogDatabase, waysOf } from './decode-ways.ts';
import type { LogDatabase, Way } from './decode-ways.ts';

const LARGE = `(select string_agg(md5(n::text), '') from generate_series(1, 400) n)`;

const WORK: readonly string[] = [
  `insert into one select n, 'n' || n, null from generate_series(1, 300) n`,
  `begin; update one set note = ${LARGE} where id < 10; savepoint a; delete from one where id < 5; rollback to a; update one set id = -id where id > 290; commit`,
  `update one set more = 'm' where id < 20`,
  `begin; delete from one where id between 100 and 120; insert into two values (1, true, '\\x00ff', 1.50), (2, null, '', null); commit`,
  `alter table two replica identity full`,
  `update two set flag = false`,
  `begin; insert into three values ('k', ${LARGE}, 1); update three set n = 2; update three set k = 'l'; commit`,
  `delete from two where id = 2`,
  `insert into one select n, repeat('x', 50), '' from generate_series(1000, 3000) n`,
  `delete from three`,
];

describe.each(majors.filter((major) => waysOf(major).length > 1))('one log on PostgreSQL %i', (major) => {
  const [first, ...others] = waysOf(major);
  let log: LogDatabase;
  let expected: readonly SeenTransaction[];
  let of: (way: Way) => Promise<readonly SeenTransaction[]>;

  beforeAll(async () => {
    if (first === undefined) throw new Error('there is a way to read every major');
    log = await openLogDatabase(major, first);
    await log.run(
      `create table one (id int primary key, note text, more text)`,
      `create table two (id int primary key, flag bool, bytes bytea, price numeric)`,
      `create table three (k text not null, large text, n int)`,
      `create unique index three_k on three (k)`,
      `alter table three replica identity using index three_k`,
    );
    await log.take();
    const slots = new Map<Way, Awaited<ReturnType<typeof openSlot>>>();
    for (const [index, way] of waysOf(major).entries())
      if (isInstalled(way, major)) slots.set(way, await openSlot(log.database, way.plugin, `_${index}`));
    await log.run(...WORK);
    const tables = await log.tables();
    of = async (way) => {
      const messages = await slots
        .get(way)
        ?.take(way.options(tables), major >= 13 ? `set logical_decoding_work_mem = '64kB'` : '');
      return (await decodeAs(way, messages ?? [], tables)).transactions.filter(({ changes }) => changes.length > 0);
    };
    expected = await of(first);
  });
  afterAll(() => log[Symbol.asyncDispose]());

  for (const other of others) {
    it.skipIf(!isInstalled(other, major))(`is the same through ${first?.name ?? ''} and ${other.name}`, async () => {
      const found = await of(other);

      expect(expected).toHaveLength(9);
      expect(found.map((transaction) => inForm(transaction, other))).toEqual(
        expected.map((transaction) => inForm(transaction, other)),
      );
    });
  }
});

/** Without what format 1 of wal2json does not have: the start of the commit record, and as one message the positions of changes. */
function inForm({ commitLsn, changes, ...transaction }: SeenTransaction, { name }: Way): unknown {
  const isFormat1 = name.startsWith('wal2json 1');
  return {
    ...transaction,
    ...(isFormat1 ? {} : { commitLsn }),
    changes: name === 'wal2json 1 as one message' ? changes.map(({ lsn: _, ...change }) => change) : changes,
  };
}
