import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatTableName } from '../../functions/engine/config/table-name.ts';
import { quoteIdentifier } from '../../functions/engine/source/postgres/quote.ts';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import { load, newest, openTestWorkspace } from '../support/workspace.ts';

/** What PostgreSQL takes as a name and nobody expects. */
const NAMES: readonly string[] = [
  'Weird "Name"',
  `"; drop table victim; --`,
  `'); drop table victim; select ('`,
  'two\nlines',
  'tab\tand\rreturn',
  'select',
  'user',
  'größe 表 😀',
  'x'.repeat(63),
  `${'é'.repeat(31)}y`,
  '../../up',
  '/etc/passwd',
  'a.b',
  '.',
  ' leading and trailing ',
  '100%',
  '#hash?',
  '$1',
  '{braces}',
  'back\\slash',
  '[table_name]',
  '__proto__',
  'constructor',
  '_SDC_BATCHED_AT x',
  '*',
];

const METHODS = ['FULL_TABLE', 'INCREMENTAL', 'LOG_BASED'] as const;

test.each(METHODS)('schemas, tables and columns of any name go through a whole job and the next one: %s', async (method) => {
  await using db = await createDatabase(newestMajor, {
    sql: `encoding 'UTF8' lc_collate 'C' lc_ctype 'C'`,
    sessionsAtEnd: 'any',
  });
  await db.query(`create table victim (id int primary key); insert into victim values (1)`);
  for (const [index, name] of NAMES.entries()) {
    const table = `${quoteIdentifier(name)}.${quoteIdentifier(name)}`;
    const column = quoteIdentifier(name);
    await db.query(`create schema ${quoteIdentifier(name)}`);
    await db.query(
      `create table ${table} (${column} int primary key, "the value" text, "at" timestamptz not null default clock_timestamp())`,
    );
    await db.query(`insert into ${table} select n, 'row ' || n || ' of ${String(index)}' from generate_series(1, 3) n`);
  }
  await using ws = await openTestWorkspace(db, { lines: [] });
  const tables = NAMES.map((name) => ({
    table: formatTableName({ schema: name, table: name }),
    method,
    ...(method === 'INCREMENTAL' ? { replicationKey: 'at' } : {}),
    // Its canonical name is that of another one here, which is refused.
    ...(name === '*' ? { destinationTable: 'star' } : {}),
  }));
  // JSON is YAML, with quotes that are never in doubt.
  const text = await readFile(ws.configPath, 'utf8');
  await writeFile(
    ws.configPath,
    `${text}    logBased: { plugin: pgoutput, slot: ${db.database} }\n    tables: ${JSON.stringify(tables)}\n`,
  );

  const first = await ws.run();
  for (const [index, name] of NAMES.entries()) {
    const table = `${quoteIdentifier(name)}.${quoteIdentifier(name)}`;
    await db.query(`insert into ${table} values (4, 'row 4 of ${String(index)}')`);
    await db.query(`update ${table} set "the value" = 'changed', "at" = clock_timestamp() where ${quoteIdentifier(name)} = 2`);
  }
  const second = await ws.run();

  expect([first.error, second.error]).toEqual([null, null]);
  expect(first.tables.filter(({ error }) => error !== null).map(({ stream, error }) => [stream, error])).toEqual([]);
  expect([first.state, second.state]).toEqual(['complete', 'complete']);
  const { rows, keys } = await load(ws.folder, await ws.reports());
  for (const [index, name] of NAMES.entries()) {
    const report = first.tables.find(({ schema, table }) => schema === name && table === name);
    const column = report?.primaryKeys[0] ?? '';
    const loaded = newest(rows.get(report?.stream ?? '') ?? [], column);
    expect(
      loaded.map((row) => `${String(row[column])} ${String(row['the value'])}`).sort(),
      `${JSON.stringify(name)} by ${column}`,
    ).toEqual([`1 row 1 of ${String(index)}`, '2 changed', `3 row 3 of ${String(index)}`, `4 row 4 of ${String(index)}`]);
  }
  // Names make neither folders nor keys that lead out of their place.
  for (const key of keys) expect(key).toMatch(/^shop\/[^/]+\/\d+\/[^/]+$/);
  expect((await readdir(ws.folder)).sort()).toEqual(['backstitch.yaml', 'out', 'state']);
  expect(await readdir(join(ws.folder, 'out'))).toEqual(['shop']);
  expect(await db.query('select id from victim')).toEqual([{ id: '1' }]);
});
