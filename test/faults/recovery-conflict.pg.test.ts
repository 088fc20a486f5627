import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, newestMajor, startServer, startStandby } from '../support/postgres.ts';
import type { TestServer } from '../support/postgres.ts';
import { load, openTestWorkspace } from '../support/workspace.ts';
import { sql } from './support/sql.ts';

let primary: TestServer;
let standby: TestServer;
beforeAll(async () => {
  primary = await startServer(newestMajor);
  await sql(primary, 'postgres', 'create database shop');
  await sql(
    primary,
    'shop',
    `create table items (id int primary key, label text, updated_at timestamptz not null);
     insert into items select n, 'item ' || n, now() - interval '1 hour' + n * interval '1 microsecond' from generate_series(1, 500) n;
     -- Reading it takes a moment, in the middle of its rows.
     create view slow as select id, label, updated_at, (case when id = 250 then pg_sleep(1.5) end)::text as waited from items;
     create table churn (id int); insert into churn select generate_series(1, 100)`,
  );
  standby = await startStandby(primary, { conf: { hot_standby_feedback: 'off', max_standby_streaming_delay: '0' } });
}, 60_000);
afterAll(async () => {
  await standby[Symbol.asyncDispose]();
  await primary[Symbol.asyncDispose]();
});

test.each([
  ['a full read', ['tables: [{ view: public.slow, method: FULL_TABLE, primaryKey: [id] }]']],
  ['a read by key', ['tables: [{ view: public.slow, method: INCREMENTAL, replicationKey: updated_at, primaryKey: [id] }]']],
])('a replica that cancels %s since rows were removed on the primary is read again, and nothing is missing', async (_, lines) => {
  await using ws = await openTestWorkspace({ host: standby.host, port: standby.port, database: 'shop' }, { lines });
  let ended = false;
  const running = ws.run().finally(() => (ended = true));
  await eventually('the read waits', async () => {
    const [row] = await sql(standby, 'shop', `select 1 as one from pg_stat_activity where wait_event = 'PgSleep'`);
    return row !== undefined || ended;
  });
  await sql(primary, 'shop', 'delete from churn where id <= 50');
  await sql(primary, 'shop', 'vacuum churn');

  const report = await running;

  expect(report).toMatchObject({ state: 'complete', tables: [{ rows: 500 }] });
  expect(ws.events.filter(({ event }) => event === 'unit-retried').map(({ fields }) => fields['code'])).toEqual([
    'recovery-conflict',
  ]);
  const [rows = []] = (await load(ws.folder, await ws.reports())).rows.values();
  expect(new Set(rows.map((row) => row['id'])).size).toBe(500);
  await sql(primary, 'shop', 'insert into churn select generate_series(1, 100)');
});
