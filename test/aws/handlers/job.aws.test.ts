import { describe, expect, test } from 'vitest';
import { openCloudWorkspace, startCloud } from '../../e2e/support/cloud.ts';
import { noLeaks } from '../../support/leaks.ts';
import { createDatabase, eventually, newestMajor } from '../../support/postgres.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { newest } from '../../support/workspace.ts';
import type { JsonRow } from '../../support/workspace.ts';
import { deploy, loadAll, metricsIn, newExecution } from './functions.ts';

const TABLES = [
  'rangeBytes: 262144',
  'connections: 3',
  'tables:',
  '  - { table: public.big, method: FULL_TABLE }',
  '  - { table: public.keyed, method: INCREMENTAL, replicationKey: updated_at }',
];
const SMALL_OBJECTS = ['rotateBytes: 200000'];

async function withTables({ rows = 20_000 }: { readonly rows?: number } = {}): Promise<TestDatabase> {
  const db = await createDatabase(newestMajor);
  await db.query(`
    create table big (id bigint primary key, label text not null);
    insert into big select n, 'big ' || n || repeat('x', 100) from generate_series(1, ${String(rows)}) n;
    create table keyed (id bigint primary key, label text not null, updated_at timestamptz not null);
    create index on keyed (updated_at);
    insert into keyed select n, 'keyed ' || n, now() - interval '1 hour' + n * interval '1 microsecond' from generate_series(1, 3000) n;
    analyze`);
  return db;
}

function printed(rows: readonly JsonRow[] | undefined): readonly string[] {
  return newest(rows ?? [], 'id')
    .map((row) => `${String(row['id'])} ${String(row['label'])}`)
    .sort();
}

async function sourceRows(db: TestDatabase, table: string): Promise<readonly string[]> {
  return (await db.query(`select id || ' ' || label as row from ${table}`)).map((row) => row.row ?? '').sort();
}

describe('a job in functions', () => {
  test('loads what a job in one process loads, and its report says the same', async () => {
    await using cloud = await startCloud();
    await using db = await withTables();
    await using ws = await openCloudWorkspace(cloud, db, { lines: TABLES, destination: SMALL_OBJECTS });
    await using functions = await deploy(ws);
    const local = await ws.run();

    const { planned, answers, reported, events } = await functions.execute();

    expect(planned).toMatchObject({ state: 'started' });
    expect(planned.state === 'started' && planned.workers.map(({ worker }) => worker)).toEqual(['w0', 'w1', 'w2']);
    expect(answers.map(({ state }) => state)).toEqual(['done', 'done', 'done']);
    expect(reported).toMatchObject({ job: planned.job, state: 'complete', next: null });
    const [, inFunctions] = await ws.reports();
    expect(inFunctions).toMatchObject({ state: 'complete', error: null, warnings: local.warnings, skipped: local.skipped });
    expect(inFunctions?.tables.map(({ stream, rows, method, state }) => ({ stream, rows, method, state }))).toEqual(
      local.tables.map(({ stream, method, state }) => ({
        stream,
        // The first job has copied it.
        rows: method === 'FULL_TABLE' ? 20_000 : 0,
        method,
        state,
      })),
    );
    const { rows } = await loadAll(cloud, ws);
    expect(printed(rows.get(`${db.database}.public.big`))).toEqual(await sourceRows(db, 'big'));
    expect(events.map(({ detailType }) => detailType)).toEqual(['Table Loaded', 'Job Finished']);
    // Nobody needs the plan any more.
    expect([...cloud.s3.store.objects.keys()].filter((key) => key.includes('/_jobs/'))).toEqual([]);
    await eventually(
      'its sessions are gone',
      async () =>
        (
          await db.query(
            `select from pg_stat_activity where application_name like 'backstitch%' and datname = current_database()`,
          )
        ).length === 0,
    );
  });

  test('goes on in as many invocations as its time limit makes necessary, and every row is there once', async () => {
    await using cloud = await startCloud();
    await using db = await withTables({ rows: 120_000 });
    await using ws = await openCloudWorkspace(cloud, db, {
      lines: [...TABLES.slice(0, 1), 'connections: 1', ...TABLES.slice(2)],
      destination: SMALL_OBJECTS,
    });
    await using functions = await deploy(ws);

    const { answers, reported } = await functions.execute({ limitMs: 1_500 });

    expect(answers.length).toBeGreaterThan(1);
    expect(new Set(answers.map(({ worker }) => worker))).toEqual(new Set(['w0']));
    expect(reported?.state).toBe('complete');
    const { rows } = await loadAll(cloud, ws);
    expect(rows.get(`${db.database}.public.big`)?.length).toBe(120_000);
    expect(printed(rows.get(`${db.database}.public.big`))).toEqual(await sourceRows(db, 'big'));
    expect(printed(rows.get(`${db.database}.public.keyed`))).toEqual(await sourceRows(db, 'keyed'));
  });

  test('reads the log of a database from job to job', async () => {
    await using cloud = await startCloud();
    await using db = await withTables({ rows: 3_000 });
    const lines = [
      'defaultReplicationMethod: LOG_BASED',
      'selectAll: true',
      `logBased: { plugin: pgoutput, slot: ${db.database} }`,
    ];
    await using ws = await openCloudWorkspace(cloud, db, { lines });
    await using functions = await deploy(ws);

    await functions.execute();
    await db.query(
      `update keyed set label = 'changed' where id <= 7; delete from big where id = 1; insert into big values (0, 'new')`,
    );
    const { reported } = await functions.execute();
    const { metrics } = await functions.watch();

    expect(reported?.state).toBe('complete');
    const [, second] = await ws.reports();
    expect(second?.tables.map(({ table, inserts, updates, deletes }) => ({ table, inserts, updates, deletes }))).toEqual([
      { table: 'big', inserts: 1, updates: 0, deletes: 1 },
      { table: 'keyed', inserts: 0, updates: 7, deletes: 0 },
    ]);
    expect(second?.slots).toMatchObject([{ slot: db.database, plugin: 'pgoutput' }]);
    expect(metrics).toMatchObject({ WatchFailed: 0, SlotsLost: 0, LagBytes: expect.any(Number) as number });
    expect(metrics.WalRetainedBytes).toBeGreaterThanOrEqual(0);
  });

  test('leaves nothing open when its functions have answered and its sandbox is gone', async () => {
    await using _ = await noLeaks();
    await using cloud = await startCloud();
    await using db = await withTables({ rows: 1_000 });
    await using ws = await openCloudWorkspace(cloud, db, { lines: TABLES });
    await using functions = await deploy(ws);

    const { reported } = await functions.execute();

    expect(reported?.state).toBe('complete');
  });
});

