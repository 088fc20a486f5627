import { describe, expect, it } from 'vitest';
import { createDatabase, majors } from '../../support/postgres.ts';
import type { TestDatabase, TextRow } from '../../support/postgres.ts';
import { never, rejection } from '../support.ts';
import { LogCollector } from './log-collector.ts';
import { confirmedOf, openTestLog, published } from './log-support.ts';
import type { TestLog } from './log-support.ts';

/** What the publications of a database hold, as `publication: schema.table(columns)`. */
async function held(db: TestDatabase): Promise<readonly string[]> {
  const columns =
    db.major >= 15
      ? `coalesce('(' || (select string_agg(attname, ', ' order by attnum) from pg_attribute where attrelid = prrelid and attnum = any (prattrs)) || ')', '')`
      : `''`;
  const rows = await db.query(
    `select p.pubname || ': ' || prrelid::regclass || ${columns} as held
     from pg_publication_rel join pg_publication p on p.oid = prpubid order by 1`,
  );
  return rows.map((row) => row.held ?? '');
}

/** Changes whenever somebody touches a publication. */
async function fingerprint(db: TestDatabase): Promise<readonly TextRow[]> {
  return db.query(`select xmin, oid from pg_publication union all select xmin, oid from pg_publication_rel order by 2`);
}

async function readAll(log: TestLog, from: Awaited<ReturnType<typeof confirmedOf>>): Promise<readonly string[]> {
  const handler = new LogCollector();
  await using reader = await log.session.reader({ consume: 'stream', plugin: 'pgoutput' }, never());
  await reader.read(await log.request(from, 'pgoutput'), handler, never());
  return handler.changes;
}

describe.each(majors)('the publication on PostgreSQL %i', (major) => {
  it('holds exactly the tables that are selected, and is left alone while it does', async () => {
    await using db = await createDatabase(major);
    await db.query(
      'create table a (id int primary key); create table "B ""b""" (id int primary key); create table c (id int primary key)',
    );
    await using log = await openTestLog(db);
    const [a, b, c] = published(await log.tables());
    if (a === undefined || b === undefined || c === undefined) throw new Error('three tables');

    expect((await log.open({ tables: [a, b] })).added).toEqual([`${db.database}.public."B ""b"""`, `${db.database}.public.a`]);
    const before = await fingerprint(db);
    expect((await log.open({ tables: [b, a] })).added).toEqual([]);
    expect(await fingerprint(db)).toEqual(before);
    expect((await log.open({ tables: [b, c] })).added).toEqual([`${db.database}.public.c`]);
    expect(await held(db)).toEqual([`${log.slot}: ${b.table.name.table}`, `${log.slot}: c`]);
    expect((await log.open({ tables: [] })).added).toEqual([]);
    expect(await held(db)).toEqual([]);
  });

  it('publishes only the inserts of a table that has no identity, so that its updates still work, and all once it has one', async () => {
    await using db = await createDatabase(major);
    await db.query('create table t (id int, note text); insert into t values (0, $$old$$)');
    await using log = await openTestLog(db);

    const opened = await log.open();
    const start = await confirmedOf(log);
    expect(opened.streamWarnings).toEqual([
      {
        stream: `${db.database}.public.t`,
        code: 'replica-identity-missing',
        warning: expect.stringContaining('ALTER TABLE "public"."t" ADD PRIMARY KEY'),
      },
    ]);
    expect(await held(db)).toEqual([`${log.slot}_inserts: t`]);
    await db.query(`insert into t values (1, 'a'); update t set note = 'b' where id = 1; delete from t where id = 0`);
    expect(await readAll(log, start)).toEqual(['insert public.t {"id":"1","note":"a"}']);

    await db.query('alter table t add primary key (id)');
    expect((await log.open()).streamWarnings).toEqual([]);
    expect(await held(db)).toEqual([`${log.slot}: t`]);
    await db.query(`update t set note = 'c' where id = 1; delete from t`);
    expect((await readAll(log, start)).slice(1)).toEqual(['update public.t {"id":"1","note":"c"}', 'delete public.t {"id":"1"}']);
  });

  it('names what makes an identity useless', async () => {
    await using db = await createDatabase(major);
    await db.query(`
      create table nothing (id int primary key); alter table nothing replica identity nothing;
      create table elsewhere (id int primary key, code int not null unique); alter table elsewhere replica identity using index elsewhere_code_key;
      create table gone (id int not null, constraint k unique (id)); alter table gone replica identity using index k; alter table gone drop constraint k;
      create table whole (id int); alter table whole replica identity full;
      create unlogged table unlogged (id int primary key)`);
    await using log = await openTestLog(db);

    const { streamWarnings } = await log.open();

    expect(streamWarnings.map(({ stream, code }) => `${stream.split('.')[2] ?? ''}: ${code}`).sort()).toEqual([
      'elsewhere: replica-identity-unsuitable',
      'gone: replica-identity-missing',
      'nothing: replica-identity-missing',
      'unlogged: table-unlogged',
    ]);
    expect(streamWarnings.find(({ stream }) => stream.endsWith('nothing'))?.warning).toContain(
      'ALTER TABLE "public"."nothing" REPLICA IDENTITY DEFAULT;',
    );
    // Nobody's updates are refused.
    await db.query(
      'update nothing set id = 1; update elsewhere set id = 1; update gone set id = 1; update whole set id = 1; update unlogged set id = 1',
    );
  });

  it('that somebody else made is used as it is when everything comes through, else it is told what to run', async () => {
    await using db = await createDatabase(major);
    const role = `reader_${db.database}`;
    await db.query('create table a (id int primary key); create table b (id int primary key)');
    await db.query(
      `create role ${role} login replication; grant usage on schema public to ${role}; grant select on all tables in schema public to ${role}`,
    );
    {
      await using log = await openTestLog(db, { user: role });
      const error = await rejection(log.open());
      expect(error).toMatchObject({
        code: 'publication-right-missing',
        remedy: expect.stringContaining(`create publication "${log.slot}" for table only "public"."a", only "public"."b"`),
      });
      expect(await db.query('select 1 from pg_replication_slots where database = current_database()')).toEqual([]);

      await db.query(`create publication ${log.slot} for table a`);
      expect(await rejection(log.open())).toMatchObject({
        code: 'publication-right-missing',
        remedy: expect.stringContaining(`alter publication "${log.slot}" set table`),
      });
      await db.query(`alter publication ${log.slot} add table b`);
      const before = await fingerprint(db);
      expect(await log.open()).toMatchObject({ created: true, added: [], publicationCreated: false });
      const start = await confirmedOf(log);
      await db.query('insert into b values (1)');
      expect(await readAll(log, start)).toEqual(['insert public.b {"id":"1"}']);
      await db.query(`drop publication ${log.slot}; create publication ${log.slot} for all tables`);
      expect(await log.open()).toMatchObject({ added: [] });
      expect(await fingerprint(db)).not.toEqual(before);
    }
    await db.query(`drop owned by ${role}; drop role ${role}`);
  });

  it('gives a partitioned table by its root, or by each leaf where the server cannot', async () => {
    await using db = await createDatabase(major);
    const key = major >= 11 ? 'primary key (id)' : 'check (true)';
    await db.query(`create table p (id int not null, ${key}) partition by range (id)`);
    await db.query(
      'create table p1 partition of p for values from (0) to (10); create table p2 partition of p for values from (10) to (20)',
    );
    if (major < 11) await db.query('alter table p1 add primary key (id); alter table p2 add primary key (id)');
    await using log = await openTestLog(db);
    await log.open();
    const start = await confirmedOf(log);

    await db.query('insert into p values (1), (11); delete from p where id = 1');

    expect(await held(db)).toEqual(major >= 13 ? [`${log.slot}: p`] : [`${log.slot}: p1`, `${log.slot}: p2`]);
    const name = (leaf: string): string => (major >= 13 ? 'p' : leaf);
    expect(await readAll(log, start)).toEqual([
      `insert public.${name('p1')} {"id":"1"}`,
      `insert public.${name('p2')} {"id":"11"}`,
      `delete public.${name('p1')} {"id":"1"}`,
    ]);
  });

  it('is an error of its own when it is younger than what the slot holds', async () => {
    await using db = await createDatabase(major);
    await db.query('create table t (id int primary key)');
    await using log = await openTestLog(db);
    await db.query(`select pg_create_logical_replication_slot('${log.slot}', 'pgoutput')`);
    await db.query('insert into t values (1)');

    const opened = await log.open();
    const start = await confirmedOf(log);

    expect(opened).toMatchObject({ created: false, publicationCreated: true, added: [`${db.database}.public.t`] });
    expect(opened.startLsn).toBeGreaterThan(start);
    await db.query('insert into t values (2)');
    if (major < 18) expect(await rejection(readAll(log, start))).toMatchObject({ code: 'publication-younger' });
    expect(await readAll(log, opened.startLsn ?? start)).toEqual(['insert public.t {"id":"2"}']);
  });
});

