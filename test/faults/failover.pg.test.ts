import { describe, expect, test } from 'vitest';
import type { LoadingReport } from '../../functions/engine/model/report.ts';
import { eventually, newestMajor, startServer, startStandby } from '../support/postgres.ts';
import type { TestServer } from '../support/postgres.ts';
import { startProxy } from '../support/proxy.ts';
import { load, newest, openTestWorkspace } from '../support/workspace.ts';
import type { TestWorkspace } from '../support/workspace.ts';
import { untilComplete } from './support/run-engine.ts';
import { sql } from './support/sql.ts';

const SLOT = 'backstitch_shop';
const LINES = [
  `logBased: { plugin: pgoutput, slot: ${SLOT} }`,
  'tables:',
  '  - { table: public.items, method: LOG_BASED }',
  '  - { table: public.facts, method: FULL_TABLE }',
  '  - { table: public.notes, method: INCREMENTAL, replicationKey: updated_at }',
];

interface Pair extends AsyncDisposable {
  readonly primary: TestServer;
  readonly standby: TestServer;
  readonly ws: TestWorkspace;
  /** Stops the primary as a crash does, promotes the standby, and lets the name of the server lead to it. */
  failOver(): Promise<void>;
}

async function openPair(): Promise<Pair> {
  const opened: AsyncDisposable[] = [];
  const keep = <T extends AsyncDisposable>(one: T): T => {
    opened.unshift(one);
    return one;
  };
  const primary = keep(await startServer(newestMajor));
  await sql(primary, 'postgres', 'create database shop');
  await sql(
    primary,
    'shop',
    `create table items (id int primary key, n int);
     insert into items select g, g from generate_series(1, 100) g;
     create table facts (id int primary key, label text);
     insert into facts select g, 'fact ' || g from generate_series(1, 50) g;
     create table notes (id int primary key, label text, updated_at timestamptz not null);
     insert into notes select g, 'note', now() - interval '1 hour' from generate_series(1, 50) g`,
  );
  const standby = keep(await startStandby(primary, { conf: { hot_standby_feedback: 'on' } }));
  const target = { host: primary.host, port: primary.port };
  const name = keep(await startProxy(target));
  const ws = keep(await openTestWorkspace({ host: name.host, port: name.port, database: 'shop' }, { lines: LINES }));
  return {
    primary,
    standby,
    ws,
    failOver: async () => {
      await primary.stop('immediate');
      await sql(standby, 'postgres', 'select pg_promote(true, 60)');
      target.port = standby.port;
      name.cut();
    },
    [Symbol.asyncDispose]: async () => {
      for (const one of opened) await one[Symbol.asyncDispose]();
    },
  };
}

/** Resolves when the standby has replayed all that the primary has flushed. */
async function caughtUp({ primary, standby }: Pair): Promise<void> {
  const [end] = await sql(primary, 'postgres', 'select pg_current_wal_flush_lsn()::text as lsn');
  await eventually('the standby has replayed everything', async () => {
    const [row] = await sql(standby, 'postgres', `select pg_last_wal_replay_lsn() >= '${end?.['lsn'] ?? ''}'::pg_lsn as done`);
    return row?.['done'] === 't';
  });
}

/** A slot on the standby, as tools for failover and servers from 17 on keep one there. */
async function slotOnStandby({ primary, standby }: Pair): Promise<void> {
  let done = false;
  const made = sql(standby, 'shop', `select pg_create_logical_replication_slot('${SLOT}', 'pgoutput')`).finally(
    () => (done = true),
  );
  // It waits for a list of running transactions, which the primary writes now and then.
  await eventually('the slot is made', async () => {
    await sql(primary, 'postgres', 'select pg_log_standby_snapshot()');
    return done;
  });
  await made;
}

function byTable(report: LoadingReport): Readonly<Record<string, string>> {
  return Object.fromEntries(
    report.tables.map((table) => [table.table, table.error?.code ?? `${table.state} ${String(table.rows)}`]),
  );
}

async function expectSame({ ws, standby }: Pair, table: string): Promise<void> {
  const { rows } = await load(ws.folder, await ws.reports());
  const loaded = newest(rows.get(`shop.public.${table}`) ?? [], 'id').filter(
    (row) => row['_sdc_deleted_at'] === undefined || row['_sdc_deleted_at'] === null,
  );
  const value = table === 'items' ? 'n' : 'label';
  const source = await sql(standby, 'shop', `select id || ' ' || ${value} as row from ${table}`);
  expect(loaded.map((row) => `${String(row['id'])} ${String(row[value])}`).sort()).toEqual(source.map(({ row }) => row).sort());
}

const MORE = `insert into items select g, g from generate_series(1000, 1020) g; update items set n = -1 where id <= 5; delete from items where id = 7;
  insert into facts values (1000, 'more'); insert into notes values (1000, 'more', now())`;
