import { expect, test } from 'vitest';
import { runChildJob } from '../support/child-job.ts';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { load, openTestWorkspace } from '../support/workspace.ts';
import type { TestWorkspace } from '../support/workspace.ts';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

interface TruncatedTable extends AsyncDisposable {
  readonly db: TestDatabase;
  readonly ws: TestWorkspace;
}

/** Two replicated tables, of which one was changed and then truncated since; the other was changed. */
async function truncatedTable(): Promise<TruncatedTable> {
  const db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
  await db.query(`
    create table emptied (id int primary key, label text); insert into emptied select n, 'a' from generate_series(1, 50) n;
    create table kept (id int primary key, label text); insert into kept select n, 'a' from generate_series(1, 50) n`);
  const ws = await openTestWorkspace(db, {
    lines: [
      'connections: 1',
      'defaultReplicationMethod: LOG_BASED',
      'selectAll: true',
      `logBased: { plugin: pgoutput, slot: ${db.database} }`,
    ],
  });
  await ws.run();
  await db.query(`update emptied set label = 'b'; update kept set label = 'b'`);
  await db.query(`truncate emptied; insert into emptied values (1, 'c')`);
  return {
    db,
    ws,
    [Symbol.asyncDispose]: async () => {
      await ws[Symbol.asyncDispose]();
      await db[Symbol.asyncDispose]();
    },
  };
}

/** Objects with rows in the sink. */
async function objects(ws: TestWorkspace): Promise<readonly string[]> {
  const out = join(ws.folder, 'out');
  const entries = await readdir(out, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => /^(copy|log)-/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(out.length + 1));
}

test.each(['commit.before', 'commit.after', 'sink.complete.after'] as const)(
  'two jobs that are killed at %s of a batch with a TRUNCATE leave no object that no report names, and none that two name',
  async (at) => {
    await using scene = await truncatedTable();
    const { ws, db } = scene;
    const hit = at === 'sink.complete.after' ? 2 : 1;
    for (let kill = 0; kill < 2; kill += 1) await runChildJob(ws.configPath, undefined, { fail: { at, hit, how: 'kill' } });

    expect((await ws.run()).state).toBe('complete');

    const { rows, keys } = await load(ws.folder, await ws.reports());
    expect((await objects(ws)).filter((key) => !keys.has(key))).toEqual([]);
    expect(rows.get(`${db.database}.public.emptied`)?.map((row) => row['label'])).toEqual(['c']);
    expect(rows.get(`${db.database}.public.kept`)?.filter((row) => row['label'] === 'b')).toHaveLength(50);
  },
);

test('rows that a TRUNCATE of the same batch supersedes are not written', async () => {
  await using scene = await truncatedTable();

  const report = await scene.ws.run();

  const emptied = report.tables.find(({ table }) => table === 'emptied');
  expect(emptied).toMatchObject({ rows: 1, rowsRead: 1, inserts: 1, updates: 0 });
});

test('a table that is truncated before its first copy begins is not copied: the log has all of its rows', async () => {
  await using db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
  await db.query(
    `create table emptied (id int primary key, label text); insert into emptied select n, 'a' from generate_series(1, 50) n`,
  );
  await using ws = await openTestWorkspace(db, {
    lines: [
      'connections: 1',
      'defaultReplicationMethod: LOG_BASED',
      'selectAll: true',
      `logBased: { plugin: pgoutput, slot: ${db.database} }`,
    ],
  });
  // It has its slot then, and nothing is copied yet.
  await runChildJob(ws.configPath, undefined, { fail: { at: 'work.save.after', hit: 1, how: 'kill' } });
  await db.query(`truncate emptied; insert into emptied values (1, 'c')`);

  expect((await ws.run()).state).toBe('complete');

  const { rows, keys } = await load(ws.folder, await ws.reports());
  expect(rows.get(`${db.database}.public.emptied`)?.map((row) => row['label'])).toEqual(['c']);
  expect((await objects(ws)).filter((key) => !keys.has(key))).toEqual([]);
  expect((await objects(ws)).filter((key) => key.includes('/copy-'))).toEqual([]);
});
