import { describe, expect, test, vi } from 'vitest';
import type { WorkInput } from '../../../functions/contract.ts';
import { openCloudWorkspace, startCloud } from '../../e2e/support/cloud.ts';
import { createDatabase, newestMajor } from '../../support/postgres.ts';
import { deploy, loadAll, metricsIn, newExecution } from './functions.ts';
import { holdUploads, ledgerOf, ONE_EACH, workersOf, world } from './world.ts';

describe('a worker that fails', () => {
  test('ends alone: the other goes on, and the report has what it loaded and why the job failed', async () => {
    await using it = await world();
    const { cloud, db, ws, functions } = it;
    const planned = await functions.plan();
    const [w0, w1] = workersOf(planned);
    for (const operation of ['PutObject', 'CreateMultipartUpload'] as const) cloud.s3.faults.forbid(operation);
    const failed = await functions.work(w0);
    cloud.s3.faults.clear();
    const other = await functions.work(w1);

    const reported = await functions.report({ kind: 'finish', job: planned.job });

    expect([failed.state, other.state]).toEqual(['failed', 'done']);
    expect(reported).toMatchObject({ state: 'failed' });
    expect(await ws.reports()).toMatchObject([
      {
        state: 'failed',
        error: { code: 'sink-forbidden' },
        tables: [
          { table: 'first', rows: 0 },
          { table: 'second', rows: 500, newVersion: true },
        ],
      },
    ]);
    expect(metricsIn(functions.lines)).toMatchObject([{ JobsFailed: 1, Rows: 500 }]);
    // The next job is whole.
    const next = await functions.execute();
    expect(next.reported?.state).toBe('complete');
    expect((await loadAll(cloud, ws)).rows.get(`${db.database}.public.first`)?.length).toBe(20_000);
  });

  test('and cannot even say so is heard of in the report', async () => {
    await using it = await world();
    const { functions, ws } = it;
    const planned = await functions.plan();
    const [, w1] = workersOf(planned);
    // Killed when it had taken its first unit.
    await (await ledgerOf(functions).work(planned.job)).take('w0', 1);
    // Until its time is over it waits for what the other's copy may add.
    await functions.work(w1, 8_000);

    const reported = await functions.report({ kind: 'finish', job: planned.job });

    expect(reported).toMatchObject({ state: 'failed' });
    expect(await ws.reports()).toMatchObject([{ error: { code: 'worker-died' }, tables: [{ rows: 0 }, { rows: 500 }] }]);
    expect((await functions.execute()).reported?.state).toBe('complete');
  });

  test('that was killed is taken up by its next invocation', async () => {
    await using it = await world();
    const { functions, cloud, ws, db } = it;
    const planned = await functions.plan();
    const [w0] = workersOf(planned);
    await (await ledgerOf(functions).work(planned.job)).take('w0', 1);

    const again = await functions.work(w0);
    const reported = await functions.report({ kind: 'finish', job: planned.job });

    expect([again.state, reported?.state]).toEqual(['done', 'complete']);
    expect((await loadAll(cloud, ws)).rows.get(`${db.database}.public.first`)?.length).toBe(20_000);
  });

  test('of a job without its plan is refused, and so is its report', async () => {
    await using it = await world();
    const { functions, cloud, ws } = it;
    const planned = await functions.plan();
    const [w0] = workersOf(planned);
    for (const key of cloud.s3.store.objects.keys()) if (key.includes('/_jobs/')) cloud.s3.store.objects.delete(key);

    const failed = await functions.work(w0);
    const reported = await functions.report({ kind: 'finish', job: planned.job });

    expect([failed.state, reported?.state]).toEqual(['failed', 'failed']);
    expect(await ws.reports()).toMatchObject([{ error: { code: 'handover-missing' } }]);
  });

  test('of a job that nobody knows is an error of the invocation', async () => {
    await using it = await world();
    const input = { job: 'nothing', worker: 'w0', endBy: '2999-01-01T00:00:00Z' };

    await expect(it.functions.work(input)).rejects.toMatchObject({ code: 'job-unknown' });
    await expect(it.functions.report({ kind: 'finish', job: 'nothing' })).rejects.toMatchObject({ code: 'job-unknown' });
  });
});