const AFTER = `insert into items select g, g from generate_series(2000, 2020) g; update items set n = -2 where id = 9;
  insert into facts values (2000, 'after'); insert into notes values (2000, 'after', now())`;

describe('a standby is promoted between two jobs', () => {
  test('without the slot: log-based streams say so, the others go on, and a reset recovers', async () => {
    await using pair = await openPair();
    const { ws, standby, primary } = pair;
    await ws.run();
    await sql(primary, 'shop', MORE);
    await ws.run();
    await caughtUp(pair);
    await pair.failOver();
    await sql(standby, 'shop', AFTER);

    const after = await ws.run();

    expect(after.state).toBe('partial');
    expect(byTable(after)).toEqual({
      items: 'slot-missing',
      facts: 'complete 52',
      notes: expect.stringMatching(/^complete/) as string,
    });
    await expectSame(pair, 'facts');
    await expectSame(pair, 'notes');
    await using workspace = await ws.open();
    await workspace.reset('shop', { table: 'public.items' }, AbortSignal.timeout(60_000));
    expect((await ws.run()).state).toBe('complete');
    await expectSame(pair, 'items');
  });

  test.runIf(newestMajor >= 16)('with the slot, and everything received: all streams go on, then and later', async () => {
    await using pair = await openPair();
    const { ws, standby, primary } = pair;
    await ws.run();
    await caughtUp(pair);
    await slotOnStandby(pair);
    await sql(primary, 'shop', MORE);
    await ws.run();
    await caughtUp(pair);
    await pair.failOver();
    await sql(standby, 'shop', AFTER);

    const after = await ws.run();
    await sql(standby, 'shop', `update items set n = -3 where id = 10; delete from items where id = 11`);
    const later = await ws.run();

    expect([after.state, later.state]).toEqual(['complete', 'complete']);
    expect(later.tables.find(({ table }) => table === 'items')).toMatchObject({ updates: 1, deletes: 1 });
    for (const table of ['items', 'facts', 'notes']) await expectSame(pair, table);
  });

  test.runIf(newestMajor >= 16)(
    'with the slot, but without all that we had read: its positions look right, and are refused',
    async () => {
      await using pair = await openPair();
      const { ws, standby, primary } = pair;
      await ws.run();
      await caughtUp(pair);
      await slotOnStandby(pair);
      await standby.stop('fast');
      await sql(primary, 'shop', MORE);
      await ws.run();
      await primary.stop('immediate');
      await standby.start();
      await pair.failOver();
      // Its WAL is soon longer than that of the lost primary was.
      await sql(standby, 'shop', `create table filler as select repeat('x', 1000) from generate_series(1, 1000)`);
      await sql(standby, 'shop', AFTER);

      const after = await ws.run();

      expect(byTable(after)['items']).toBe('timeline-changed');
      expect(after.tables.find(({ table }) => table === 'items')).toMatchObject({ rows: 0 });
      expect(byTable(after)).toMatchObject({ facts: 'complete 51', notes: expect.stringMatching(/^complete/) as string });
      await using workspace = await ws.open();
      await workspace.reset('shop', { table: 'public.items' }, AbortSignal.timeout(60_000));
      expect((await ws.run()).state).toBe('complete');
      await expectSame(pair, 'items');
      await expectSame(pair, 'facts');
    },
  );
});

describe('a standby is promoted in the middle of a job', () => {
  test.runIf(newestMajor >= 16)(
    'that reads the log: it goes on with the new primary, and nothing is lost or comes twice',
    async () => {
      await using pair = await openPair();
      const { ws, standby, primary } = pair;
      await ws.run();
      await caughtUp(pair);
      await slotOnStandby(pair);
      // The bookmark moves on to where that slot begins.
      await sql(primary, 'shop', MORE);
      await ws.run();
      for (let part = 0; part < 10; part += 1)
        await sql(
          primary,
          'shop',
          `insert into items select g, ${String(part)} from generate_series(${String(part + 1)}0000, ${String(part + 1)}4999) g`,
        );
      await caughtUp(pair);
      let failing: Promise<void> | undefined;

      const reports = await untilComplete(ws, {
        progress: (event) => {
          if (event.kind === 'rows' && event.stream.endsWith('items')) failing ??= pair.failOver();
        },
        allowed: ['connection-lost', 'host-unreachable', 'server-not-ready', 'slot-active', 'stream-refused'],
        most: 8,
      });
      expect(failing).toBeDefined();
      await failing;
      await sql(standby, 'shop', AFTER);
      expect((await ws.run()).state).toBe('complete');

      for (const table of ['items', 'facts', 'notes']) await expectSame(pair, table);
      const logged = reports.flatMap(({ tables }) => tables).filter(({ table }) => table === 'items');
      expect(logged.reduce((sum, { rows }) => sum + rows, 0)).toBe(50_000);
    },
  );
});
