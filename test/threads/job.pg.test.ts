import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { ProgressEvent } from '../../functions/engine/jobs/progress.ts';
import { noLeaks } from '../support/leaks.ts';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { load, openTestWorkspace } from '../support/workspace.ts';
import type { TestWorkspace } from '../support/workspace.ts';
import { fillItems, ITEMS, strangeThread, withThreads } from './support.ts';

const ROWS = 20_000;

async function idsOf(ws: TestWorkspace, db: TestDatabase): Promise<readonly number[]> {
  const { rows } = await load(ws.folder, await ws.reports());
  return (rows.get(`${db.database}.public.items`) ?? []).map((row) => Number(row['id'])).sort((a, b) => a - b);
}

const all = Array.from({ length: ROWS }, (_, n) => n + 1);
const namesOf = (ws: TestWorkspace): readonly string[] => ws.events.map(({ event }) => event);

describe('a job over several threads', () => {
  it('copies each row once, and shows its progress as one', async () => {
    await using db = await createDatabase(newestMajor);
    await fillItems(db, ROWS);
    await using ws = await openTestWorkspace(db, { lines: ITEMS }, await withThreads(3));
    const progress: ProgressEvent[] = [];
    const never = new AbortController().signal;

    await using workspace = await ws.open();
    await using _leaks = await noLeaks();
    const outcome = await workspace.run('shop', {
      trigger: 'manual',
      stop: never,
      abort: never,
      progress: (event) => progress.push(event),
    });

    expect(outcome).toMatchObject({ state: 'finished', report: { state: 'complete', tables: [{ rows: ROWS, rowsRead: ROWS }] } });
    expect(await idsOf(ws, db)).toEqual(all);
    const threads = ws.events.filter(({ event }) => event === 'thread-started').map(({ fields }) => fields['workers']);
    // Four workers in three threads, the first of which is this one.
    expect([...threads].sort()).toEqual(['w1', 'w2']);
    const rows = progress.reduce((sum, event) => sum + (event.kind === 'rows' ? event.rows : 0), 0);
    expect(rows).toBe(ROWS);
    expect(progress.filter(({ kind }) => kind === 'unit-done').length).toBe(
      progress.filter(({ kind }) => kind === 'unit-started').length,
    );
  });

  it('has no more sessions than its connections, whatever its threads open', async () => {
    await using db = await createDatabase(newestMajor);
    await fillItems(db, ROWS);
    await using ws = await openTestWorkspace(db, { lines: ITEMS }, await withThreads(3));

    const ended = new AbortController();
    const running = ws.run().finally(() => ended.abort());
    let most = 0;
    while (!ended.signal.aborted) {
      const [row] = await db.query(
        `select count(*)::text as sessions from pg_stat_activity where datname = current_database() and application_name like 'backstitch %'`,
      );
      most = Math.max(most, Number(row?.['sessions']));
    }

    expect(await running).toMatchObject({ state: 'complete' });
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
  });

  it('starts no thread where there is little to copy', async () => {
    await using db = await createDatabase(newestMajor);
    await fillItems(db, ROWS);
    const { bytesPerThread: _, ...threads } = await withThreads(3);
    await using ws = await openTestWorkspace(db, { lines: ITEMS }, threads);

    expect(await ws.run()).toMatchObject({ state: 'complete' });
    expect(namesOf(ws)).not.toContain('thread-started');
  });

  it('stops all of them at a checkpoint, and the next job copies what is left', async () => {
    await using db = await createDatabase(newestMajor);
    await fillItems(db, ROWS);
    await using ws = await openTestWorkspace(db, { lines: ITEMS }, await withThreads(3));
    const stop = new AbortController();
    await using workspace = await ws.open();
    const watch = (event: ProgressEvent): void => {
      if (event.kind === 'unit-done') stop.abort();
    };

    const request = { trigger: 'manual', stop: stop.signal, abort: new AbortController().signal, progress: watch } as const;
    const first = await workspace.run('shop', request);
    const second = await ws.run();

    expect(first).toMatchObject({ state: 'finished', report: { state: 'stopped' } });
    expect(second.state).toBe('complete');
    expect(await idsOf(ws, db)).toEqual(all);
  });

  it('drops the work of all of them at once, and the next job copies what is left', async () => {
    await using db = await createDatabase(newestMajor);
    await fillItems(db, ROWS);
    await using ws = await openTestWorkspace(db, { lines: ITEMS }, await withThreads(3));
    const abort = new AbortController();
    await using workspace = await ws.open();
    await using _leaks = await noLeaks();
    const watch = (event: ProgressEvent): void => {
      if (event.kind === 'rows') abort.abort();
    };

    const request = { trigger: 'manual', stop: new AbortController().signal, abort: abort.signal, progress: watch } as const;
    const first = await workspace.run('shop', request);
    const second = await ws.run();

    expect(first).toMatchObject({ state: 'finished', report: { state: 'stopped' } });
    expect(second.state).toBe('complete');
    expect(await idsOf(ws, db)).toEqual(all);
  });

  it('fails with the error of a thread, which comes with its code and remedy', async () => {
    await using db = await createDatabase(newestMajor);
    await fillItems(db, ROWS);
    const options = await withThreads(2);
    await using ws = await openTestWorkspace(db, { lines: ITEMS }, options);
    const threadEntry = await strangeThread(
      ws.folder,
      `import { parentPort } from 'node:worker_threads';
       parentPort.postMessage({ kind: 'started' });
       const cause = { name: 'Error', frames: '    at somewhere' };
       parentPort.postMessage({ kind: 'failed', error: { code: 'sink-full', message: 'It is full.', remedy: 'Make room.', cause } });`,
    );
    await using broken = await openTestWorkspace(db, { lines: ITEMS }, { ...options, threadEntry });

    const report = await broken.run();

    expect(report).toMatchObject({
      state: 'failed',
      error: { code: 'sink-full', message: 'It is full.', remedy: 'Make room.' },
    });
  });

  it.each([
    ['ends without a word', `process.exit(3);`],
    ['throws', `throw new Error('a secret');`],
  ])('of which a thread %s fails, and the next one loses nothing', async (_, text) => {
    await using db = await createDatabase(newestMajor);
    await fillItems(db, ROWS);
    const options = await withThreads(2);
    await using ws = await openTestWorkspace(db, { lines: ITEMS }, { ...options });
    // It ends on the next message, which the gate of the job has for it.
    const threadEntry = await strangeThread(
      ws.folder,
      `import { parentPort } from 'node:worker_threads';
       parentPort.on('message', () => { ${text} });
       parentPort.postMessage({ kind: 'started' });
       parentPort.postMessage({ kind: 'turn-wanted', call: 1, worker: 'w1', how: 'ask' });`,
    );
    await using workspace = await ws.open({ threadEntry });

    const never = new AbortController().signal;
    const first = await workspace.run('shop', { trigger: 'manual', stop: never, abort: never, progress: () => undefined });
    const second = await ws.run();

    expect(first).toMatchObject({ state: 'finished', report: { state: 'failed', error: { code: 'worker-died' } } });
    expect(JSON.stringify([first, ws.events])).not.toContain('a secret');
    expect(second.state).toBe('complete');
    expect(await idsOf(ws, db)).toEqual(all);
  });

  it('does everything in one thread where no other can be started, and says so', async () => {
    await using db = await createDatabase(newestMajor);
    await fillItems(db, ROWS);
    const nowhere = join(tmpdir(), 'backstitch-no-such-thread.mjs');
    await rm(nowhere, { force: true });
    await using ws = await openTestWorkspace(
      db,
      { lines: ITEMS },
      { ...(await withThreads(3)), threadEntry: pathToFileURL(nowhere) },
    );

    expect(await ws.run()).toMatchObject({ state: 'complete' });
    expect(await idsOf(ws, db)).toEqual(all);
    // Once for each of the two.
    const refused = ws.events.filter(({ event }) => event === 'thread-not-started');
    expect(refused).toHaveLength(2);
    expect(refused[0]).toMatchObject({
      level: 'WARNING',
      fields: { code: expect.stringMatching(/MODULE_NOT_FOUND$/) as string },
    });
  });
});
