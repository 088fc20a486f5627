import { expect, test } from 'vitest';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { load, newest, openTestWorkspace } from '../support/workspace.ts';
import type { TestWorkspace } from '../support/workspace.ts';

const ITEMS = '  - { table: public.items, method: LOG_BASED }';
const EVENTS = '  - { table: public.events, method: LOG_BASED }';

async function withItems(): Promise<TestDatabase> {
  const db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
  await db.query(`
    create table items (id int primary key, n int);
    insert into items select g, g from generate_series(1, 100) g;
    create table events (id int, at int, primary key (id, at)) partition by range (at);
    create table events_1 partition of events for values from (0) to (10);
    insert into events select g, g % 10 from generate_series(1, 50) g`);
  return db;
}

function lines(db: TestDatabase, ...tables: readonly string[]): readonly string[] {
  return [`logBased: { plugin: pgoutput, slot: ${db.database} }`, 'tables:', ...tables];
}

/** Rows of a stream as they are now: deletes applied, `id n` each. */
async function items(ws: TestWorkspace, db: TestDatabase): Promise<readonly string[]> {
  const { rows } = await load(ws.folder, await ws.reports());
  return newest(rows.get(`${db.database}.public.items`) ?? [], 'id')
    .filter((row) => row['_sdc_deleted_at'] === null)
    .map((row) => `${String(row['id'])} ${String(row['n'])}`)
    .sort();
}

async function source(db: TestDatabase): Promise<readonly string[]> {
  return (await db.query(`select id || ' ' || n as row from items`)).map((row) => row['row'] ?? '').sort();
}

test('changes, key changes, deletes and a prepared transaction arrive; counts are by kind', async () => {
  await using db = await withItems();
  await using ws = await openTestWorkspace(db, { lines: lines(db, ITEMS) });

  const first = await ws.run();
  await db.query(
    `insert into items values (200, 1); update items set n = -1 where id <= 3; delete from items where id = 4; update items set id = 300 where id = 5`,
  );
  await db.query(`begin; update items set n = -2 where id = 6; prepare transaction 'both phases'`);
  const second = await ws.run();
  await db.query(`commit prepared 'both phases'`);
  const third = await ws.run();

  expect([first, second, third].map((report) => report.state)).toEqual(['complete', 'complete', 'complete']);
  expect(second.tables[0]).toMatchObject({ inserts: 1, updates: 4, deletes: 1, newVersion: false });
  expect(third.tables[0]).toMatchObject({ inserts: 0, updates: 1, deletes: 0 });
  expect(second.slots[0]).toMatchObject({ slot: db.database, plugin: 'pgoutput', active: false });
  expect(await items(ws, db)).toEqual(await source(db));
});

test('a slot that somebody else moved on, or dropped, is an error before anything is read, and a reset recovers', async () => {
  await using db = await withItems();
  await using ws = await openTestWorkspace(db, { lines: lines(db, ITEMS) });
  await ws.run();

  await db.query(`insert into items values (201, 1)`);
  await db.query(`select pg_replication_slot_advance('${db.database}', pg_current_wal_lsn())`);
  const ahead = await ws.run();
  await db.query(`select pg_drop_replication_slot('${db.database}')`);
  const missing = await ws.run();
  await using workspace = await ws.open();
  await workspace.reset('shop', {}, AbortSignal.timeout(60_000));
  const recovered = await ws.run();
  await db.query(`insert into items values (202, 1)`);
  await ws.run();

  expect([ahead, missing].map((report) => [report.state, report.tables[0]?.error?.code, report.tables[0]?.rows])).toEqual([
    ['partial', 'slot-ahead', 0],
    ['partial', 'slot-missing', 0],
  ]);
  expect(recovered).toMatchObject({ state: 'complete', tables: [{ newVersion: true }] });
  expect(await items(ws, db)).toEqual(await source(db));
});

test('a stream that was deselected meanwhile is copied anew when it is selected again; added ones are copied beside the log', async () => {
  await using db = await withItems();
  await using ws = await openTestWorkspace(db, { lines: lines(db, ITEMS, EVENTS) });
  await ws.run();

  await ws.configure({ lines: lines(db, EVENTS) });
  await db.query(
    `update items set n = -5; create table events_2 partition of events for values from (10) to (20); insert into events values (1, 15)`,
  );
  const without = await ws.run();
  await db.query(`delete from items where id > 50`);
  await ws.configure({ lines: lines(db, ITEMS, EVENTS) });
  const again = await ws.run();
  await db.query(`alter table events detach partition events_1; insert into events values (2, 16)`);
  const after = await ws.run();

  expect(without.tables.map((table) => [table.table, table.inserts])).toEqual([['events', 1]]);
  expect(again.tables.find((table) => table.table === 'items')).toMatchObject({ newVersion: true, state: 'complete' });
  expect(after.tables.find((table) => table.table === 'events')).toMatchObject({ inserts: 1, newVersion: false });
  expect(await items(ws, db)).toEqual(await source(db));
});

test('several databases have a slot each, and one that cannot be read does not hold up the other', async () => {
  await using one = await withItems();
  await using other = await withItems();
  await using ws = await openTestWorkspace(one, { lines: [] });
  const connection = `    connection: { host: ${one.host}, port: ${String(one.port)}, database: ${one.database}, databases: [${one.database}, ${other.database}], user: postgres, ssl: { mode: disable } }`;
  const { readFile, writeFile } = await import('node:fs/promises');
  await ws.configure({
    lines: [
      'logBased: { plugin: pgoutput }',
      'tables:',
      `  - { table: ${one.database}.public.items, method: LOG_BASED, destinationTable: one }`,
      `  - { table: ${other.database}.public.items, method: LOG_BASED, destinationTable: other }`,
    ],
  });
  const text = await readFile(ws.configPath, 'utf8');
  await writeFile(ws.configPath, text.replace(/^ {4}connection: .*$/m, connection));

  const first = await ws.run();
  await other.query(`select pg_drop_replication_slot('backstitch_${other.database}')`);
  await one.query(`insert into items values (500, 1)`);
  const second = await ws.run();

  expect(first).toMatchObject({ state: 'complete' });
  expect(first.slots.map((slot) => slot.database).sort()).toEqual([one.database, other.database].sort());
  expect(second.tables.map((table) => [table.destinationTable, table.error?.code ?? null, table.inserts]).sort()).toEqual([
    ['one', null, 1],
    ['other', 'slot-missing', 0],
  ]);
});
