import { describe, expect, it } from 'vitest';
import { createDatabase, eventually, majors } from '../support/postgres.ts';
import { cutCopy, readCopy, readRange } from './cut-reader.ts';
import { rejection, settingsFor } from './support.ts';

describe.each(majors.filter((major) => major < 14))('key ranges on PostgreSQL %i', (major) => {
  it.each([
    ['int, never analyzed', 'int', 'i - 2500', false],
    ['bigint', 'bigint', 'i * 1000000000000::bigint', true],
    ['uuid', 'uuid', 'md5(i::text)::uuid', true],
    ['uuid, never analyzed', 'uuid', 'md5(i::text)::uuid', false],
    ['numeric', 'numeric(20,4)', 'i / 7.0', true],
    ['date', 'date', `date '2000-01-01' + i`, true],
    ['timestamp', 'timestamp', `timestamp '2000-01-01' + i * interval '1 hour 1 microsecond'`, true],
    ['timestamptz', 'timestamptz', `timestamptz '2000-01-01' + i * interval '1 hour'`, true],
    ['text', 'text', `md5(i::text) || E'''\\\\"{},'`, true],
    [
      'text in another collation',
      'text collate "POSIX"',
      `case when i % 2 = 0 then upper(md5(i::text)) else md5(i::text) end`,
      true,
    ],
    ['varchar', 'varchar(50)', `chr(200 + i % 1000) || i`, true],
  ])('cut a primary key of %s', async (_, type, value, isAnalyzed) => {
    await using db = await createDatabase(major);
    await db.query(
      `create table t (k ${type} primary key, v text); insert into t select ${value}, repeat('x', 80) from generate_series(1, 5000) i`,
    );
    if (isAnalyzed) await db.query('analyze t');

    const copy = await cutCopy(settingsFor(db), 't');
    const { rows, late } = await readCopy(settingsFor(db), copy);

    expect(copy.ranges.length).toBeGreaterThan(5);
    expect(rows).toHaveLength(5000);
    expect(new Set(rows).size).toBe(5000);
    expect(late).toEqual([]);
  });

  it('cut a key of two columns by the values that its first one has', async () => {
    await using db = await createDatabase(major);
    await db.query(
      `create table t (k text, n int, v text, primary key (k, n)); insert into t select 'tenant ' || i % 7, i, repeat('x', 80) from generate_series(1, 5000) i; analyze t`,
    );

    const copy = await cutCopy(settingsFor(db), 't');

    expect(copy.ranges.length).toBe(8);
    expect((await readCopy(settingsFor(db), copy)).rows).toHaveLength(5000);
  });

  it.each([
    ['never analyzed text', 'text', 'md5(i::text)'],
    ['a type without a plain order', 'bytea', `decode(md5(i::text), 'hex')`],
  ])('leave a key of %s whole', async (_, type, value) => {
    await using db = await createDatabase(major);
    await db.query(
      `create table t (k ${type} primary key, v text) with (autovacuum_enabled = off); insert into t select ${value}, repeat('x', 80) from generate_series(1, 5000) i`,
    );

    expect((await cutCopy(settingsFor(db), 't')).ranges).toEqual([{ kind: 'whole' }]);
  });
});

describe.each(majors.filter((major) => major >= 14))('page ranges on PostgreSQL %i', (major) => {
  it('begin a materialized view anew when it was refreshed', async () => {
    await using db = await createDatabase(major);
    await db.query(`create table t (k int, v text); insert into t select i, repeat('x', 80) from generate_series(1, 5000) i`);
    await db.query('create materialized view m as select * from t; create unique index on m (k)');
    const settings = settingsFor(db);

    const still = await cutCopy(settings, 'm');
    const { rows, late } = await readCopy(settings, still);
    await db.query(`update t set v = 'changed' where k = 1; refresh materialized view concurrently m`);
    const catchUp = still.ranges.at(-1);

    expect(still.ranges.length).toBeGreaterThan(5);
    expect(rows).toHaveLength(5000);
    expect(late).toEqual([]);
    if (catchUp === undefined) throw new Error('nothing was cut');
    expect(await rejection(readRange(settings, still, catchUp))).toMatchObject({ code: 'table-rewritten' });
  });

  it('read only their pages, whatever the statistics say', async () => {
    await using db = await createDatabase(major);
    await db.query(
      `create table t (k int primary key, v text) with (autovacuum_enabled = off); insert into t select i, repeat('x', 80) from generate_series(1, 20000) i`,
    );
    const copy = await cutCopy(settingsFor(db), 't');
    const blocks = async (): Promise<number> => {
      const [row] = await db.query(`select pg_stat_clear_snapshot(), pg_stat_get_blocks_fetched('t'::regclass) as blocks`);
      return Number(row?.blocks);
    };
    const before = await blocks();

    const last = copy.ranges.at(-2);
    if (last === undefined) throw new Error('nothing was cut');
    await readRange(settingsFor(db), copy, last);

    // The sessions report their statistics at their end.
    const read = await eventually('the statistics arrive', async () => {
      const fetched = (await blocks()) - before;
      return fetched > 0 && fetched;
    });
    expect(read).toBeLessThan(40);
  });

  it('share small leaves', async () => {
    await using db = await createDatabase(major);
    await db.query('create table t (k int primary key, v text) partition by list (k)');
    await db.query(
      `do $$ begin for i in 1..150 loop execute format('create table leaf_%s partition of t for values in (%s)', i, i); end loop; end $$`,
    );
    await db.query(`insert into t select i, repeat('x', 80) from generate_series(1, 150) i`);

    const copy = await cutCopy(settingsFor(db), 't');
    const { rows, late } = await readCopy(settingsFor(db), copy);

    expect(copy.ranges.length).toBeLessThan(30);
    expect(rows.map((row) => Number(row.split('\t')[0])).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 150 }, (_, index) => index + 1),
    );
    expect(late).toEqual([]);
  });
});