describe('what AWS is told', () => {
  test('metrics once a job, costs in the report, and lines of JSON that name integration and job', async () => {
    await using cloud = await startCloud();
    await using db = await withTables();
    await using ws = await openCloudWorkspace(cloud, db, { lines: TABLES, destination: SMALL_OBJECTS });
    await using functions = await deploy(ws);

    const { planned, reported } = await functions.execute();
    await functions.report({ kind: 'finish', job: planned.job });

    expect(metricsIn(functions.lines)).toEqual([
      {
        Rows: 23_000,
        Bytes: expect.any(Number) as number,
        Objects: expect.any(Number) as number,
        DurationSeconds: expect.any(Number) as number,
        JobsComplete: 1,
        JobsFailed: 0,
        StreamsFailed: 0,
        EstimatedCost: expect.any(Number) as number,
      },
    ]);
    const [report] = await ws.reports();
    expect(report?.cost).toMatchObject({ currency: 'USD', prices: 'us-east-1 2026-11' });
    expect(report?.cost?.parts.lambda).toBeGreaterThan(0);
    expect(report?.cost?.parts.dynamodb).toBeGreaterThan(0);
    expect(report?.cost?.parts.s3).toBeGreaterThan(0);
    expect(report?.cost?.parts.stepFunctions).toBeGreaterThan(0);
    // One of each table, and one of the job.
    const tables = (report?.tables ?? []).filter(({ rows }) => rows > 0);
    expect(report?.cost?.parts.eventBridge).toBeCloseTo((tables.length + 1) / 1e6, 9);
    expect(reported?.state).toBe('complete');
    const events = functions.lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => !('_aws' in line));
    expect(events.filter(({ event }) => event === 'table-loaded')).toMatchObject(
      tables.map(({ stream, rows, bytes }) => ({ level: 'INFO', worker: 'report', stream, rows, bytes })),
    );
    expect(new Set(events.map((event) => event['integration']))).toEqual(new Set(['shop']));
    expect(new Set(events.map((event) => event['worker']))).toEqual(new Set(['plan', 'w0', 'w1', 'w2', 'report']));
    expect(events.filter((event) => event['job'] !== planned.job)).toEqual([]);
    // The extraction log of the job has them too.
    const logged = [...cloud.s3.store.objects.keys()].filter((key) => key.includes(`/_logs/${planned.job}/`));
    expect(new Set(logged.map((key) => /_logs\/[^/]+\/(\w+)-/.exec(key)?.[1]))).toEqual(
      new Set(['plan', 'w0', 'w1', 'w2', 'report']),
    );
  });

  test('events by pages of ten, one of each table and one of the job', async () => {
    await using cloud = await startCloud();
    await using db = await createDatabase(newestMajor);
    for (let n = 0; n < 23; n += 1) await db.query(`create table t${String(n)} as select 1 as id`);
    const lines = ['tables:', ...Array.from({ length: 23 }, (_, n) => `  - { table: public.t${String(n)}, method: FULL_TABLE }`)];
    await using ws = await openCloudWorkspace(cloud, db, { lines });
    await using functions = await deploy(ws);

    const { planned, reported, events } = await functions.execute();

    expect(reported).toMatchObject({ next: 10 });
    expect(reported?.events.length).toBe(10);
    expect(events.length).toBe(24);
    expect(events.at(-1)).toMatchObject({
      detailType: 'Job Finished',
      detail: { integration_name: 'shop', job: planned.job, state: 'complete', num_rows: 23, num_tables_loaded: 23 },
    });
    expect(new Set(events.map(({ detail }) => detail['source_root_table_name'])).size).toBe(24);
    expect(events[0]).toMatchObject({
      detailType: 'Table Loaded',
      detail: {
        version: 1,
        new_version: true,
        source_root_table_name: 't0',
        destination_root_table_name: 't0',
        tables: [{ num_rows: 1, num_rows_rejected: 0, s3_objects_truncated: false }],
      },
    });
    const [{ detail }] = events as [(typeof events)[0]];
    const [table] = detail['tables'] as [{ s3_objects: readonly string[] }];
    expect(
      table.s3_objects.map((key) => key.replace(`${cloud.s3.bucket}/`, '')).every((key) => cloud.s3.store.objects.has(key)),
    ).toBe(true);
    expect(cloud.s3.store.objects.has(String(detail['report']).replace(`${cloud.s3.bucket}/`, ''))).toBe(true);
  });
});

