import { expect } from 'vitest';
import type { ServerAddress } from '../../support/postgres.ts';
import { load, newest } from '../../support/workspace.ts';
import type { TestWorkspace } from '../../support/workspace.ts';
import { sql } from './sql.ts';

/** Ways of replicating `public.items`, by method: lines of an integration, and whether the fault happens to a first copy or to what comes later. */
export const WAYS = [
  [
    'a full table in ranges',
    'copy',
    ['rangeBytes: 524288', 'connections: 2', 'tables: [{ table: public.items, method: FULL_TABLE }]'],
  ],
  ['a view', 'copy', ['tables: [{ view: public.latest, method: FULL_TABLE, primaryKey: [id] }]']],
  [
    'a table by key',
    'copy',
    ['connections: 1', 'tables: [{ table: public.items, method: INCREMENTAL, replicationKey: updated_at }]'],
  ],
  [
    'the copy of a log-based table',
    'copy',
    ['logBased: { plugin: pgoutput }', 'rangeBytes: 524288', 'tables: [{ table: public.items, method: LOG_BASED }]'],
  ],
  [
    'a log that is streamed',
    'log',
    ['logBased: { plugin: pgoutput, consume: stream }', 'tables: [{ table: public.items, method: LOG_BASED }]'],
  ],
  [
    'a log that is peeked',
    'log',
    ['logBased: { plugin: pgoutput, consume: peek }', 'tables: [{ table: public.items, method: LOG_BASED }]'],
  ],
] as const;

export const ROWS = 20_000;

/** Makes `items` with its rows, about 3 MB, and the view `latest`. */
export async function fillItems(server: ServerAddress, database: string): Promise<void> {
  await sql(
    server,
    database,
    `create table items (id bigint primary key, label text not null, updated_at timestamptz not null);
     create index on items (updated_at);
     insert into items select n, 'item ' || n || repeat('x', 100), now() - interval '1 hour' + n * interval '1 microsecond' from generate_series(1, ${String(ROWS)}) n;
     create view latest as select * from items;
     analyze items`,
  );
}

/** Changes every row, in several transactions; `with-delete` removes one, too, which key-based replication does not see. */
export async function changeItems(server: ServerAddress, database: string, what: 'updates' | 'with-delete'): Promise<void> {
  for (let part = 0; part < 5; part += 1)
    await sql(
      server,
      database,
      `update items set label = 'changed ' || id, updated_at = clock_timestamp() where id % 5 = ${String(part)}`,
    );
  if (what === 'with-delete') await sql(server, database, 'delete from items where id = 1');
}

/** What the reports name, folded by key, is the table; and every object is what its report says. */
export async function expectItems(ws: TestWorkspace, server: ServerAddress, database: string): Promise<void> {
  const loaded = [...(await load(ws.folder, await ws.reports())).rows.values()].flat();
  const now = newest(loaded, 'id').filter((row) => row['_sdc_deleted_at'] === undefined || row['_sdc_deleted_at'] === null);
  const source = await sql(server, database, `select id || ' ' || label as row from items`);
  expect(now.map((row) => `${String(row['id'])} ${String(row['label'])}`).sort()).toEqual(source.map(({ row }) => row).sort());
}
