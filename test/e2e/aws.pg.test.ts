import { describe, expect, test } from 'vitest';
import { ACCESS_DENIED, INTERNAL_ERROR, SLOW_DOWN } from '../support/mini-s3-faults.ts';
import type { Fault } from '../support/mini-s3-faults.ts';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { randomOf } from '../support/random.ts';
import { newest } from '../support/workspace.ts';
import type { JsonRow } from '../support/workspace.ts';
import { attemptRun } from './support/attempt.ts';
import { loadFromCloud, openCloudWorkspace, startCloud } from './support/cloud.ts';
import { DYNAMO_TROUBLE } from './support/dynamo-gate.ts';

const KEYED = 'tables: [{ table: public.keyed, method: INCREMENTAL, replicationKey: updated_at }]';
const ALL = [
  'rangeBytes: 262144',
  'connections: 3',
  'tables:',
  '  - { table: public.big, method: FULL_TABLE }',
  '  - { table: public.keyed, method: INCREMENTAL, replicationKey: updated_at }',
  '  - { view: public.summary, method: FULL_TABLE, primaryKey: [bucket] }',
];

async function withTables(): Promise<TestDatabase> {
  const db = await createDatabase(newestMajor);
  await db.query(`
    create table big (id bigint primary key, label text not null);
    insert into big select n, 'big ' || n || repeat('x', 100) from generate_series(1, 20000) n;
    create table keyed (id bigint primary key, label text not null, updated_at timestamptz not null);
    create index on keyed (updated_at);
    insert into keyed select n, 'keyed ' || n, now() - interval '1 hour' + n * interval '1 microsecond' from generate_series(1, 3000) n;
    create view summary as select id % 10 as bucket, count(*) as label from big group by 1;
    analyze`);
  return db;
}

function printed(rows: readonly JsonRow[] | undefined, key = 'id'): readonly string[] {
  return newest(rows ?? [], key)
    .map((row) => `${String(row[key])} ${String(row['label'])}`)
    .sort();
}

async function sourceRows(db: TestDatabase, table: string, key = 'id'): Promise<readonly string[]> {
  return (await db.query(`select ${key} || ' ' || label as row from ${table}`)).map((row) => row.row ?? '').sort();
}