describe.each(majors.filter((major) => major >= 15))('column lists on PostgreSQL %i', (major) => {
  it('leave deselected columns on the server, but never those of the identity', async () => {
    await using db = await createDatabase(major);
    await db.query(`
      create table t (id int primary key, secret text, shown text);
      create table by_index (id int primary key, code int not null unique, secret text); alter table by_index replica identity using index by_index_code_key;
      create table whole (id int primary key, secret text); alter table whole replica identity full;
      create table keyless (id int, secret text)`);
    await using log = await openTestLog(db);
    const tables = (await log.tables()).map((table) => ({
      table,
      columns: table.columns.map(({ name }) => name).filter((name) => name === 'id' || name === 'shown'),
    }));
    await log.open({ tables });
    const start = await confirmedOf(log);

    expect(await held(db)).toEqual([
      `${log.slot}: by_index(id, code)`,
      `${log.slot}: t(id, shown)`,
      `${log.slot}: whole`,
      `${log.slot}_inserts: keyless`,
    ]);
    await db.query(
      `insert into t values (1, 'secret', 'shown'); update t set secret = 'other'; insert into by_index values (1, 2, 'x'); update by_index set secret = 'y'; update whole set id = 1`,
    );
    expect((await readAll(log, start)).slice(0, 2)).toEqual([
      'insert public.t {"id":"1","shown":"shown"}',
      'update public.t {"id":"1","shown":"shown"}',
    ]);
    // No change was lost to a list: what it left out is read again by key.
    expect((await log.open()).added).toEqual([]);
    expect(await held(db)).toContain(`${log.slot}: t`);
  });

  it('are not needed for generated columns, which come through where the server can', async () => {
    await using db = await createDatabase(major);
    await db.query('create table t (id int primary key, twice int generated always as (id * 2) stored)');
    await using log = await openTestLog(db);
    await log.open();
    const start = await confirmedOf(log);
    await db.query('insert into t values (1)');

    expect(await held(db)).toEqual([`${log.slot}: t`]);
    expect(await readAll(log, start)).toEqual([
      major >= 18 ? 'insert public.t {"id":"1","twice":"2"}' : 'insert public.t {"id":"1"}',
    ]);
  });
});
