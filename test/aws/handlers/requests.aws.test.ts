import { describe, expect, test } from 'vitest';
import { openCloudWorkspace, startCloud } from '../../e2e/support/cloud.ts';
import type { Cloud } from '../../e2e/support/cloud.ts';
import { createTables, dynamoByKind, s3ByOperation } from '../../idle/support.ts';
import { createDatabase, newestMajor } from '../../support/postgres.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { deploy } from './functions.ts';
import type { Functions } from './functions.ts';

const STREAMS = 20;

/** A table that is copied in ranges, and tables that are read by key. */
async function withTables(): Promise<TestDatabase> {
  const db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
  await createTables(db, STREAMS);
  await db.query(`
    create table large as select i as id, repeat('x', 200) as t from generate_series(1, 30000) i;
    alter table large add primary key (id);
    analyze large`);
  return db;
}

const BY_KEY = Array.from(
  { length: STREAMS },
  (_, n) => `  - { table: public.t${String(n + 1)}, method: INCREMENTAL, replicationKey: updated_at }`,
);
const LARGE = '  - { table: public.large, method: FULL_TABLE }';

/** What functions of one kind asked for. */
interface Asked {
  /** Requests to DynamoDB, but for those that come with time: see `dynamoByKind`. */
  readonly dynamo: number;
  readonly s3: Readonly<Record<string, number>>;
}

interface CountedJob {
  readonly workers: number;
  readonly plan: Asked;
  readonly work: Asked;
  readonly report: Asked;
}

/** Runs a job through the functions as they are called in AWS, and counts what each kind of them asks for. */
async function countJob(cloud: Cloud, functions: Functions): Promise<CountedJob> {
  const counted = async <T>(call: () => Promise<T>): Promise<readonly [T, Asked]> => {
    cloud.dynamo.clear();
    cloud.s3.requests.clear();
    const answer = await call();
    const dynamo = Object.values(dynamoByKind(cloud.dynamo.requests)).reduce((sum, count) => sum + count, 0);
    return [answer, { dynamo, s3: s3ByOperation(cloud) }];
  };
  const [planned, plan] = await counted(() => functions.plan());
  if (planned.state !== 'started') throw new Error(`it is ${planned.state}`);
  const [, work] = await counted(() => Promise.all(planned.workers.map((input) => functions.work(input))));
  const [reported, report] = await counted(() => functions.report({ kind: 'finish', job: planned.job }));
  expect(reported?.state).toBe('complete');
  return { workers: planned.workers.length, plan, work, report };
}

/** The look for abandoned uploads, the proof that the bucket takes writes, and the plan for the workers. */
const S3_OF_PLAN = {
  AbortMultipartUpload: 1,
  CreateMultipartUpload: 1,
  GetObject: 1,
  ListMultipartUploads: 1,
  ListObjectsV2: 1,
  PutObject: 1,
};
/** The plan is read, the report written, the plan removed. */
const S3_OF_REPORT = { DeleteObjects: 1, GetObject: 1, PutObject: 1 };

describe('the requests of a job in functions', () => {
  test('with nothing to do are those of its plan and its report', async () => {
    await using cloud = await startCloud();
    await using db = await withTables();
    await using ws = await openCloudWorkspace(cloud, db, { lines: ['tables:', ...BY_KEY] });
    await using functions = await deploy(ws);
    const first = await countJob(cloud, functions);
    await functions.execute();

    const idle = await countJob(cloud, functions);

    // The control: all tables had rows at first.
    expect(first.work.s3['PutObject']).toBeGreaterThan(STREAMS);
    expect(idle.workers).toBe(0);
    expect([idle.plan.s3, idle.work.s3, idle.report.s3]).toEqual([S3_OF_PLAN, {}, S3_OF_REPORT]);
    // Measured: 14, 0 and 18.
    expect(idle.plan.dynamo).toBeLessThanOrEqual(16);
    expect(idle.work.dynamo).toBe(0);
    expect(idle.report.dynamo).toBeLessThanOrEqual(20);
  });

  test('that copies a table in ranges grow by eight of DynamoDB and one of S3 with each range', async () => {
    await using cloud = await startCloud();
    await using db = await withTables();
    // One worker: several take work from each other, as often as it happens.
    await using ws = await openCloudWorkspace(cloud, db, {
      lines: ['rangeBytes: 1 MiB', 'connections: 1', 'tables:', LARGE, ...BY_KEY],
    });
    await using functions = await deploy(ws);
    await countJob(cloud, functions);

    const busy = await countJob(cloud, functions);

    const cut = functions.lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    const ranges = Number(cut.findLast(({ event }) => event === 'copy-cut')?.['ranges']);
    expect(ranges).toBeGreaterThan(5);
    expect(busy.workers).toBe(1);
    // One object a range, and the table's description.
    expect([busy.plan.s3, busy.work.s3, busy.report.s3]).toEqual([
      S3_OF_PLAN,
      { GetObject: 1, PutObject: ranges + 1 },
      S3_OF_REPORT,
    ]);
    // Measured: 15, 29 and eight a range, 18.
    expect(busy.plan.dynamo).toBeLessThanOrEqual(17);
    expect(busy.work.dynamo).toBeLessThanOrEqual(32 + 8 * ranges);
    expect(busy.report.dynamo).toBeLessThanOrEqual(20);
  });
});