describe('a job that is to end', () => {
  test('by request ends at its next checkpoint, in whatever invocation it is', async () => {
    await using it = await world(['connections: 1', 'rangeBytes: 262144', ...ONE_EACH.slice(1)]);
    const { functions, cloud, ws } = it;
    const planned = await functions.plan();
    if (planned.state !== 'started') throw new Error(planned.state);
    const [w0] = planned.workers as [WorkInput];
    const held = holdUploads(cloud);
    const working = functions.work(w0);
    await held.reached;
    {
      await using workspace = await ws.open();
      await workspace.stop('shop', AbortSignal.timeout(30_000));
    }
    await vi.waitFor(() => expect(functions.lines.some((line) => line.includes('"stop-requested"'))).toBe(true), {
      timeout: 60_000,
    });
    held.release();
    const answer = await working;
    const again = await functions.work(w0);

    const reported = await functions.report({ kind: 'finish', job: planned.job });

    expect([answer.state, again.state]).toEqual(['done', 'done']);
    expect(reported).toMatchObject({ state: 'stopped' });
    const [report] = await ws.reports();
    expect(report).toMatchObject({ state: 'stopped', error: null });
    expect((await functions.execute()).reported?.state).toBe('complete');
  });

  test('since its time is over does so at its next checkpoint', async () => {
    await using it = await world();
    const { functions, ws } = it;
    const planned = await functions.plan({ startedAt: '2020-01-01T00:00:00Z' });
    const answers = [];
    for (const input of workersOf(planned)) answers.push((await functions.work(input)).state);

    const reported = await functions.report({ kind: 'finish', job: planned.job });

    expect(answers).toEqual(['done', 'done']);
    expect(reported).toMatchObject({ state: 'stopped' });
    expect(await ws.reports()).toMatchObject([{ state: 'stopped', error: null }]);
  });
});

describe('an execution that was stopped', () => {
  test('while a worker runs on: the job is closed at once, and the worker can commit no more', async () => {
    await using it = await world();
    const { functions, cloud, ws, db } = it;
    const execution = newExecution();
    const planned = await functions.plan({ execution });
    const [w0, w1] = workersOf(planned);
    const done = await functions.work({ ...w1, worker: 'w1' });
    // Both units went to that worker: the rest of the test needs a job of its own.
    expect(done.state).toBe('done');
    await functions.report({ kind: 'abandoned', execution });
    const second = newExecution();
    const replanned = await functions.plan({ execution: second });
    const held = holdUploads(cloud);
    const zombie = functions.work({ ...w0, job: replanned.job });
    await held.reached;

    const closed = await functions.report({ kind: 'abandoned', execution: second });
    held.release();
    const answer = await zombie;
    const repeated = await functions.report({ kind: 'abandoned', execution: second });

    expect(closed).toMatchObject({ job: replanned.job, state: 'stopped', events: [], next: null });
    expect(answer.state).toBe('failed');
    expect(repeated).toBeNull();
    const reports = await ws.reports();
    expect(reports.map(({ state }) => state)).toEqual(['complete', 'stopped']);
    expect(reports[1]?.tables.flatMap(({ objects }) => objects)).toEqual([]);
    const next = await functions.execute();
    expect(next.reported?.state).toBe('complete');
    const { rows, keys } = await loadAll(cloud, ws);
    expect(rows.get(`${db.database}.public.first`)?.length).toBe(20_000);
    expect(rows.get(`${db.database}.public.second`)?.length).toBe(500);
    // What the worker had under way was swept.
    const objects = [...cloud.s3.store.objects.keys()].filter((key) => !/\/_(table|reports|logs|jobs)/.test(key));
    expect(new Set(objects)).toEqual(keys);
    expect(cloud.s3.store.uploads.size).toBe(0);
  });

  test('before it had a job is nothing to close', async () => {
    await using it = await world();

    expect(await it.functions.report({ kind: 'abandoned', execution: newExecution() })).toBeNull();
  });

  test('gives its lease up: the next start is not busy', async () => {
    await using it = await world();
    const execution = newExecution();
    await it.functions.plan({ execution });

    await it.functions.report({ kind: 'abandoned', execution });

    expect(await it.functions.plan()).toMatchObject({ state: 'started' });
  });
});

