import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runChildJob } from '../support/child-job.ts';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import { load, openTestWorkspace } from '../support/workspace.ts';

const ROWS = 200_000;

describe.each(['stream', 'peek'] as const)('a transaction of several batches, read by %s', (consume) => {
  test('is killed in its middle, goes on inside, and is whole in the end', { timeout: 300_000 }, async () => {
    await using db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
    await db.query(`create table big (id int primary key, filler text)`);
    await using ws = await openTestWorkspace(db, {
      lines: [
        `logBased: { plugin: pgoutput, consume: ${consume}, slot: ${db.database} }`,
        'tables:',
        '  - { table: public.big, method: LOG_BASED }',
      ],
    });
    await ws.run();
    await db.query(`insert into big select g, repeat('x', 900) from generate_series(1, ${String(ROWS)}) g`);

    const logObjects = async (): Promise<number> => {
      const names = await readdir(join(ws.folder, 'out', 'shop', 'big'), { recursive: true }).catch(() => []);
      return names.filter((name) => /\/log-.*\.gz$/.test(name)).length;
    };
    // The second object is in the making, or durable: the batch of the first one is committed, inside of the transaction.
    const killed = await runChildJob(ws.configPath, async () => (await logObjects()) >= 2);
    const resumed = await runChildJob(ws.configPath);

    expect([killed.state, resumed.state]).toEqual(['', 'complete']);
    const reports = await ws.reports();
    const perJob = reports.map((report) => report.tables[0]?.rows ?? 0).filter((rows) => rows > 0);
    expect(perJob.length).toBeGreaterThan(1);
    expect(perJob.reduce((sum, rows) => sum + rows, 0)).toBe(ROWS);
    const { rows } = await load(ws.folder, reports);
    expect(new Set((rows.get(`${db.database}.public.big`) ?? []).map((row) => row['id'])).size).toBe(ROWS);
  });
});
