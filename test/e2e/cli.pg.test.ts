import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Discovery } from '../../functions/cli/workspace.ts';
import type { LoadingReport } from '../../functions/engine/model/report.ts';
import { createDatabase, eventually, newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { load, openTestWorkspace } from '../support/workspace.ts';
import type { TestWorkspace } from '../support/workspace.ts';
import { runCli, startCli } from './support/run-cli.ts';

const BIG = ['rangeBytes: 262144', 'connections: 1', 'tables: [{ table: public.items, method: FULL_TABLE }]'];

async function withItems(rows: number): Promise<TestDatabase> {
  const db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
  await db.query(`
    create table items (id bigint primary key, label text not null);
    insert into items select n, 'item ' || n || repeat('x', 100) from generate_series(1, ${String(rows)}) n;
    analyze items`);
  return db;
}

/** Bars a table to all readers until disposed of, so that whoever copies it is certainly still there. */
async function locked(db: TestDatabase, table: string): Promise<AsyncDisposable & { release(): Promise<void> }> {
  const session = await db.connect();
  await session.query(`begin; lock table ${table} in access exclusive mode`);
  const release = async (): Promise<void> => {
    await session.end();
  };
  return { release, [Symbol.asyncDispose]: release };
}

/** Waits until somebody waits for that lock. */
async function untilWaiting(db: TestDatabase, table: string): Promise<void> {
  await eventually(
    'the job reads the table',
    async () => (await db.query(`select 1 from pg_locks where relation = '${table}'::regclass and not granted`)).length > 0,
    60_000,
  );
}

describe('the commands on a small database', () => {
  let db: TestDatabase;
  let ws: TestWorkspace;
  const cli = (...args: readonly string[]) => runCli([...args, '--config', ws.configPath]);

  beforeAll(async () => {
    db = await withItems(500);
    ws = await openTestWorkspace(db, { lines: ['tables: [{ table: public.items, method: FULL_TABLE }]'] });
  });
  afterAll(async () => {
    await ws[Symbol.asyncDispose]();
    await db[Symbol.asyncDispose]();
  });

  test('one after the other', { timeout: 300_000 }, async () => {
    const discovered = await cli('discover', '--json');
    const planned = await cli('plan');
    const early = await cli('status');
    const ran = await cli('run');
    const ranAgain = await cli('run', '--json');
    const status = await cli('status', '--json');
    const page = join(ws.folder, 'report.html');
    const html = await cli('reports', 'show', '--html', page);
    const list = await cli('reports', '--json');
    const logs = await cli('logs', '--json');

    const singer = JSON.parse(discovered.out) as Discovery['singer'] & { readonly streams: readonly object[] };
    expect([discovered.code, singer.streams]).toMatchObject([
      0,
      [{ stream: 'items', tap_stream_id: expect.stringContaining('items') as unknown }],
    ]);
    expect([planned.code, planned.out]).toEqual([0, expect.stringContaining(`${db.database}.public.items`)]);
    expect([early.code, early.out]).toEqual([0, expect.stringContaining('shop')]);
    expect([ran.code, ran.err]).toEqual([0, '']);
    expect(ran.out).toContain(`${db.database}.public.items`);
    expect(ran.out).toMatch(/500 rows of 1 table/);
    const { report } = JSON.parse(ranAgain.out) as { readonly report: LoadingReport };
    expect([ranAgain.code, report]).toMatchObject([0, { state: 'complete', tables: [{ rows: 500, newVersion: true }] }]);
    expect([status.code, JSON.parse(status.out)]).toMatchObject([0, { state: 'complete' }]);
    expect([html.code, html.err]).toEqual([0, '']);
    const text = await readFile(page, 'utf8');
    expect(text).toMatch(/^<!doctype html>/i);
    expect(text).toContain(report.job);
    expect(text).not.toMatch(/(src|href)="https?:/);
    const jobs = list.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly job: string });
    expect([list.code, jobs[0]?.job, jobs.length]).toEqual([0, report.job, 2]);
    const events = logs.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly event: string });
    expect([logs.code, events.at(0)?.event, events.at(-1)?.event]).toEqual([0, 'job-started', 'job-ended']);
  });

  test('what was asked wrongly ends with 2 and says what is right', async () => {
    const outcome = await cli('rnu');

    expect([outcome.code, outcome.out, outcome.err]).toEqual([2, '', expect.stringContaining('run')]);
  });
});