describe('the watchdog', () => {
  test('says that it cannot see while the source is down, and does not fail', async () => {
    await using it = await world();
    const before = await it.functions.watch();
    const down = { ...it.functions.sandbox.integration, connection: { ...it.functions.sandbox.integration.connection, port: 1 } };
    Object.assign(it.functions.sandbox, { integration: down });

    const { metrics } = await it.functions.watch();

    expect(metrics).toMatchObject({ WatchFailed: 1 });
    expect(it.functions.lines.some((line) => line.includes('host-unreachable'))).toBe(true);
    expect(before.metrics).toMatchObject({ WatchFailed: 0 });
  });

  test('sees a slot that is gone, and counts intervals since the last complete job unless paused', async () => {
    await using cloud = await startCloud();
    await using db = await createDatabase(newestMajor);
    await db.query('create table orders (id int primary key); insert into orders values (1)');
    const lines = [
      'defaultReplicationMethod: LOG_BASED',
      'selectAll: true',
      'schedule: { every: 30 minutes }',
      `logBased: { plugin: pgoutput, slot: ${db.database} }`,
    ];
    await using ws = await openCloudWorkspace(cloud, db, { lines });
    await using functions = await deploy(ws);
    await functions.execute();
    const healthy = await functions.watch();
    await db.query(`select pg_drop_replication_slot('${db.database}')`);
    const gone = await functions.watch();
    {
      await using workspace = await ws.open();
      await workspace.pause('shop', AbortSignal.timeout(30_000));
    }

    const paused = await functions.watch();

    expect(healthy.metrics).toMatchObject({ WatchFailed: 0, SlotsLost: 0 });
    expect(healthy.metrics.IntervalsSinceComplete).toBeLessThan(1);
    expect(gone.metrics).toMatchObject({ WatchFailed: 0, SlotsLost: 1 });
    expect(paused.metrics).toMatchObject({ SlotsLost: 1, IntervalsSinceComplete: 0 });
  });
});

test('no line of any log holds a secret or a value, whatever fails', async () => {
  await using it = await world();
  const { cloud, db, functions, ws } = it;
  const { env } = process;
  const secrets = [env['AWS_SECRET_ACCESS_KEY'] ?? '', 'value-of-a-row'];
  await db.query(`insert into second values (-1, 'value-of-a-row')`);
  await functions.execute();
  cloud.s3.faults.forbid('CreateMultipartUpload');
  cloud.s3.faults.forbid('PutObject');
  await functions.plan();
  cloud.s3.faults.clear();
  cloud.dynamo.fail((operation) =>
    operation === 'PutItem' ? { kind: 'error', name: 'AccessDeniedException', status: 400 } : undefined,
  );
  await expect(functions.plan()).rejects.toMatchObject({ code: 'ledger-forbidden' });
  cloud.dynamo.fail(() => undefined);

  const logs = [...cloud.s3.store.objects].filter(([key]) => key.includes('/_logs/') || key.includes('/_reports/'));
  const bodies = await Promise.all(logs.flatMap(([, object]) => object.blobs.map((blob) => blob.read())));
  const text = [...functions.lines, ...bodies.map(String)].join('\n');
  expect(text).toContain('ledger-forbidden');
  expect(bodies.length).toBeGreaterThan(0);
  for (const secret of secrets) expect(text).not.toContain(secret);
  expect((await ws.reports()).length).toBeGreaterThan(0);
});
