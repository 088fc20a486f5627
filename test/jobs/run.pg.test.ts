import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createDatabase, majors, newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { load, newest, openTestWorkspace } from '../support/workspace.ts';

const FULL = ['tables:', '  - { table: public.items, method: FULL_TABLE }'];
const KEYED = ['tables:', '  - { table: public.items, method: INCREMENTAL, replicationKey: updated_at }'];
/** Small enough that a few thousand rows are cut. */
const CUT = [...FULL, 'rangeBytes: 65536', 'connections: 3'];

async function withItems(major: number, rows: number): Promise<TestDatabase> {
  const db = await createDatabase(major);
  await db.query(`
    create table items (id bigint primary key, label text not null, updated_at timestamptz not null default clock_timestamp());
    create index on items (updated_at);
    insert into items select n, 'item ' || n || repeat('x', 50), now() - interval '1 hour' + n * interval '1 microsecond' from generate_series(1, ${String(rows)}) n;
    analyze items`);
  return db;
}

async function sourceRows(db: TestDatabase): Promise<readonly string[]> {
  return (await db.query(`select id || ' ' || label as row from items order by id`)).map((row) => row.row ?? '');
}

function loadedRows(rows: readonly Readonly<Record<string, unknown>>[]): readonly string[] {
  return [...rows].sort((a, b) => Number(a['id']) - Number(b['id'])).map((row) => `${String(row['id'])} ${String(row['label'])}`);
}

describe.each(majors)('PostgreSQL %i', (major) => {
  test('a full table arrives whole, and again under a new version in the next job', async () => {
    await using db = await withItems(major, 3_000);
    await using ws = await openTestWorkspace(db, { lines: FULL });
    const stream = `${db.database}.public.items`;

    const first = await ws.run();
    await db.query(`delete from items where id <= 10; update items set label = 'changed' where id = 11`);
    const second = await ws.run();

    expect([first.state, second.state]).toEqual(['complete', 'complete']);
    expect(first.tables[0]).toMatchObject({ stream, state: 'complete', rows: 3_000, rowsRead: 3_000, newVersion: true });
    expect(second.tables[0]?.activeVersion).toBeGreaterThan(first.tables[0]?.activeVersion ?? Infinity);
    const { rows } = await load(ws.folder, await ws.reports());
    expect(loadedRows(rows.get(stream) ?? [])).toEqual(await sourceRows(db));
  });

  test('a cut table arrives whole from several connections while it is being changed, no stable row twice', async () => {
    await using db = await withItems(major, 20_000);
    await using ws = await openTestWorkspace(db, { lines: CUT });
    const stream = `${db.database}.public.items`;
    const writer = await db.connect();
    const stopping = new AbortController();
    const stopped = stopping.signal;
    const changes = (async () => {
      for (let n = 1; !stopped.aborted; n += 1) {
        await writer.query(`update items set label = 'changed ' || $1::text where id % 997 = $1::bigint % 997`, [String(n)]);
        await writer.query(`insert into items (id, label) values ($1, 'new')`, [String(100_000 + n)]);
      }
    })();

    const report = await ws.run();
    stopping.abort();
    await changes;

    expect(report.state).toBe('complete');
    expect(report.tables[0]?.objects.length).toBeGreaterThan(3);
    const { rows } = await load(ws.folder, await ws.reports());
    const loaded = rows.get(stream) ?? [];
    const ids = new Set(newest(loaded, 'id').map((row) => row['id']));
    for (let id = 1; id <= 20_000; id += 1) if (!ids.has(id)) throw new Error(`row ${String(id)} is missing`);
    const untouched = loaded.filter((row) => String(row['label']).startsWith('item ') || row['label'] === 'new');
    expect(new Set(untouched.map((row) => row['id'])).size).toBe(untouched.length);
  });

  test('a key-based stream copies, then sends what is new, and nothing where nothing changed', async () => {
    await using db = await withItems(major, 2_000);
    await using ws = await openTestWorkspace(db, { lines: KEYED });
    const stream = `${db.database}.public.items`;

    const copy = await ws.run();
    const quiet = await ws.run();
    await db.query(
      `update items set label = 'changed', updated_at = clock_timestamp() where id between 5 and 9; insert into items (id, label) values (5000, 'late')`,
    );
    const changed = await ws.run();
    const quietAgain = await ws.run();

    expect([copy, quiet, changed, quietAgain].map((report) => [report.state, report.tables[0]?.rows])).toEqual([
      ['complete', 2_000],
      ['complete', 0],
      ['complete', 6],
      ['complete', 0],
    ]);
    expect(changed.tables[0]?.bookmarkMetadata[0]?.key).toBe('updated_at');
    const { rows } = await load(ws.folder, await ws.reports());
    expect(loadedRows(newest(rows.get(stream) ?? [], 'id'))).toEqual(await sourceRows(db));
  });
});