describe('starts that begin nothing', () => {
  test('a scheduled one while paused, and one while another job runs, are skipped; by hand it runs while paused', async () => {
    await using cloud = await startCloud();
    await using db = await withTables({ rows: 100 });
    await using ws = await openCloudWorkspace(cloud, db, { lines: TABLES });
    await using functions = await deploy(ws);
    {
      await using workspace = await ws.open();
      await workspace.pause('shop', AbortSignal.timeout(30_000));
    }

    const paused = await functions.plan({ trigger: 'schedule' });
    const first = await functions.plan({ trigger: 'manual' });
    const busy = await functions.plan({ trigger: 'manual' });

    expect(paused).toMatchObject({ state: 'skipped', reason: 'paused' });
    expect(first).toMatchObject({ state: 'started' });
    expect(busy).toMatchObject({ state: 'skipped', reason: 'busy' });
    expect(metricsIn(functions.lines)).toEqual([{ JobsSkipped: 1 }, { JobsSkipped: 1 }]);
  });

  test('one that is asked for twice, since its answer was lost, gets the same answer', async () => {
    await using cloud = await startCloud();
    await using db = await withTables({ rows: 100 });
    await using ws = await openCloudWorkspace(cloud, db, { lines: TABLES });
    await using functions = await deploy(ws);
    const execution = newExecution();
    const startedAt = '2026-11-22T08:00:00.000Z';

    const first = await functions.plan({ execution, startedAt });
    const second = await functions.plan({ execution, startedAt });

    expect(second).toEqual(first);
    expect(first).toMatchObject({
      state: 'started',
      workers: [{ worker: 'w0', endBy: '2026-11-23T08:00:00.000Z' }, { worker: 'w1' }],
    });
  });

  test('one with a mistake in the configuration fails with its report', async () => {
    await using cloud = await startCloud();
    await using db = await withTables({ rows: 100 });
    await using ws = await openCloudWorkspace(cloud, db, { lines: ['tables: [{ table: public.nowhere, method: FULL_TABLE }]'] });
    await using functions = await deploy(ws);

    const { planned } = await functions.execute();

    expect(planned).toMatchObject({ state: 'failed', code: 'table-missing' });
    expect(await ws.reports()).toMatchObject([{ state: 'failed', error: { code: 'table-missing' } }]);
    expect(metricsIn(functions.lines)).toMatchObject([{ JobsFailed: 1, JobsComplete: 0 }]);
  });

  test('one with nothing to do has no workers and a report', async () => {
    await using cloud = await startCloud();
    await using db = await withTables({ rows: 100 });
    await using ws = await openCloudWorkspace(cloud, db, { lines: ['tables: [{ table: public.big, selected: false }]'] });
    await using functions = await deploy(ws);

    const { planned, reported } = await functions.execute();

    expect(planned).toMatchObject({ state: 'started', workers: [] });
    expect(reported).toMatchObject({ state: 'complete', events: [{ detailType: 'Job Finished' }], next: null });
  });
});
