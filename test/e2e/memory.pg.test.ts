import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LoadingReport } from '../../functions/engine/model/report.ts';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { openTestWorkspace } from '../support/workspace.ts';
import type { TestWorkspace } from '../support/workspace.ts';
import { openCloudWorkspace, startCloud } from './support/cloud.ts';
import { bundleCli } from './support/bundle-cli.ts';
import type { BundledCli } from './support/bundle-cli.ts';
import { runCli } from './support/run-cli.ts';

/** Of a job with as many workers as there are by default, on two cores; each further core has a thread of its own. */
const LIMIT_BYTES = 300e6 + 50e6 * Math.max(0, Math.min(availableParallelism(), 4) - 2);
/** Of a job that reads one thing at a time; parts on their way to S3, and the SDK, come to 30 MB more than a folder. */
const ONE_READ_LIMIT_BYTES = { folder: 150e6, s3: 165e6 };
const JSON_BYTES = 300e6;
const ROWS = 260_000;

/** As many workers as there are by default, all of them busy with a range each. */
const CUT = ['rangeBytes: 33554432', 'connections: 4', 'tables: [{ table: public.items, method: FULL_TABLE }]'];
/** The same ranges, one after the other. */
const CUT_ONE = ['rangeBytes: 33554432', 'connections: 1', 'tables: [{ table: public.items, method: FULL_TABLE }]'];
/** One read that cannot be cut. */
const VIEW = ['connections: 1', 'tables: [{ view: public.latest, method: FULL_TABLE, primaryKey: [id] }]'];

let db: TestDatabase;
let cli: BundledCli;

beforeAll(async () => {
  cli = await bundleCli();
  db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
  // Digests hardly compress: what is uploaded is large too.
  await db.query(`
    create unlogged table items (id bigint primary key, body text not null);
    alter table items alter column body set storage plain;
    insert into items select n, (select string_agg(md5(n::text || m), '') from generate_series(1, 30) m) from generate_series(1, ${String(ROWS)}) n;
    create view latest as select * from items;
    analyze items`);
}, 300_000);
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await cli[Symbol.asyncDispose]();
});

async function expectFlat(ws: TestWorkspace, limitBytes: number, env: Readonly<Record<string, string>> = {}): Promise<void> {
  const outcome = await runCli(['run', '--config', ws.configPath, '--json'], { program: cli.program, env });

  expect(outcome.code, outcome.err).toBe(0);
  // Threads do not repeat what the SDK says of an old Node.
  expect(outcome.err.split('NodeVersionSupportWarning').length - 1).toBeLessThanOrEqual(1);
  const { report } = JSON.parse(outcome.out) as { readonly report: LoadingReport };
  expect(report).toMatchObject({ state: 'complete', tables: [{ rows: ROWS }] });
  expect(report.tables[0]?.jsonBytes).toBeGreaterThan(JSON_BYTES);
  expect(outcome.peakBytes).toBeGreaterThan(0);
  expect(outcome.peakBytes).toBeLessThan(limitBytes);
}

async function readJobLogs({ folder }: TestWorkspace): Promise<string> {
  const logs = join(folder, 'out', 'shop', '_logs');
  const names = (await readdir(logs, { recursive: true })).filter((name) => name.endsWith('.jsonl'));
  return (await Promise.all(names.map((name) => readFile(join(logs, name), 'utf8')))).join('');
}

describe('the memory of a copy of 300 MB', () => {
  test.each([
    ['ranges by four workers', CUT, LIMIT_BYTES],
    ['ranges one by one', CUT_ONE, ONE_READ_LIMIT_BYTES.folder],
    ['one long read', VIEW, ONE_READ_LIMIT_BYTES.folder],
  ])('into a folder, %s, stays below its limit', { timeout: 600_000 }, async (_, lines, limitBytes) => {
    await using ws = await openTestWorkspace(db, { lines });

    await expectFlat(ws, limitBytes);
    // Four workers of a copy of this size have two threads, where there are two cores.
    const log = await readJobLogs(ws);
    expect(log.includes('"thread-started"')).toBe(lines === CUT && availableParallelism() > 1);
  });

  test.each([
    ['ranges by four workers', CUT, LIMIT_BYTES],
    ['ranges one by one', CUT_ONE, ONE_READ_LIMIT_BYTES.s3],
    ['one long read', VIEW, ONE_READ_LIMIT_BYTES.s3],
  ])('into S3, %s, stays below its limit', { timeout: 600_000 }, async (_, lines, limitBytes) => {
    const directory = await mkdtemp(join(tmpdir(), 'backstitch-bodies-'));
    try {
      await using cloud = await startCloud({ directory });
      await using ws = await openCloudWorkspace(cloud, db, { lines });

      await expectFlat(ws, limitBytes, cloud.env);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