test('a stopped copy goes on in the next job with what is left, and names nothing twice', async () => {
  await using db = await withItems(newestMajor, 30_000);
  await using ws = await openTestWorkspace(db, { lines: [...FULL, 'rangeBytes: 65536', 'connections: 1'] });
  const stream = `${db.database}.public.items`;
  const stop = new AbortController();
  await using workspace = await ws.open();
  let rows = 0;

  const outcome = await workspace.run('shop', {
    trigger: 'manual',
    progress: (event) => {
      if (event.kind === 'rows' && (rows += event.rows) > 5_000) stop.abort();
    },
    stop: stop.signal,
    abort: new AbortController().signal,
  });
  const first = outcome.state === 'finished' ? outcome.report : undefined;
  const second = await ws.run();

  expect(first).toMatchObject({ state: 'stopped', tables: [{ state: 'copying', activeVersion: null }] });
  expect(second).toMatchObject({ state: 'complete', tables: [{ state: 'complete', newVersion: true }] });
  expect(second.tables[0]?.rows).toBeLessThan(30_000);
  expect(second.tables[0]?.tableVersion).toBe(first?.tables[0]?.tableVersion);
  const loaded = await load(ws.folder, await ws.reports());
  expect(loadedRows(loaded.rows.get(stream) ?? [])).toEqual(await sourceRows(db));
});

test('a second run beside the first says that the integration is busy, and leaves a record', async () => {
  await using db = await withItems(newestMajor, 20_000);
  await using ws = await openTestWorkspace(db, { lines: CUT });
  await using one = await ws.open();
  await using other = await ws.open();
  const signal = new AbortController().signal;
  let second: ReturnType<typeof other.run> | undefined;

  const first = await one.run('shop', {
    trigger: 'manual',
    progress: () => {
      second ??= other.run('shop', { trigger: 'schedule', progress: () => undefined, stop: signal, abort: signal });
    },
    stop: signal,
    abort: signal,
  });

  expect(first).toMatchObject({ state: 'finished', report: { state: 'complete' } });
  expect(await second).toMatchObject({ state: 'busy' });
  const states: string[] = [];
  for await (const job of one.jobs('shop', { limit: 10 }, signal)) states.push(job.state);
  expect(states.sort()).toEqual(['complete', 'skipped']);
});

test('while paused, schedules start nothing but people may', async () => {
  await using db = await withItems(newestMajor, 10);
  await using ws = await openTestWorkspace(db, { lines: FULL });
  await using workspace = await ws.open();
  const signal = new AbortController().signal;
  const request = { progress: () => undefined, stop: signal, abort: signal };

  await workspace.pause('shop', signal);
  const scheduled = await workspace.run('shop', { trigger: 'schedule', ...request });
  const manual = await workspace.run('shop', { trigger: 'manual', ...request });
  await workspace.resume('shop', signal);
  const resumed = await workspace.run('shop', { trigger: 'schedule', ...request });

  expect(scheduled.state).toBe('paused');
  expect(manual).toMatchObject({ state: 'finished', report: { state: 'complete' } });
  expect(resumed).toMatchObject({ state: 'finished', report: { state: 'complete' } });
});

test('a stream that fails is recorded with its remedy, and the others go on', async () => {
  await using db = await withItems(newestMajor, 10);
  await db.query(`create table broken (id int primary key, n int); insert into broken values (1, 0);
    create view failing as select id, 1 / n as q from broken`);
  await using ws = await openTestWorkspace(db, { lines: [...FULL, '  - { view: public.failing, method: FULL_TABLE }'] });

  const report = await ws.run();

  expect(report.state).toBe('partial');
  expect(report.tables.map((table) => [table.table, table.state, table.error?.code ?? null, table.rows])).toEqual([
    ['failing', 'failed', 'query-failed', 0],
    ['items', 'complete', null, 10],
  ]);
  expect(report.tables[0]?.error?.remedy).not.toBe('');
});

test('a name that never existed refuses the job before anything is read', async () => {
  await using db = await withItems(newestMajor, 10);
  await using ws = await openTestWorkspace(db, { lines: [...FULL, '  - { table: public.itmes, method: FULL_TABLE }'] });

  const report = await ws.run();

  expect(report).toMatchObject({ state: 'failed', error: { code: 'table-missing' }, tables: [] });
  expect(report.error?.message).toContain('items');
  expect(await readdir(join(ws.folder, 'out', 'shop')).catch(() => [])).not.toContain('items');
});