function counted(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

test('a cut copy, a key-based stream and a view arrive whole in S3, with the ledger in DynamoDB, found through the environment alone', async () => {
  await using cloud = await startCloud();
  await using db = await withTables();
  await using ws = await openCloudWorkspace(cloud, db, { lines: ALL, destination: ['rotateBytes: 200000'] });

  const first = await ws.run();
  await db.query(
    `update keyed set label = 'changed', updated_at = clock_timestamp() where id <= 7; delete from big where id <= 5`,
  );
  const second = await ws.run();

  expect(
    [first, second].map(({ state, tables }) => [state, ...tables.map(({ table, rows }) => `${table} ${String(rows)}`)]),
  ).toEqual([
    ['complete', 'big 20000', 'keyed 3000', 'summary 10'],
    ['complete', 'big 19995', 'keyed 7', 'summary 10'],
  ]);
  expect(first.tables[0]?.objects.length).toBeGreaterThan(5);
  expect(first.tables[0]?.objects[0]?.key).toMatch(/^postgres\/shop\/big\/[0-9]+\/copy-/);
  const { rows } = await loadFromCloud(cloud, ws);
  const loaded = (table: string) => rows.get(`${db.database}.public.${table}`);
  expect(printed(loaded('big'))).toEqual(await sourceRows(db, 'big'));
  expect(printed(loaded('keyed'))).toEqual(await sourceRows(db, 'keyed'));
  expect(printed(loaded('summary'), 'bucket')).toEqual(await sourceRows(db, 'summary', 'bucket'));
  expect(cloud.s3.store.uploads.size).toBe(0);
  // What the reports name, the reports themselves and what describes the tables: nothing else is in the bucket.
  const named = new Set([...first.tables, ...second.tables].flatMap(({ objects }) => objects.map(({ key }) => key)));
  const others = [...cloud.s3.store.objects.keys()].filter((key) => !named.has(key));
  expect(others.filter((key) => !/\/_(table|reports|logs)/.test(key))).toEqual([]);
  for (const report of [first, second]) expect(others.filter((key) => key.endsWith(`/${report.job}.json`)).length).toBe(1);
});

test('a job that finds nothing new asks little of AWS: no object, and nothing in the ledger but what says that it ran', async () => {
  await using cloud = await startCloud();
  await using db = await withTables();
  await using ws = await openCloudWorkspace(cloud, db, { lines: [KEYED, 'connections: 1'] });
  await ws.run();
  await ws.run();
  const before = new Set(cloud.s3.store.objects.keys());
  cloud.s3.requests.clear();
  cloud.dynamo.clear();

  const report = await ws.run();

  expect(report).toMatchObject({ state: 'complete', tables: [{ rows: 0, objects: [] }] });
  const made = [...cloud.s3.store.objects.keys()].filter((key) => !before.has(key));
  expect(made.map((key) => [/\/_(reports|logs)\//.exec(key)?.[1], key.includes(report.job)]).sort()).toEqual([
    ['logs', true],
    ['reports', true],
  ]);
  expect(counted(cloud.s3.requests.all.map(({ operation }) => operation))).toEqual({
    // The check of the rights that a job needs, ...
    ListObjectsV2: 1,
    GetObject: 1,
    CreateMultipartUpload: 1,
    AbortMultipartUpload: 1,
    ListMultipartUploads: 1,
    // ... its report and its log.
    PutObject: 2,
  });
  const isWrite = (operation: string): boolean => /^(Put|Update|Delete|Transact|BatchWrite)/.test(operation);
  const writes = cloud.dynamo.requests.filter(({ operation }) => isWrite(operation));
  expect(writes.map(({ operation, item = '' }) => `${operation} ${item.replace(/#.*/, '')}`)).toEqual([
    // Refused by their conditions: they show that the rights are there.
    'PutItem check',
    'DeleteItem check',
    'PutItem lease',
    'PutItem job',
    'PutItem work',
    'PutItem report',
    'PutItem job',
    'PutItem lease',
  ]);
  expect(cloud.dynamo.requests.length - writes.length).toBeLessThanOrEqual(40);
});

describe('what is missing or forbidden gets a clear error', () => {
  test('a bucket that does not exist', async () => {
    await using cloud = await startCloud();
    await using db = await withTables();
    await using ws = await openCloudWorkspace(cloud, db, { lines: [KEYED] }, { destination: 's3://nowhere/postgres' });

    const report = await ws.run();

    expect(report).toMatchObject({ state: 'failed', tables: [], error: { code: 'sink-missing' } });
    expect(report.error?.message).toContain('s3://nowhere/postgres');
    expect(await stateItems(cloud)).toEqual([]);
  });

  test.each(['ListObjectsV2', 'GetObject', 'CreateMultipartUpload', 'ListMultipartUploads'] as const)(
    'a bucket that forbids %s: nothing is written to it',
    async (operation) => {
      await using cloud = await startCloud();
      await using db = await withTables();
      await using ws = await openCloudWorkspace(cloud, db, { lines: [KEYED] });
      cloud.s3.faults.forbid(operation);
      if (operation === 'CreateMultipartUpload') cloud.s3.faults.forbid('PutObject');

      const report = await ws.run();

      expect(report).toMatchObject({ state: 'failed', tables: [], error: { code: 'sink-forbidden' } });
      expect(report.error?.message).toContain(operation);
      expect(report.error?.message).toContain(`s3://${cloud.s3.bucket}/postgres`);
      expect(report.error?.remedy).toContain('s3:ListBucketMultipartUploads');
      // Its report and its log, where they may be written.
      expect([...cloud.s3.store.objects.keys()].filter((key) => !/\/_(reports|logs)\//.test(key))).toEqual([]);
      expect(cloud.s3.store.uploads.size).toBe(0);
      expect(await stateItems(cloud)).toEqual([]);
    },
  );

  test('rights that are taken away in the middle of a job: it ends at once and says so, and the next one with its rights back completes', async () => {
    await using cloud = await startCloud();
    await using db = await withTables();
    await using ws = await openCloudWorkspace(cloud, db, { lines: ALL });
    for (const operation of ['PutObject', 'CreateMultipartUpload'] as const)
      cloud.s3.faults.add(operation, ACCESS_DENIED, { after: 3, times: Infinity });

    const failed = await ws.run();
    cloud.s3.faults.clear();
    const next = await ws.run();

    expect(failed).toMatchObject({ state: 'failed', error: { code: 'sink-forbidden' } });
    expect(next.state).toBe('complete');
    const { rows } = await loadFromCloud(cloud, ws);
    expect(printed(rows.get(`${db.database}.public.big`))).toEqual(await sourceRows(db, 'big'));
  });

  test.each([
    ['does not exist', 'dynamodb://nowhere', undefined, 'ledger-missing'],
    ['forbids reading', undefined, ['GetItem', 'Query', 'BatchGetItem', 'DescribeTable'], 'ledger-forbidden'],
    ['forbids writing', undefined, ['PutItem', 'UpdateItem', 'DeleteItem'], 'ledger-forbidden'],
  ] as const)('a table that %s: no job begins, and the bucket is not touched', async (_, state, forbidden, code) => {
    await using cloud = await startCloud();
    await using db = await withTables();
    await using ws = await openCloudWorkspace(cloud, db, { lines: [KEYED] }, state === undefined ? {} : { state });
    const names: readonly string[] = forbidden ?? [];
    cloud.dynamo.fail((operation) =>
      names.includes(operation) ? { kind: 'error', name: 'AccessDeniedException', status: 400 } : undefined,
    );

    const attempt = await attemptRun(ws);

    expect(attempt).toMatchObject({ exitCode: 1, error: { code }, report: undefined });
    expect(attempt.error?.message).toContain(state ?? `dynamodb://${cloud.table}`);
    expect(cloud.s3.store.objects.size).toBe(0);
    expect(await cloud.items()).toEqual([]);
  });
});

const S3_TROUBLE: readonly Fault[] = [SLOW_DOWN, INTERNAL_ERROR, { kind: 'reset' }, { kind: 'lose-response' }];

test.each([16, 18, 25])(
  'busy and broken services at random (seed %i) cost attempts, and neither a row nor a job',
  { timeout: 300_000 },
  async (seed) => {
    await using cloud = await startCloud();
    await using db = await withTables();
    await using ws = await openCloudWorkspace(cloud, db, { lines: ALL, destination: ['rotateBytes: 200000'] });
    const random = randomOf(seed);
    let faults = 0;
    // Never three times in a row, so that the clients' attempts are enough: what fails then is a fault of ours.
    const inRow = new Map<string, number>();
    const sometimes = <T>(operation: string, kinds: readonly T[]): T | undefined => {
      const before = inRow.get(operation) ?? 0;
      const isFault = before < 2 && random.next() < 0.15;
      inRow.set(operation, isFault ? before + 1 : 0);
      faults += isFault ? 1 : 0;
      return isFault ? random.pick(kinds) : undefined;
    };
    cloud.s3.faults.decide((operation) => sometimes(operation, S3_TROUBLE));
    cloud.dynamo.fail((operation) => sometimes(operation, DYNAMO_TROUBLE));

    const first = await ws.run();
    await db.query(
      `update keyed set label = 'changed', updated_at = clock_timestamp() where id <= 700; insert into big values (0, 'new')`,
    );
    const second = await ws.run();
    cloud.s3.faults.clear();
    expect([first, second].map(({ state, error, tables }) => ({ state, error, tables: tables.map((t) => t.error) }))).toEqual(
      [first, second].map(({ tables }) => ({ state: 'complete', error: null, tables: tables.map(() => null) })),
    );
    cloud.dynamo.fail(() => undefined);
    const last = await ws.run();

    expect(last.state).toBe('complete');
    expect(faults).toBeGreaterThan(10);
    const { rows } = await loadFromCloud(cloud, ws);
    expect(rows.get(`${db.database}.public.big`)?.length).toBe(20_001);
    expect(printed(rows.get(`${db.database}.public.big`))).toEqual(await sourceRows(db, 'big'));
    expect(printed(rows.get(`${db.database}.public.keyed`))).toEqual(await sourceRows(db, 'keyed'));
  },
);

/** Items of the ledger that say where a stream stands. */
async function stateItems(cloud: { items(): Promise<readonly string[]> }): Promise<readonly string[]> {
  return (await cloud.items()).filter((id) => /^(doc|head|commit)#/.test(id));
}
