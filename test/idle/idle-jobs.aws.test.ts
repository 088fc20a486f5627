import { describe, expect, test } from 'vitest';
import { createTables, dynamoByKind, withScene } from './support.ts';
import type { CountedScene, JobRequests } from './support.ts';

/** A job of a clean predecessor: the proof that the bucket takes writes, the look for abandoned uploads, the report; its log comes on top. */
const S3_OF_AN_IDLE_JOB = {
  AbortMultipartUpload: 1,
  CreateMultipartUpload: 1,
  GetObject: 1,
  ListMultipartUploads: 1,
  ListObjectsV2: 1,
  PutObject: 1,
};

/** The proof that the table takes writes, the record of the job, the list of its work, its report, and looks for what others left. */
const DYNAMO_OF_AN_IDLE_JOB = {
  'DeleteItem check': 1,
  'GetItem check': 1,
  'GetItem job': 3,
  'GetItem report': 2,
  'GetItem work': 3,
  'PutItem check': 1,
  'PutItem job': 2,
  'PutItem report': 1,
  'PutItem work': 1,
  Query: 11,
};
/** Bookmarks of 500 streams, and a report that is longer than an item. */
const OF_500_STREAMS = { BatchGetItem: 2, 'PutItem piece': 2 };

/** An integration of so many small tables that were read until nothing is new. */
async function withIdle(
  method: 'INCREMENTAL' | 'LOG_BASED',
  tables: number,
  use: (scene: CountedScene) => Promise<void>,
): Promise<void> {
  const key = method === 'INCREMENTAL' ? ', replicationKey: updated_at' : '';
  await withScene(
    (database) => [
      `logBased: { plugin: pgoutput, slot: ${database} }`,
      'tables:',
      ...Array.from({ length: tables }, (_, n) => `  - { table: public.t${String(n + 1)}, method: ${method}${key} }`),
    ],
    (db) => createTables(db, tables),
    async (scene) => {
      await scene.workspace.run();
      await scene.workspace.run();
      await use(scene);
    },
  );
}

/** Items that were written, by the kind in their key. */
function writesOf({ dynamo }: JobRequests, kind: RegExp): readonly string[] {
  return dynamo.flatMap(({ operation, item = '' }) => (/^(Put|Delete)Item$/.test(operation) && kind.test(item) ? [item] : []));
}

const OBJECTS = /^(head|doc|commit)#/;

