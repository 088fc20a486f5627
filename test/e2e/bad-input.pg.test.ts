import { readdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { openTestWorkspace } from '../support/workspace.ts';
import { attemptRun, objectsOf, writtenText } from './support/attempt.ts';

/** Stands in rows of every table: it must be found in none of what is said of a failure. */
const IN_A_ROW = 'worth-keeping-to-ourselves';

async function withTables(): Promise<TestDatabase> {
  const db = await createDatabase(newestMajor);
  await db.query(`
    create table items (id bigint primary key, label text, body jsonb, updated_at timestamptz not null default now());
    insert into items select n, '${IN_A_ROW}', '{"v": "${IN_A_ROW}"}' from generate_series(1, 10) n;
    create view latest as select * from items;
    create view unreadable as select id, label::integer as n from items;
    create schema other;
    create table other.items (id bigint primary key, label text);
    create table "Weird ""Name""" (id bigint);
    create materialized view kept as select * from items`);
  return db;
}

describe('a configuration file with mistakes is refused before anything is opened', () => {
  test.each([
    ['an unknown key', ['tables: [{ table: public.items, methd: FULL_TABLE }]'], ['methd', 'method']],
    ['a wrong type', ['connections: many', 'tables: []'], ['many']],
    ['a method that does not exist', ['tables: [{ table: public.items, method: FULL }]'], ['FULL_TABLE']],
    [
      'a method that its kind cannot have',
      ['tables: [{ view: public.latest, primaryKey: [id], method: LOG_BASED }]'],
      ['LOG_BASED'],
    ],
    [
      'one table twice',
      ['tables: [{ table: public.items, method: FULL_TABLE }, { table: public.items, method: FULL_TABLE }]'],
      ['public.items'],
    ],
    ['YAML that is none', ['tables: [{ table: public.items'], ['backstitch.yaml']],
  ])('%s', async (_, lines, named) => {
    await using ws = await openTestWorkspace({ host: '127.0.0.1', port: 1, database: 'none' }, { lines });

    const attempt = await attemptRun(ws);

    expect(attempt.exitCode).toBe(2);
    expect(attempt.error?.code).toBe('config-invalid');
    for (const name of named) expect(attempt.error?.message).toContain(name);
    // File, line and column of the first mistake.
    expect(attempt.error?.message).toMatch(/backstitch\.yaml:[0-9]+:[0-9]+/);
    expect(await readdir(ws.folder)).toEqual(['backstitch.yaml']);
  });

  test('a file that is not there', async () => {
    const attempt = await attemptRun({ configPath: '/nowhere/backstitch.yaml' });

    expect(attempt).toMatchObject({ exitCode: 2, error: { code: 'config-unreadable' } });
    expect(attempt.error?.message).toContain('/nowhere/backstitch.yaml');
  });
});

describe('a selection that does not fit the database is refused before anything is read', () => {
  const table = (rest: string): readonly string[] => [`tables: [{ ${rest} }]`];

  test.each([
    ['a table that does not exist', table('table: public.itms, method: FULL_TABLE'), 'table-missing', ['public.itms', 'items']],
    ['a schema that does not exist', table('table: nowhere.items, method: FULL_TABLE'), 'table-missing', ['nowhere.items']],
    [
      'a column that does not exist',
      table('table: public.items, method: FULL_TABLE, columns: { exclude: [lable] }'),
      'column-missing',
      ['lable', 'public.items', 'label'],
    ],
    [
      'a replication key that does not exist',
      table('table: public.items, method: INCREMENTAL, replicationKey: updated'),
      'column-missing',
      ['updated', 'public.items', 'replicationKey'],
    ],
    [
      'a key of a view that does not exist',
      table('view: public.latest, method: FULL_TABLE, primaryKey: [ident]'),
      'column-missing',
      ['ident', 'public.latest', 'primaryKey'],
    ],
    [
      'a replication key that has no order',
      table('table: public.items, method: INCREMENTAL, replicationKey: body'),
      'replication-key-unsuitable',
      ['body', 'public.items', 'jsonb'],
    ],
    [
      'a view that is named as a table, LOG_BASED',
      table('table: public.latest, method: LOG_BASED'),
      'table-missing',
      ['public.latest', 'is a view', 'view:'],
    ],
    [
      'a materialized view that is named as a table, LOG_BASED',
      table('table: public.kept, method: LOG_BASED'),
      'table-missing',
      ['public.kept', 'is a materialized view', 'view:'],
    ],
    [
      'two streams with one destination name',
      [
        'includeSchemaInTableName: false',
        'tables: [{ table: public.items, method: FULL_TABLE }, { table: other.items, method: FULL_TABLE }]',
      ],
      'destination-collision',
      ['public.items', 'other.items', '"items"'],
    ],
    [
      'one stream twice',
      ['tables: [{ table: public.items, method: FULL_TABLE }, { table: DATABASE.public.items, method: FULL_TABLE }]'],
      'table-repeated',
      ['public.items'],
    ],
  ] as const)('%s', async (_, lines, code, named) => {
    await using db = await withTables();
    await using ws = await openTestWorkspace(db, { lines: lines.map((line) => line.replace('DATABASE', db.database)) });

    const attempt = await attemptRun(ws);

    expect(attempt.exitCode).not.toBe(0);
    expect(attempt.error?.code).toBe(code);
    for (const name of named) expect(attempt.error?.message).toContain(name);
    expect(attempt.error?.remedy).not.toBe('');
    expect(attempt.said + (await writtenText(ws))).not.toContain(IN_A_ROW);
    expect(await objectsOf(ws)).toEqual([]);
    expect(attempt.report).toMatchObject({ state: 'failed', tables: [] });
    await using workspace = await ws.open();
    expect((await workspace.status('shop', AbortSignal.timeout(60_000))).streams).toEqual([]);
  });

  test('a value that a view cannot make is the failure of its stream alone, and is said nowhere', async () => {
    await using db = await withTables();
    await using ws = await openTestWorkspace(db, { lines: table('view: public.unreadable, method: FULL_TABLE') });

    const attempt = await attemptRun(ws);

    expect(attempt.exitCode).toBe(1);
    expect(attempt.report).toMatchObject({
      state: 'partial',
      tables: [{ state: 'failed', rows: 0, error: { code: 'query-failed' } }],
    });
    expect(attempt.report?.tables[0]?.error?.message).toContain(`${db.database}.public.unreadable`);
    expect(attempt.said + (await writtenText(ws))).not.toContain(IN_A_ROW);
    expect(await objectsOf(ws)).toEqual([]);
  });
});

test('after its mistake is corrected, a refused integration copies everything', async () => {
  await using db = await withTables();
  await using ws = await openTestWorkspace(db, { lines: ['tables: [{ table: public.itms, method: FULL_TABLE }]'] });
  await attemptRun(ws);
  await writeFile(ws.configPath, (await readFile(ws.configPath, 'utf8')).replace('itms', 'items'));

  const attempt = await attemptRun(ws);

  expect(attempt).toMatchObject({ exitCode: 0, report: { state: 'complete', tables: [{ rows: 10 }] } });
});
