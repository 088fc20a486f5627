import { expect, test } from 'vitest';
import type { RunRequest } from '../../functions/cli/workspace.ts';
import type { ProgressEvent } from '../../functions/engine/jobs/progress.ts';
import type { LoadingReport } from '../../functions/engine/model/report.ts';
import { eventually, newestMajor, startServer } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { load, openTestWorkspace } from '../support/workspace.ts';
import type { TestWorkspace } from '../support/workspace.ts';
import { busySessions } from './busy.ts';

const ITEMS = ['connections: 4', 'rangeBytes: 16384', 'tables:', '  - { table: public.items, method: FULL_TABLE }'];
const pressure = (settings: string): string => `pressure: { maxActiveBackends: 2, ${settings} }`;

async function fill(db: TestDatabase, rows: number): Promise<void> {
  await db.query(`
    create table items (id bigint primary key, label text not null);
    insert into items select n, repeat('x', 200) from generate_series(1, ${String(rows)}) n;
    analyze items`);
}

/** A job, and how many reads of it ran at once. */
function begin(ws: TestWorkspace, request: Partial<RunRequest> = {}) {
  const reads = { running: 0, most: 0, done: 0, logs: 0 };
  const watch = (event: ProgressEvent): void => {
    if (event.kind === 'unit-started') {
      if (event.what === 'log') reads.logs += 1;
      else reads.most = Math.max(reads.most, (reads.running += 1));
    }
    // That of a slot names the slot.
    if (event.kind === 'unit-done' && !event.stream.includes('slot')) {
      reads.running -= 1;
      reads.done += 1;
    }
  };
  const never = new AbortController().signal;
  const report = (async (): Promise<LoadingReport> => {
    await using workspace = await ws.open();
    const outcome = await workspace.run('shop', { trigger: 'manual', stop: never, abort: never, ...request, progress: watch });
    if (outcome.state !== 'finished') throw new Error(`the job did not run: ${outcome.state}`);
    return outcome.report;
  })();
  return { reads, report };
}

const eventsOf = (ws: TestWorkspace): readonly string[] => ws.events.map(({ event }) => event);

test('while others are busy one range is read at a time, and several again when they are done', async () => {
  await using server = await startServer(newestMajor);
  await using db = await server.createDatabase({ sessionsAtEnd: 'any' });
  await fill(db, 24_000);
  await using busy = await busySessions(db, 3);
  await using ws = await openTestWorkspace(db, { lines: [pressure('checkEvery: 1 second'), ...ITEMS] });

  const job = begin(ws);
  await eventually('some ranges are read', () => job.reads.done > 5);
  const whileBusy = job.reads.most;
  await busy.end();
  const report = await job.report;

  expect(whileBusy).toBe(1);
  expect(job.reads.most).toBeGreaterThan(1);
  expect(report).toMatchObject({ state: 'complete', tables: [{ rows: 24_000 }] });
  const { rows } = await load(ws.folder, await ws.reports());
  expect(new Set((rows.get(`${db.database}.public.items`) ?? []).map((row) => row['id'])).size).toBe(24_000);
  expect(ws.events.find(({ event }) => event === 'reads-held-back')?.fields).toMatchObject({
    to: 1,
    of: 4,
    why: 'active-backends',
    activeBackends: 3,
    activeBackendsLimit: 2,
  });
  expect(eventsOf(ws).filter((event) => event.startsWith('reads-'))).toEqual([
    'reads-held-back',
    'reads-go-on',
    'reads-were-held-back',
  ]);
});

test('workers that read already come down to one when others get busy, and have no session while they wait', async () => {
  await using server = await startServer(newestMajor);
  await using db = await server.createDatabase({ sessionsAtEnd: 'any' });
  await fill(db, 40_000);
  await using ws = await openTestWorkspace(db, { lines: [pressure('checkEvery: 2 seconds'), ...ITEMS] });
  const stop = new AbortController();

  const job = begin(ws, { stop: stop.signal });
  await eventually('several ranges are read at once', () => job.reads.most > 1);
  await using _busy = await busySessions(db, 3);
  await eventually('reads are held back', () => eventsOf(ws).includes('reads-held-back'));
  await eventually('one session is left', async () => {
    const [row] = await db.query(`select count(*) as sessions from pg_stat_activity where application_name like 'backstitch%'`);
    return row?.sessions === '1';
  });
  stop.abort();
  const report = await job.report;

  expect(['complete', 'stopped']).toContain(report.state);
});

test('a stop ends workers that wait, however long they would have waited', async () => {
  await using server = await startServer(newestMajor);
  await using db = await server.createDatabase({ sessionsAtEnd: 'any' });
  await fill(db, 12_000);
  await using _busy = await busySessions(db, 3);
  await using ws = await openTestWorkspace(db, { lines: [pressure('checkEvery: 1 hour'), ...ITEMS] });
  const stop = new AbortController();

  const job = begin(ws, { stop: stop.signal });
  await eventually('some ranges are read', () => job.reads.done > 5);
  stop.abort();
  const stopped = await job.report;
  await ws.configure({ lines: ['pressure: { enabled: false }', ...ITEMS] });
  const rest = begin(ws);
  const second = await rest.report;

  expect(stopped.state).toBe('stopped');
  expect(job.reads.most).toBe(1);
  expect(second).toMatchObject({ state: 'complete', tables: [{ state: 'complete' }] });
  expect(rest.reads.most).toBeGreaterThan(1);
});

test('under pressure that does not end, slots are read at once beside the one copy, and the job comes to its end', async () => {
  await using server = await startServer(newestMajor, { conf: { wal_level: 'logical' } });
  await using db = await server.createDatabase({ sessionsAtEnd: 'any' });
  await db.query('create table events (id bigint primary key); insert into events select generate_series(1, 100)');
  await fill(db, 4_000);
  const log = ['  - { table: public.events, method: LOG_BASED }'];
  await using ws = await openTestWorkspace(db, {
    lines: ['logBased: { plugin: pgoutput }', pressure('checkEvery: 1 hour'), ...ITEMS, ...log],
  });
  await begin(ws).report;
  await db.query('insert into events select generate_series(101, 150)');
  await using _busy = await busySessions(db, 3);

  const job = begin(ws);
  const report = await job.report;

  expect(report.state).toBe('complete');
  expect(report.tables.map(({ table, rows }) => [table, rows])).toEqual([
    ['events', 50],
    ['items', 4_000],
  ]);
  expect([job.reads.logs, job.reads.most]).toEqual([1, 1]);
});

test('a role that may not see what others do is never held back by it, and the log says what would show it', async () => {
  await using server = await startServer(newestMajor);
  await using db = await server.createDatabase({ sessionsAtEnd: 'any' });
  await fill(db, 12_000);
  await db.query('create role reader login; grant select on items to reader');
  await using _busy = await busySessions(db, 3);
  await using ws = await openTestWorkspace(
    { host: db.host, port: db.port, database: db.database, user: 'reader' },
    { lines: [pressure('checkEvery: 1 second'), ...ITEMS] },
  );

  const job = begin(ws);
  const report = await job.report;

  expect(report.state).toBe('complete');
  expect(job.reads.most).toBeGreaterThan(1);
  expect(eventsOf(ws)).not.toContain('reads-held-back');
  expect(ws.events.filter(({ event }) => event === 'source-load-hidden').map(({ fields }) => fields['privilege'])).toEqual([
    'pg_read_all_stats',
  ]);
});
