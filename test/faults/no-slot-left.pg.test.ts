import { expect, test } from 'vitest';
import type { LoadingReport } from '../../functions/engine/model/report.ts';
import { newestMajor, startServer } from '../support/postgres.ts';
import { openTestWorkspace } from '../support/workspace.ts';
import { sql } from './support/sql.ts';

const TABLES = [
  'tables:',
  '  - { table: public.items, method: LOG_BASED }',
  '  - { table: public.facts, method: FULL_TABLE }',
  '  - { table: public.notes, method: INCREMENTAL, replicationKey: id }',
];

function outcomes({ tables }: LoadingReport): Readonly<Record<string, string>> {
  return Object.fromEntries(tables.map(({ table, state, error }) => [table, error?.code ?? state]));
}

async function fill(server: Parameters<typeof sql>[0]): Promise<void> {
  await sql(server, 'postgres', 'create database shop');
  for (const table of ['items', 'facts', 'notes'])
    await sql(server, 'shop', `create table ${table} (id int primary key); insert into ${table} select generate_series(1, 10)`);
}

test('a server without a free slot: log-based streams say so, the others go on, and the next job is complete once one is free', async () => {
  await using server = await startServer(newestMajor, { conf: { max_replication_slots: '1' } });
  await fill(server);
  await sql(server, 'shop', `select pg_create_physical_replication_slot('taken')`);
  await using ws = await openTestWorkspace(
    { host: server.host, port: server.port, database: 'shop' },
    { lines: ['logBased: { plugin: pgoutput }', ...TABLES] },
  );

  const full = await ws.run();
  await sql(server, 'shop', `select pg_drop_replication_slot('taken')`);
  const free = await ws.run();

  expect(outcomes(full)).toEqual({ items: 'slots-exhausted', facts: 'complete', notes: 'complete' });
  expect(outcomes(free)).toEqual({ items: 'complete', facts: 'complete', notes: 'complete' });
  expect(free.tables.find(({ table }) => table === 'items')).toMatchObject({ rows: 10 });
});

test.each([
  ['stream', 'senders-exhausted'],
  ['auto', 'complete'],
])('a server without a free sender, with consume: %s', async (consume, outcome) => {
  await using server = await startServer(newestMajor, { conf: { max_wal_senders: '0' } });
  await fill(server);
  await using ws = await openTestWorkspace(
    { host: server.host, port: server.port, database: 'shop' },
    { lines: [`logBased: { plugin: pgoutput, consume: ${consume} }`, ...TABLES] },
  );

  await ws.run();
  await sql(server, 'shop', 'insert into items values (11)');
  const report = await ws.run();

  expect(outcomes(report)).toMatchObject({ items: outcome, facts: 'complete', notes: 'complete' });
});