test(
  'a second run beside the first says that the integration is busy and ends well; the first is not disturbed',
  { timeout: 300_000 },
  async () => {
    await using db = await withItems(2_000);
    await using ws = await openTestWorkspace(db, { lines: BIG });
    await using lock = await locked(db, 'items');
    const first = await startCli(['run', '--config', ws.configPath, '--json']);
    await untilWaiting(db, 'items');

    const second = await runCli(['run', '--config', ws.configPath]);
    const third = await runCli(['run', '--config', ws.configPath, '--json']);
    await lock.release();
    const ended = await first.ended;

    expect([second.code, second.out, second.err]).toEqual([
      0,
      expect.stringMatching(/shop is busy with job .*nothing was started/),
      '',
    ]);
    expect([third.code, JSON.parse(third.out)]).toMatchObject([0, { integration: 'shop', state: 'busy' }]);
    expect([ended.code, JSON.parse(ended.out)]).toMatchObject([
      0,
      { state: 'finished', report: { state: 'complete', tables: [{ rows: 2_000 }] } },
    ]);
  },
);

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  '%s ends a run at a checkpoint with %i, and the next run goes on there',
  { timeout: 300_000 },
  async (signal, code) => {
    await using db = await withItems(20_000);
    // The view waits where the test wants it to: once the lock is free, there is one unit to finish and others to leave.
    await db.query(`create table gate (); create view slow as select 1 as id where not exists (select from gate)`);
    await using ws = await openTestWorkspace(db, {
      lines: [
        'rangeBytes: 262144',
        'connections: 1',
        'tables:',
        '  - { view: public.slow, method: FULL_TABLE, primaryKey: [id] }',
        '  - { table: public.items, method: FULL_TABLE }',
      ],
    });
    await using lock = await locked(db, 'gate');
    const running = await startCli(['run', '--config', ws.configPath]);
    await untilWaiting(db, 'gate');

    running.child.kill(signal);
    await eventually('the command says that it stops', () => running.said().includes('Stopping at the next checkpoint'));
    await lock.release();
    const stopped = await running.ended;
    const next = await runCli(['run', '--config', ws.configPath, '--json']);

    expect(stopped.code).toBe(code);
    expect(stopped.out).toContain('stopped');
    expect(next.code).toBe(0);
    const reports = await ws.reports();
    expect(reports.map(({ state }) => state)).toEqual(['stopped', 'complete']);
    const { rows } = await load(ws.folder, reports);
    expect(rows.get(`${db.database}.public.items`)?.length).toBe(20_000);
  },
);

test('a run that is killed leaves its lease to the next one at once, which closes its report', { timeout: 300_000 }, async () => {
  await using db = await withItems(2_000);
  await using ws = await openTestWorkspace(db, { lines: BIG });
  const lock = await locked(db, 'items');
  const killed = await startCli(['run', '--config', ws.configPath]);
  await untilWaiting(db, 'items');

  killed.child.kill('SIGKILL');
  const dead = await killed.ended;
  await lock.release();
  const next = await runCli(['run', '--config', ws.configPath, '--json']);

  expect(dead.code).toBeNull();
  expect([next.code, JSON.parse(next.out)]).toMatchObject([0, { report: { state: 'complete' } }]);
  expect((await ws.reports()).map(({ state, error }) => [state, error?.code])).toEqual([
    ['failed', 'job-died'],
    ['complete', undefined],
  ]);
  await access(join(ws.folder, 'out'));
});
