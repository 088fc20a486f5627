import { describe, expect, test } from 'vitest';
import { openCloudWorkspace, startCloud } from '../e2e/support/cloud.ts';
import type { DynamoRequest } from '../e2e/support/dynamo-gate.ts';
import { newestMajor } from '../support/postgres.ts';
import { startServer } from '../support/private-server.ts';

/** What a job asked for. Looks at the list of work are left out: idle workers look again for as long as others are busy. */
interface JobRequests {
  readonly dynamo: readonly DynamoRequest[];
  /** Requests by operation. */
  readonly s3: Readonly<Record<string, number>>;
  /** SQL statements of all sessions. */
  readonly statements: number;
}

/** A job of a clean predecessor: the proof that the bucket takes writes, the look for abandoned uploads, report and log. */
const S3_OF_AN_IDLE_JOB = {
  AbortMultipartUpload: 1,
  CreateMultipartUpload: 1,
  GetObject: 1,
  ListMultipartUploads: 1,
  ListObjectsV2: 1,
  PutObject: 2,
};

/** Runs jobs until nothing is new, then one more, and gives what that one asked for. */
async function idleJob(method: 'LOG_BASED' | 'INCREMENTAL', tables: number): Promise<JobRequests> {
  await using server = await startServer(newestMajor, { conf: { log_statement: 'all' } });
  await using db = await server.createDatabase({ sessionsAtEnd: 'any' });
  await db.query(`
    do $$ begin
      for t in 1 .. ${String(tables)} loop
        execute format('create table t%s (id int primary key, updated_at timestamptz not null default now() - interval ''1 hour'')', t);
        execute format('insert into t%s values (1)', t);
      end loop;
    end $$`);
  await using cloud = await startCloud();
  const key = method === 'INCREMENTAL' ? ', replicationKey: updated_at' : '';
  const lines = [
    `logBased: { plugin: pgoutput, slot: ${db.database} }`,
    'tables:',
    ...Array.from({ length: tables }, (_, n) => `  - { table: public.t${String(n + 1)}, method: ${method}${key} }`),
  ];
  await using ws = await openCloudWorkspace(cloud, db, { lines });
  await ws.run();
  await ws.run();
  cloud.dynamo.clear();
  cloud.s3.requests.clear();
  const logged = (await server.log()).length;

  const report = await ws.run();

  expect([report.state, report.tables.length, report.tables.flatMap(({ objects }) => objects)]).toEqual(['complete', tables, []]);
  const s3: Record<string, number> = {};
  for (const { operation } of cloud.s3.requests.all) s3[operation] = (s3[operation] ?? 0) + 1;
  return {
    dynamo: cloud.dynamo.requests.filter(({ operation, item }) => operation !== 'GetItem' || !(item ?? '').startsWith('work#')),
    s3,
    statements: ((await server.log()).slice(logged).match(/LOG: {2}(statement|execute [^:]*):/g) ?? []).length,
  };
}

function writesOf({ dynamo }: JobRequests, item: RegExp): readonly (string | undefined)[] {
  return dynamo
    .filter(({ operation }) => operation !== 'GetItem')
    .flatMap((request) => (item.test(request.item ?? '') ? [request.item] : []));
}

describe('a job with nothing to do', () => {
  test('asks for as much for many log-based streams as for few', { timeout: 300_000 }, async () => {
    const few = await idleJob('LOG_BASED', 2);
    const many = await idleJob('LOG_BASED', 40);

    expect([few.s3, many.s3]).toEqual([S3_OF_AN_IDLE_JOB, S3_OF_AN_IDLE_JOB]);
    expect(many.dynamo.length - few.dynamo.length).toBeLessThanOrEqual(4);
    expect(many.dynamo.length).toBeLessThanOrEqual(50);
    expect(many.statements - few.statements).toBeLessThanOrEqual(8);
    expect(many.statements).toBeLessThanOrEqual(70);
    // The slot is claimed, and its position is kept where the server wrote WAL of its own meanwhile; no stream has anything new to remember.
    const heads = writesOf(many, /^head#/);
    expect(heads.length).toBeLessThanOrEqual(2);
    expect(heads.filter((head) => head?.startsWith('head#slot/') !== true)).toEqual([]);
    expect(writesOf(many, /stream\//)).toEqual([]);
  });

  test('reads one bookmark and writes none for each key-based stream', { timeout: 300_000 }, async () => {
    const tables = 40;

    const job = await idleJob('INCREMENTAL', tables);

    expect(job.s3).toEqual(S3_OF_AN_IDLE_JOB);
    expect(
      job.dynamo.filter(({ operation, item }) => operation === 'GetItem' && item?.startsWith('head#') === true),
    ).toHaveLength(tables);
    expect(writesOf(job, /^head#|stream\//)).toEqual([]);
    // Beyond the bookmark, a stream costs its worker a mark in the list of work, which others may be writing too.
    expect(job.dynamo.length).toBeLessThanOrEqual(50 + tables * 4);
    expect(job.statements).toBeLessThanOrEqual(70 + tables * 20);
  });
});
