import { describe, expect, test } from 'vitest';
import { createTables, withScene } from './support.ts';
import type { CountedScene, JobRequests } from './support.ts';

/** A job of a clean predecessor: the proof that the bucket takes writes, the look for abandoned uploads, report and log. */
const S3_OF_AN_IDLE_JOB = {
  AbortMultipartUpload: 1,
  CreateMultipartUpload: 1,
  GetObject: 1,
  ListMultipartUploads: 1,
  ListObjectsV2: 1,
  PutObject: 2,
};

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
        expect(writesOf(job, OBJECTS)).toEqual([]);
        expect(job.dynamo.length).toBeLessThanOrEqual(50);
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
      expect(job.dynamo.length).toBeLessThanOrEqual(60);
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
  test('asks the ledger for little with each range', async () => {
    const lines = ['rangeBytes: 1 MiB', 'tables:', '  - { table: public.large, method: FULL_TABLE }'];
    const fill = `create table large as select i as id, repeat('x', 200) as t from generate_series(1, 100000) i;
      alter table large add primary key (id); analyze large`;
    await withScene(
      () => lines,
      (db) => db.query(fill),
      async ({ count, workspace }) => {
        const { report, dynamo } = await count();

        const ranges = Number(workspace.events.find(({ event }) => event === 'copy-cut')?.fields['ranges']);
        expect([report.state, report.tables[0]?.rows, ranges > 20]).toEqual(['complete', 100_000, true]);
        // The ranges themselves, up to 300 KB, are read once by each worker.
        expect(
          dynamo.filter(({ operation, item }) => operation === 'GetItem' && item?.startsWith('doc#ranges/') === true).length,
        ).toBeLessThanOrEqual(8);
        expect(dynamo.length).toBeLessThanOrEqual(60 + ranges * 12);
      },
    );
  });
});
