import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import { load, openTestWorkspace } from '../support/workspace.ts';

const TABLES = 550;
/** As long as names may be: the commit of one batch then has more JSON than the state store takes in one item. */
const NAME = 'x'.repeat(55);

test('one transaction in hundreds of tables is one batch, and every table has its row', { timeout: 300_000 }, async () => {
  await using db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
  const inEach = (statement: string): string =>
    `do $$ begin for t in 1 .. ${String(TABLES)} loop execute format('${statement}', t); end loop; end $$`;
  await db.query(inEach(`create table "${NAME} %s" (id int primary key, name text)`));
  await using ws = await openTestWorkspace(db, { lines: ['defaultReplicationMethod: LOG_BASED', 'selectAll: true'] });
  await ws.run();

  await db.query(inEach(`insert into "${NAME} %1$s" values (%1$s, repeat(md5(%1$L), 10))`));
  const report = await ws.run();
  const after = await ws.run();

  expect((await readdir(join(ws.folder, 'state'), { recursive: true })).some((path) => path.endsWith('/tables+'))).toBe(true);
  expect(report.state).toBe('complete');
  expect(report.tables.filter(({ rows }) => rows === 1)).toHaveLength(TABLES);
  expect(after).toMatchObject({ state: 'complete' });
  expect(after.tables.every(({ rows }) => rows === 0)).toBe(true);
  const { rows } = await load(ws.folder, await ws.reports());
  const ids = [...rows.values()].flatMap((records) => records.map(({ id }) => id));
  expect(ids.toSorted((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: TABLES }, (_, n) => n + 1));
});
