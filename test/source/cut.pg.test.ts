import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, eventually, majors } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { cutCopy, fold, readCopy, readRange } from './cut-reader.ts';
import { rejection, settingsFor } from './support.ts';

describe.each(majors)('a copy in ranges on PostgreSQL %i', (major) => {
  let db: TestDatabase;
  const hasPages = major >= 14;

  beforeAll(async () => {
    db = await createDatabase(major);
  });

  afterAll(() => db[Symbol.asyncDispose]());

  afterEach(() => db.endTransactions());

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

    expect((await cutCopy(settingsFor(db), 't', { rangeBytes: 1 })).ranges.length).toBeLessThanOrEqual(2_001);
  });

  it('equals the source although rows are inserted, updated, moved, deleted and locked all the time', async () => {
    await db.query('create table t (k int primary key, v text) with (fillfactor = 60)');
    await fill('t', 3000);
    const old = await db.connect();
    await old.query(`begin; update t set v = 'by an old transaction' where k % 97 = 0`);
    const copy = await cutCopy(settingsFor(db), 't', { rangeBytes: 32_768, open: 'some' });
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
    await db.query(`insert into t values (0, 'new'); update t set v = 'changed' where k = 17`);
    await db.query(`begin; insert into t values (-1, 'undone'); rollback`);

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
    await eventually(
      'the reader waits',
      async () =>
        (
          await db.query(
            `select 1 from pg_locks where not granted and relation = 't'::regclass and database = (select oid from pg_database where datname = current_database())`,
          )
        ).length > 0,
    );
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