describe('a job with nothing to do on 500 streams', () => {
  test(
    'reads all bookmarks of key-based streams in a few requests, and writes nothing for them',
    { timeout: 300_000 },
    async () => {
      await withIdle('INCREMENTAL', 500, async ({ count }) => {
        const job = await count();

        expect([job.report.state, job.report.tables.length]).toEqual(['complete', 500]);
        expect([
          ...new Set(job.report.tables.map(({ state, rows, nullKeys }) => `${state} ${String(rows)} ${String(nullKeys)}`)),
        ]).toEqual(['complete 0 null']);
        expect(job.report.tables.flatMap(({ objects, warnings }) => [...objects, ...warnings])).toEqual([]);
        expect(job.s3).toEqual(S3_OF_AN_IDLE_JOB);
        expect(dynamoByKind(job.dynamo)).toEqual({ ...DYNAMO_OF_AN_IDLE_JOB, ...OF_500_STREAMS });
        // Of which three for every 50 tables.
        expect(job.statements.length).toBeLessThanOrEqual(70);
      });
    },
  );

  test('asks for as much for log-based streams as for a few', { timeout: 300_000 }, async () => {
    await withIdle('LOG_BASED', 500, async ({ count }) => {
      const job = await count();

      expect([job.report.state, job.report.tables.length]).toEqual(['complete', 500]);
      expect(job.report.tables.flatMap(({ objects, warnings }) => [...objects, ...warnings])).toEqual([]);
      expect(job.s3).toEqual(S3_OF_AN_IDLE_JOB);
      // The slot is claimed, and its position is kept where the server wrote WAL of its own meanwhile (the one before goes to the archive); no stream has anything new to remember.
      const written = writesOf(job, OBJECTS);
      expect(written.length).toBeLessThanOrEqual(3);
      expect(written.filter((item) => !/^(head|commit#[^#]+)#slot\//.test(item))).toEqual([]);
      // One unit of work: that of the slot.
      expect(dynamoByKind(job.dynamo.filter(({ item = '' }) => !item.startsWith('commit#')))).toEqual({
        ...DYNAMO_OF_AN_IDLE_JOB,
        ...OF_500_STREAMS,
        Query: 12,
        'GetItem head': 2,
        'GetItem work': 5,
        'PutItem head': expect.any(Number) as number,
        'PutItem unit': 1,
        'PutItem work': 3,
      });
      expect(job.statements.length).toBeLessThanOrEqual(70);
    });
  });
});

describe('a job with little to do', () => {
  test('works for the streams that have something new, and says of the others what it would have said', async () => {
    await withIdle('INCREMENTAL', 20, async ({ db, workspace, count }) => {
      const idle = await count();
      await db.query(`
        insert into t3 values (2);
        update t5 set updated_at = now();
        alter table t7 alter updated_at drop not null;
        insert into t7 values (2, null);
        delete from t9;
        alter table t11 add extra text default 'new'`);
      const busy = await count();
      const after = await count();

      const rows = (job: JobRequests): Readonly<Record<string, number>> =>
        Object.fromEntries(job.report.tables.filter((table) => table.rows > 0).map((table) => [table.table, table.rows]));
      expect(busy.report.state).toBe('complete');
      // A new column is a change of the rows at the boundary.
      expect(rows(busy)).toEqual({ t3: expect.any(Number), t5: 1, t11: 1 });
      expect(
        busy.report.tables.filter(({ nullKeys }) => nullKeys !== null).map(({ table, nullKeys }) => [table, nullKeys]),
      ).toEqual([['t7', 1]]);
      expect(
        after.report.tables.filter(({ nullKeys }) => nullKeys !== null).map(({ table, nullKeys }) => [table, nullKeys]),
      ).toEqual([['t7', 1]]);
      expect(new Set(busy.report.tables.map(({ state }) => state))).toEqual(new Set(['complete']));
      expect(idle.report.tables.map(({ stream }) => stream)).toEqual(busy.report.tables.map(({ stream }) => stream));
      expect(workspace.events.filter(({ event }) => event === 'nothing-new').at(-1)?.fields['streams']).toBeGreaterThanOrEqual(
        17,
      );
    });
  });

  test('reports an error of a stream once, and takes it back when the stream is well again', async () => {
    await withIdle('INCREMENTAL', 3, async ({ db, count }) => {
      const errorsOf = ({ report }: JobRequests) => report.tables.map(({ error }) => error?.code ?? null);
      await db.query('alter table t2 rename to hidden');
      const without = await count();
      await db.query('alter table hidden rename to t2');
      const again = await count();
      const quiet = await count();

      expect([without.report.state, errorsOf(without).filter((code) => code !== null).length]).toEqual(['partial', 1]);
      expect([again.report.state, errorsOf(again)]).toEqual(['complete', [null, null, null]]);
      expect(writesOf(quiet, OBJECTS)).toEqual([]);
    });
  });
});

describe('a copy in ranges', () => {
  /** A first job that copies a table in ranges over so many connections. */
  async function copyInRanges(connections: number): Promise<{ readonly job: JobRequests; readonly ranges: number }> {
    const lines = [
      'rangeBytes: 1 MiB',
      `connections: ${String(connections)}`,
      'tables:',
      '  - { table: public.large, method: FULL_TABLE }',
    ];
    const fill = `create table large as select i as id, repeat('x', 200) as t from generate_series(1, 100000) i;
      alter table large add primary key (id); analyze large`;
    const copied: { job: JobRequests; ranges: number }[] = [];
    await withScene(
      () => lines,
      (db) => db.query(fill),
      async ({ count, workspace }) => {
        const job = await count();
        const ranges = Number(workspace.events.find(({ event }) => event === 'copy-cut')?.fields['ranges']);
        copied.push({ job, ranges });
      },
    );
    const [{ job, ranges }] = copied as [(typeof copied)[0]];
    expect([job.report.state, job.report.tables[0]?.rows, ranges > 20]).toEqual(['complete', 100_000, true]);
    return { job, ranges };
  }

  /** What does not depend on how many workers there are: eight requests a range, of which two are below. */
  const ofRanges = (ranges: number): Readonly<Record<string, number>> => ({
    ...DYNAMO_OF_AN_IDLE_JOB,
    BatchGetItem: 1,
    Query: 13 + ranges,
    'DeleteItem doc#ranges': 1,
    'DeleteItem head': ranges,
    'GetItem head': ranges,
    'GetItem report': 1,
    'PutItem commit': ranges,
    'PutItem doc#ranges': 1,
    'PutItem head': 2 * ranges,
    'PutItem unit': 3,
  });
  /** Each range is an object; then there are the table's description and the report. */
  const s3OfRanges = (ranges: number): Readonly<Record<string, number>> => ({ ...S3_OF_AN_IDLE_JOB, PutObject: ranges + 2 });

  test('asks the ledger for eight things with each range, and S3 for one', async () => {
    const { job, ranges } = await copyInRanges(1);

    expect(dynamoByKind(job.dynamo)).toEqual({
      ...ofRanges(ranges),
      // The ranges themselves, up to 300 KB, are not read with each of them.
      'GetItem doc#ranges': 4,
      'GetItem doc#stream': 3,
      'GetItem work': 7,
      'PutItem doc#stream': 3 + ranges,
      'PutItem work': 5 + ranges,
    });
    expect(job.s3).toEqual(s3OfRanges(ranges));
  });

  test('asks for as much over four connections, but for what workers take from each other', async () => {
    const { job, ranges } = await copyInRanges(4);

    const isShared = (item = ''): boolean => /^(work|doc#stream|doc#ranges)/.test(item);
    const shared = (kind: RegExp): number => job.dynamo.filter(({ item = '' }) => kind.test(item)).length;
    const expected = Object.entries(ofRanges(ranges)).filter(([name]) => !isShared(name.split(' ')[1]));
    expect(dynamoByKind(job.dynamo.filter(({ item }) => !isShared(item)))).toEqual(Object.fromEntries(expected));
    // Read once or twice by each worker, written once, removed once.
    expect(shared(/^doc#ranges/)).toBeLessThanOrEqual(10);
    // Two writes a range where nobody is in the way; who was too late reads and tries again.
    expect(shared(/^(work|doc#stream)/)).toBeLessThanOrEqual(6 * ranges);
    expect(job.s3).toEqual(s3OfRanges(ranges));
  });
});