test('a table that was dropped after it had worked fails alone', async () => {
  await using db = await withItems(newestMajor, 10);
  await db.query(`create table other (id int primary key); insert into other values (1)`);
  await using ws = await openTestWorkspace(db, { lines: [...FULL, '  - { table: public.other, method: FULL_TABLE }'] });

  await ws.run();
  await db.query('drop table other');
  const report = await ws.run();

  expect(report.state).toBe('partial');
  expect(report.tables.map((table) => [table.table, table.state, table.error?.code ?? null])).toEqual([
    ['items', 'complete', null],
    ['other', 'failed', 'table-missing'],
  ]);
});

test('a reset begins a fresh copy under a new version at the next job', async () => {
  await using db = await withItems(newestMajor, 50);
  await using ws = await openTestWorkspace(db, { lines: KEYED });
  await using workspace = await ws.open();

  const first = await ws.run();
  const reset = await workspace.reset('shop', { table: 'public.items' }, new AbortController().signal);
  const second = await ws.run();
  const third = await ws.run();

  expect(reset.streams).toEqual([`${db.database}.public.items`]);
  expect(second.tables[0]).toMatchObject({ rows: 50, newVersion: true });
  expect(second.tables[0]?.tableVersion).toBeGreaterThan(first.tables[0]?.tableVersion ?? Infinity);
  expect(third.tables[0]).toMatchObject({ rows: 0, newVersion: false });
});

test('another method or another key begins a fresh copy', async () => {
  await using db = await withItems(newestMajor, 50);
  await using ws = await openTestWorkspace(db, { lines: FULL });

  await ws.run();
  await ws.configure({ lines: KEYED });
  const keyed = await ws.run();
  await ws.configure({ lines: ['tables:', '  - { table: public.items, method: INCREMENTAL, replicationKey: id }'] });
  const otherKey = await ws.run();
  const quiet = await ws.run();

  expect([keyed, otherKey, quiet].map((report) => [report.tables[0]?.rows, report.tables[0]?.newVersion])).toEqual([
    [50, true],
    [50, true],
    [0, false],
  ]);
});

test('a column added at the source flows in by itself, and the schema is published before its rows', async () => {
  await using db = await withItems(newestMajor, 5);
  await using ws = await openTestWorkspace(db, { lines: KEYED });

  const first = await ws.run();
  await db.query(
    `alter table items add column note text; update items set note = 'hi', updated_at = clock_timestamp() where id = 1`,
  );
  const second = await ws.run();

  expect(second.tables[0]?.schemaHash).not.toBe(first.tables[0]?.schemaHash);
  // The changed row, and the boundary row once more: it has a column now that was not sent with it.
  expect(second.tables[0]).toMatchObject({ rows: 2, newVersion: false });
  const { rows } = await load(ws.folder, await ws.reports());
  expect(newest(rows.get(`${db.database}.public.items`) ?? [], 'id').find((row) => row['id'] === 1)?.['note']).toBe('hi');
  const files = await readdir(join(ws.folder, 'out', 'shop', 'items'));
  expect(files.filter((name) => name.startsWith('_table')).length).toBe(3);
});

test('a table without rows and a table without a key arrive as what they are', async () => {
  await using db = await createDatabase(newestMajor);
  await db.query(
    `create table empty (id int primary key); create table keyless (n int); insert into keyless select g from generate_series(1, 100) g`,
  );
  await using ws = await openTestWorkspace(db, {
    lines: ['tables:', '  - { table: public.empty, method: FULL_TABLE }', '  - { table: public.keyless, method: FULL_TABLE }'],
  });

  const report = await ws.run();

  expect(report.tables.map((table) => [table.table, table.state, table.rows, table.objects.length])).toEqual([
    ['empty', 'complete', 0, 0],
    ['keyless', 'complete', 100, 1],
  ]);
  const { rows } = await load(ws.folder, await ws.reports());
  const ids = (rows.get(`${db.database}.public.keyless`) ?? []).map((row) => row['__sdc_primary_key']);
  expect(new Set(ids).size).toBe(100);
});

test('the log of a job and its report can be read afterwards', async () => {
  await using db = await withItems(newestMajor, 10);
  await using ws = await openTestWorkspace(db, { lines: FULL });
  const signal = new AbortController().signal;

  const report = await ws.run();
  await using workspace = await ws.open();
  const events: string[] = [];
  for await (const event of workspace.logs('shop', report.job, signal)) events.push(event.event);

  expect(events[0]).toBe('job-started');
  expect(events.at(-2)).toBe('table-loaded');
  expect(events.at(-1)).toBe('job-ended');
  expect(await workspace.report('shop', report.job, signal)).toEqual(report);
  await expect(workspace.report('shop', 'nope', signal)).rejects.toMatchObject({ code: 'job-unknown' });
});
