import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import { refusePooler } from '../../functions/engine/source/postgres/pooler.ts';
import { never, rejection, settingsFor } from '../source/support.ts';
import { createDatabase, eventually, newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { load, openTestWorkspace } from '../support/workspace.ts';
import { startPgBouncer } from './pgbouncer.ts';
import type { PgBouncer } from './pgbouncer.ts';
import { hasProgram } from '../support/programs.ts';

const ROWS = 20_000;
const POOL = 3;
/** More connections than the pool has: some wait for a server session, and get one that another used before. */
const LINES = [
  'connections: 4',
  'rangeBytes: 65536',
  'tables:',
  '  - { table: public.full_items, method: FULL_TABLE }',
  '  - { table: public.keyed_items, method: INCREMENTAL, replicationKey: updated_at }',
];
const SETTINGS = [
  ...[
    'search_path',
    'TimeZone',
    'DateStyle',
    'IntervalStyle',
    'bytea_output',
    'extra_float_digits',
    'default_transaction_read_only',
  ],
  ...[
    'statement_timeout',
    'lock_timeout',
    'idle_in_transaction_session_timeout',
    'jit',
    'transaction_isolation',
    'tcp_keepalives_idle',
  ],
];

async function withTables(): Promise<TestDatabase> {
  const db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
  await db.query(`
    create table full_items (id bigint primary key, label text not null, at timestamptz not null default '2026-01-02 03:04:05+09');
    create table keyed_items (id bigint primary key, label text not null, updated_at timestamptz not null default clock_timestamp());
    create index on keyed_items (updated_at);
    insert into full_items select n, 'item ' || n || repeat('x', 100) from generate_series(1, ${String(ROWS)}) n;
    insert into keyed_items select n, 'item ' || n, now() - interval '1 hour' from generate_series(1, 2000) n;
    analyze`);
  // What a session of ours must not be fooled by, and must leave as it is.
  await db.query(`alter database ${db.database} set timezone = 'Asia/Tokyo'`);
  await db.query(`alter database ${db.database} set datestyle = 'SQL, DMY'`);
  return db;
}

/** The settings that other users of the pool meet, in every one of its server sessions. */
async function settingsInPool(bouncer: PgBouncer, database: string): Promise<ReadonlySet<string>> {
  const clients = await Promise.all(
    Array.from({ length: POOL }, async () => {
      const client = new pg.Client({ host: bouncer.host, port: bouncer.port, database, user: 'postgres' });
      await client.connect();
      return client;
    }),
  );
  const seen = new Set<string>();
  try {
    // Open transactions pin each to a server session of its own.
    for (const client of clients) await client.query('begin');
    for (const client of clients) {
      const list = SETTINGS.map((name) => `current_setting('${name}')`).join(` || '; ' || `);
      const { rows } = await client.query<{ settings: string }>(`select ${list} as settings`);
      seen.add(rows[0]?.settings ?? '');
    }
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
  return seen;
}

describe.skipIf(!hasProgram('pgbouncer')).each(['session', 'transaction'] as const)('PgBouncer that pools by %s', (mode) => {
  it('carries full-table and key-based work, and nothing of it shows in the sessions of others', async () => {
    await using db = await withTables();
    await using bouncer = await startPgBouncer(db, { mode, poolSize: mode === 'session' ? 4 : POOL });
    const before = await settingsInPool(bouncer, db.database);
    await using ws = await openTestWorkspace({ ...bouncer, database: db.database }, { lines: LINES });

    const first = await ws.run();
    await db.query(`insert into keyed_items (id, label) values (5000, 'late')`);
    const second = await ws.run();

    expect([first.state, second.state]).toEqual(['complete', 'complete']);
    const { rows } = await load(ws.folder, await ws.reports());
    const full = rows.get(`${db.database}.public.full_items`) ?? [];
    expect(new Set(full.map((row) => row['id'])).size).toBe(ROWS);
    expect(new Set(full.map((row) => row['at']))).toEqual(new Set([expect.stringMatching(/^2026-01-01T18:04:05/)]));
    expect(new Set((rows.get(`${db.database}.public.keyed_items`) ?? []).map((row) => row['id'])).size).toBe(2001);
    expect(await settingsInPool(bouncer, db.database)).toEqual(before);
    expect(before.size).toBe(1);
  });

  it('is recognised, and refused for log-based work', async () => {
    await using db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
    await using bouncer = await startPgBouncer(db, { mode, poolSize: 2 });
    await using pooled = await connect(settingsFor({ ...bouncer, database: db.database }), never());
    await using direct = await connect(settingsFor(db), never());

    expect(pooled.transactionSettings).not.toBe('');
    expect(() => refusePooler(pooled)).toThrow(expect.objectContaining({ code: 'pooler-in-the-way' }));
    expect(() => refusePooler(direct)).not.toThrow();
  });

  it('fails log-based streams with what to do, while others of the job go on', async () => {
    await using db = await withTables();
    await using bouncer = await startPgBouncer(db, { mode, poolSize: 4 });
    const lines = [
      'tables:',
      '  - { table: public.full_items, method: FULL_TABLE }',
      '  - { table: public.keyed_items, method: LOG_BASED }',
    ];
    await using ws = await openTestWorkspace({ ...bouncer, database: db.database }, { lines });

    const report = await ws.run();

    expect(report.state).toBe('partial');
    const errors = report.tables.map((table) => [table.stream.split('.')[2], table.error?.code ?? null]);
    expect(Object.fromEntries(errors)).toEqual({ full_items: null, keyed_items: 'pooler-in-the-way' });
  });

  it('passes on cancel requests', async () => {
    await using db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
    await using bouncer = await startPgBouncer(db, { mode, poolSize: 2 });
    await using connection = await connect(settingsFor({ ...bouncer, database: db.database }), never());
    const isRunning = async (): Promise<boolean> =>
      (await db.query(`select 1 from pg_stat_activity where state = 'active' and query = 'select pg_sleep(60)'`)).length > 0;
    const controller = new AbortController();
    const running = rejection(connection.query('select pg_sleep(60)', [], controller.signal));
    await eventually('the statement runs', isRunning);

    controller.abort(new Error('enough'));

    expect(await running).toMatchObject({ message: 'enough' });
    await eventually('the statement ends', async () => !(await isRunning()));
  });
});
