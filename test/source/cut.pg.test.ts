import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import { isNewer } from '../../functions/engine/source/postgres/copy-select.ts';
import { createDatabase, majors, newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { cutCopy, fold, readCopy, readRange } from './cut-reader.ts';
import { never, rejection, settingsFor } from './support.ts';

describe.each(majors)('a copy in ranges on PostgreSQL %i', (major) => {
  let db: TestDatabase;
  const hasPages = major >= 14;

  beforeAll(async () => {
    db = await createDatabase(major);
  });

  afterAll(() => db[Symbol.asyncDispose]());

  beforeEach(() =>
    db.query(
      `set client_min_messages = warning; drop schema public cascade; create schema public; grant all on schema public to public`,
    ),
  );

  const fill = (table: string, rows = 5000): Promise<unknown> =>
    db.query(`insert into ${table} (k, v) select i, repeat('x', 80) || i from generate_series(1, ${rows}) i; analyze ${table}`);
  const textOf = async (table: string): Promise<readonly string[]> =>
    (await db.query(`select k || E'\\t' || v as row from ${table}`)).map(({ row }) => row ?? '').toSorted();

  it('is disjoint and complete', async () => {
    await db.query('create table t (k int primary key, v text)');
    await fill('t');

    const copy = await cutCopy(settingsFor(db), 't');
    const { rows, late } = await readCopy(settingsFor(db), copy);

    expect(copy.ranges.length).toBeGreaterThan(5);
    expect(new Set(copy.ranges.slice(0, -1).map(({ kind }) => kind))).toEqual(new Set([hasPages ? 'pages' : 'keys']));
    expect(copy.ranges.at(-1)).toMatchObject({ kind: 'catch-up' });
    expect(rows.toSorted()).toEqual(await textOf('t'));
    expect(late).toEqual([]);
  });

  it.each([
    ['a small table', 'create table t (k int primary key, v text)', 10],
    ['an empty table', 'create table t (k int primary key, v text)', 0],
    ['a table without a primary key', 'create table t (k int, v text)', 5000],
  ])('is one range for %s', async (_, ddl, rows) => {
    await db.query(ddl);
    await fill('t', rows);

    const copy = await cutCopy(settingsFor(db), 't');

    expect(copy.ranges).toEqual([{ kind: 'whole' }]);
    expect((await readCopy(settingsFor(db), copy)).rows.toSorted()).toEqual(await textOf('t'));
  });

  it('is one range for a view and a foreign table', async () => {
    await db.query(`create table t (k int primary key, v text); create view w as select * from t`);
    await fill('t');
    await db.query(`
      create extension if not exists file_fdw schema public;
      create server files foreign data wrapper file_fdw;
      create foreign table f (line text) server files options (filename '/dev/null')`);

    for (const [name, count] of [
      ['w', 5000],
      ['f', 0],
    ] as const) {
      const copy = await cutCopy(settingsFor(db), name);
      expect(copy.ranges).toEqual([{ kind: 'whole' }]);
      expect((await readCopy(settingsFor(db), copy)).rows).toHaveLength(count);
    }
  });

  it('has no more than about 2,000 ranges', async () => {
    await db.query('create table t (k int primary key, v text)');
    await fill('t', 20_000);

    expect((await cutCopy(settingsFor(db), 't', 1)).ranges.length).toBeLessThanOrEqual(2_001);
  });

  it('equals the source although rows are inserted, updated, moved, deleted and locked all the time', async () => {
    await db.query('create table t (k int primary key, v text) with (fillfactor = 60)');
    await fill('t', 3000);
    const old = await db.connect();
    await old.query(`begin; update t set v = 'by an old transaction' where k % 97 = 0`);
    const copy = await cutCopy(settingsFor(db), 't', 32_768);
    const stopped = new AbortController();
    const writers = await Promise.all(
      [1, 2, 3].map(async (seed) => {
        const client = await db.connect();
        return { client, done: churn((sql) => client.query(sql), seed, stopped.signal) };
      }),
    );

    let reads = 0;
    const { rows, late } = await readCopy(settingsFor(db), copy, async (range) => {
      reads += 1;
      if (reads === 3) await old.query('commit');
      if (reads === 5) await db.query('vacuum (freeze) t');
      if (reads === 7) await db.query('analyze t');
      if (range.kind !== 'catch-up') return;
      stopped.abort();
      await Promise.all(writers.map(({ done }) => done));
    });
    const source = await textOf('t');
    const folded = fold({ rows, late });
    await Promise.all([old, ...writers.map(({ client }) => client)].map((client) => client.end()));

    expect(new Set(rows.map((row) => row.split('\t')[0])).size, 'no key twice in the ranges').toBe(rows.length);
    expect(new Set(late.map((row) => row.split('\t')[0])).size, 'no key twice in the catch-up').toBe(late.length);
    expect(late.length).toBeGreaterThan(50);
    expect(source.filter((row) => folded.get(row.split('\t')[0] ?? '') !== row)).toEqual([]);
  });

  it('reads the catch-up in one snapshot', async () => {
    await db.query('create table t (k int primary key, v text)');
    await fill('t');
    const copy = await cutCopy(settingsFor(db), 't');
    const range = copy.ranges.at(-1);
    if (range === undefined) throw new Error('nothing was cut');
    await db.query(
      `insert into t values (0, 'new'); update t set v = 'changed' where k = 17; begin; insert into t values (-1, 'undone'); rollback`,
    );

    expect((await readRange(settingsFor(db), copy, range)).toSorted()).toEqual(['0\tnew', '17\tchanged']);
  });

  it.each([
    ['vacuum full', 'vacuum full t'],
    ['cluster', 'cluster t using t_pkey'],
    ['truncate', 'truncate t'],
    ['a change of type', 'alter table t alter v type varchar(1000) using v || k'],
    [
      'another table of that name',
      'alter table t rename to u; create table t (like u including all); insert into t select * from u',
    ],
  ])('begins anew after %s', async (_, sql) => {
    await db.query('create table t (k int primary key, v text)');
    await fill('t');
    const copy = await cutCopy(settingsFor(db), 't');
    const [first, catchUp] = [copy.ranges[0], copy.ranges.at(-1)];
    if (first === undefined || catchUp === undefined) throw new Error('nothing was cut');

    for (const statement of sql.split('; ')) await db.query(statement);

    // Key ranges do not depend on places; their catch-up does look.
    if (hasPages) expect(await rejection(readRange(settingsFor(db), copy, first))).toMatchObject({ code: 'table-rewritten' });
    expect(await rejection(readRange(settingsFor(db), copy, catchUp))).toMatchObject({ code: 'table-rewritten' });
  });

  it('says that the structure changed when the table is gone', async () => {
    await db.query('create table t (k int primary key, v text)');
    await fill('t');
    const copy = await cutCopy(settingsFor(db), 't');
    await db.query('drop table t');

    for (const range of copy.ranges) {
      expect(await rejection(readRange(settingsFor(db), copy, range))).toMatchObject({
        code: 'structure-changed',
        message: expect.stringContaining('public.t'),
      });
    }
  });

  it('sees a table as it is after waiting for the one who rewrites it', async () => {
    await db.query(`create table t (k int primary key, v text); insert into t values (1, 'a')`);
    const copy = await cutCopy(settingsFor(db), 't');
    const other = await db.connect();
    await other.query(`begin; alter table t alter v type varchar(10)`);

    const reading = readRange(settingsFor(db), copy, { kind: 'whole' });
    for (let isWaiting = false; !isWaiting;) isWaiting = (await db.query(`select 1 from pg_locks where not granted`)).length > 0;
    await other.query('commit');

    expect(await reading).toEqual(['1\ta']);
    await other.end();
  });

  it('takes a partitioned table by its leaves, with those attached meanwhile', async () => {
    const key = major >= 11 ? 'primary key' : 'not null';
    await db.query(`create table t (k int ${key}, v text) partition by range (k)`);
    for (let leaf = 0; leaf < 4; leaf += 1) {
      await db.query(`create table leaf_${leaf} partition of t for values from (${leaf * 1500}) to (${(leaf + 1) * 1500})`);
    }
    await db.query(
      `create table "Leaf ""5""" (k int not null, v text); insert into "Leaf ""5""" select i, 'attached' from generate_series(6000, 6009) i`,
    );
    await fill('t');
    const copy = await cutCopy(settingsFor(db), 't');

    const { rows, late } = await readCopy(settingsFor(db), copy, async (range) => {
      if (range.kind !== 'catch-up') return;
      await db.query(
        `alter table t attach partition "Leaf ""5""" for values from (6000) to (7000); update t set v = 'changed' where k = 17`,
      );
    });

    // Before 11 a partitioned table cannot have a primary key.
    expect(copy.ranges.length > 1).toBe(major >= 11);
    if (major >= 11) expect(late).toHaveLength(11);
    const expected = major >= 11 ? await textOf('t') : rows.toSorted();
    expect([...fold({ rows, late }).values()].toSorted()).toEqual(expected);
  });

  it('takes a parent of classic inheritance with its children', async () => {
    await db.query('create table t (k int primary key, v text); create table child (primary key (k)) inherits (t)');
    await fill('t');
    await db.query(`insert into child select i, 'child' from generate_series(10001, 12000) i; analyze t; analyze child`);

    const copy = await cutCopy(settingsFor(db), 't');
    const { rows, late } = await readCopy(settingsFor(db), copy);

    expect(copy.ranges.length).toBeGreaterThan(2);
    expect(rows.toSorted()).toEqual(await textOf('t'));
    expect(late).toEqual([]);
  });

  it.each([
    ['rights on some columns', (role: string) => `grant select (k, v) on t to ${role}`, false],
    [
      'a policy',
      (role: string) =>
        `grant select on t to ${role}; alter table t enable row level security; create policy p on t using (k > 100)`,
      true,
    ],
  ])('is right with %s', async (_, grants, isCut) => {
    const role = `reader_${randomBytes(4).toString('hex')}`;
    await db.query(`create role ${role} login; create table t (k int primary key, v text, secret int); ${grants(role)}`);
    await fill('t');
    const settings = settingsFor(db, { user: role });

    const copy = await cutCopy(settings, 't');
    const { rows } = await readCopy(settings, copy);
    await db.query(`drop owned by ${role}; drop role ${role}`);

    // Statistics of a table with policies are hidden: without pages, only integers can be cut then.
    expect(copy.ranges.length > 1).toBe(isCut);
    expect(new Set(rows).size).toBe(isCut ? 4900 : 5000);
    expect(rows).toHaveLength(isCut ? 4900 : 5000);
  });

  it('takes the key ranges of the root where its leaves may not be read', async () => {
    if (major < 11) return;
    const role = `reader_${randomBytes(4).toString('hex')}`;
    await db.query(
      `create role ${role} login; create table t (k int primary key, v text) partition by range (k); grant select on t to ${role}`,
    );
    await db.query(
      `create table low partition of t for values from (0) to (2500); create table high partition of t for values from (2500) to (10000)`,
    );
    await fill('t');
    // Discovery says the same by leaving the storage empty.
    const settings = settingsFor(db, { user: role });

    const copy = await cutCopy(settings, 't');
    const { rows, late } = await readCopy(settings, copy);
    const source = await textOf('t');
    await db.query(`drop owned by ${role}; drop role ${role}`);

    expect(copy.ranges[0]).toMatchObject({ kind: 'keys' });
    expect([...rows, ...late].toSorted()).toEqual(source);
  });

  it('takes tables and columns of any name', async () => {
    await db.query(`create table "Weird ""Name""; --" ("k""'; --" int primary key, "$1" text)`);
    await db.query(`insert into "Weird ""Name""; --" select i, repeat('x', 80) from generate_series(1, 5000) i`);

    const copy = await cutCopy(settingsFor(db), 'Weird "Name"; --');

    expect(copy.ranges.length).toBeGreaterThan(2);
    expect((await readCopy(settingsFor(db), copy)).rows).toHaveLength(5000);
  });
});

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
    let read = 0;
    for (; read === 0; read = (await blocks()) - before);
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

/** Changes rows at random until aborted: in small transactions, with savepoints and rollbacks. */
async function churn(run: (sql: string) => Promise<unknown>, seed: number, signal: AbortSignal): Promise<void> {
  for (let step = 0; !signal.aborted; step += 1) {
    const [a, b] = [(step * 7919 + seed * 104_729) % 3500, (step * 1299 + seed * 15_485) % 3500];
    // Each writer has rows of its own, so they never wait for each other.
    const mine = (k: number): number => k - (k % 3) + (seed % 3);
    await run(`
      begin;
      insert into t values (${mine(a)}, 'new ${step}') on conflict (k) do update set v = 'again ${step}';
      savepoint s;
      update t set v = repeat('y', ${step % 200}) || ${step} where k = ${mine(b)};
      ${step % 5 === 0 ? 'rollback to s' : 'release s'};
      ${step % 7 === 0 ? `delete from t where k = ${mine(b)}` : 'select 1'};
      ${step % 11 === 0 ? 'rollback' : 'commit'}`);
  }
}
