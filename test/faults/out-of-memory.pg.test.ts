import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleCli } from '../e2e/support/bundle-cli.ts';
import type { BundledCli } from '../e2e/support/bundle-cli.ts';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { load, openTestWorkspace } from '../support/workspace.ts';
import type { TestWorkspace } from '../support/workspace.ts';

const ROW_BYTES = 50_000_000;
const ROWS = 2;
const WAYS = [
  ['a full table', ['tables: [{ table: public.large, method: FULL_TABLE }]']],
  ['a table by key', ['tables: [{ table: public.large, method: INCREMENTAL, replicationKey: id }]']],
  ['a log-based table', ['logBased: { plugin: pgoutput, slot: SLOT }', 'tables: [{ table: public.large, method: LOG_BASED }]']],
] as const;

let cli: BundledCli;
beforeAll(async () => {
  cli = await bundleCli();
}, 60_000);
afterAll(() => cli[Symbol.asyncDispose]());

async function withLargeRows(): Promise<TestDatabase> {
  const db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
  await db.query('create table large (id int primary key, body text)');
  await addLargeRows(db, 1);
  return db;
}

async function addLargeRows(db: TestDatabase, from: number): Promise<void> {
  await db.query(
    `insert into large select n, repeat(md5(n::text), ${String(ROW_BYTES / 32)}) from generate_series(${String(from)}, ${String(from + ROWS - 1)}) n`,
  );
}

interface Ended {
  /** Null after a signal. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `backstitch run` in a process that may have so much heap, and so much memory of its own in all. */
async function run(ws: TestWorkspace, limits: { readonly heapMB: number; readonly dataMB: number }): Promise<Ended> {
  const { PATH = '', HOME = '' } = process.env;
  const data = String(limits.dataMB * 1_024);
  const node = [process.execPath, `--max-old-space-size=${String(limits.heapMB)}`, ...cli.program];
  const child = spawn(
    '/bin/sh',
    ['-c', `ulimit -c 0; ulimit -d ${data}; exec "$@"`, 'sh', ...node, 'run', '--json', '--config', ws.configPath],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH, HOME },
      cwd: join(import.meta.dirname, '..', '..'),
    },
  );
  const [out, err, [code]] = (await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])) as [
    string,
    string,
    [number | null],
  ];
  return { code, out, err };
}

test.each(WAYS)(
  'rows of 50 MB of %s that do not fit end the process; through one of 512 MB they go whole',
  { timeout: 120_000 },
  async (name, lines) => {
    await using db = await withLargeRows();
    await using ws = await openTestWorkspace(db, { lines: lines.map((line) => line.replace('SLOT', db.database)) });

    const died = await run(ws, { heapMB: 24, dataMB: 200 });
    const next = await run(ws, { heapMB: 512, dataMB: 1_024 });
    if (name === 'a log-based table') {
      await addLargeRows(db, 100);
      expect(await run(ws, { heapMB: 512, dataMB: 1_024 })).toMatchObject({ code: 0 });
    }

    expect(died.code).not.toBe(0);
    expect(next.code, next.err).toBe(0);
    const reports = await ws.reports();
    const complete = reports.filter(({ state }) => state === 'complete');
    expect(complete.length).toBe(name === 'a log-based table' ? 2 : 1);
    for (const { tables } of complete) {
      expect(tables).toMatchObject([{ rows: ROWS }]);
      expect(tables[0]?.jsonBytes).toBeGreaterThan(ROWS * ROW_BYTES);
    }
    // Every object is what its report says, and none is named twice.
    await load(ws.folder, reports);
  },
);
