import { expect, test } from 'vitest';
import { eventually } from '../../support/postgres.ts';
import { answers, denials, deploy, eventsOf } from './replication.ts';
import type { Deployment } from './replication.ts';
import { BIG, BIG_ROWS, RANGED, SMALL, loadedRows, sourceRows, withBig } from './source.ts';

/** With a synthesis each, on machines that do other things too. */
const PATIENCE_MS = 300_000;
const COPY = { lines: [...RANGED, 'tables:', BIG, SMALL] };

/** Objects of rows that are durable now. */
function copied({ account }: Deployment): number {
  return [...account.emulators.bucket.objects.keys()].filter((key) => key.includes('/copy-')).length;
}

test(
  'killed in the middle of a copy, workers go on where they were; no row is lost and no object named twice',
  async () => {
    await using db = await withBig();
    await using shop = await deploy(db, COPY, { timeoutSeconds: { work: 60 } });
    const execution = shop.account.fireSchedule();
    await eventually('the copy has begun', () => copied(shop) > 3);
    const killed = shop.account.functions.work.killBusy();

    expect(await execution.end).toMatchObject({ status: 'SUCCEEDED' });
    await shop.account.whenQuiet();
    expect(killed).toBeGreaterThanOrEqual(1);
    expect(answers(shop.account.functions.work).filter((state) => state === 'Runtime.ExitError')).toHaveLength(killed);
    expect(await shop.reports()).toMatchObject([{ state: 'complete', tables: [{ rows: BIG_ROWS }, { rows: 100 }] }]);
    expect(loadedRows(await shop.load(), db, 'big')).toEqual(await sourceRows(db, 'big'));
    expect(denials(shop)).toEqual([]);
  },
  PATIENCE_MS,
);

test(
  'a start while a job runs is skipped and ends green; the job does not notice',
  async () => {
    await using db = await withBig();
    await using shop = await deploy(db, COPY);
    const first = shop.account.fireSchedule();
    await eventually('the copy has begun', () => copied(shop) > 0);
    const second = shop.account.fireSchedule();

    expect(await second.end).toMatchObject({ status: 'SUCCEEDED', output: { state: 'skipped', reason: 'busy' } });
    expect(await first.end).toMatchObject({ status: 'SUCCEEDED' });
    await shop.account.whenQuiet();
    expect((await shop.reports()).map(({ state }) => state)).toEqual(['complete']);
    expect(loadedRows(await shop.load(), db, 'big')).toEqual(await sourceRows(db, 'big'));
    const states: string[] = [];
    for await (const { state } of shop.ledger.jobs()) states.push(state);
    expect(states.sort()).toEqual(['complete', 'skipped']);
    expect(denials(shop)).toEqual([]);
  },
  PATIENCE_MS,
);

test(
  'a paused integration skips its schedule, green; by hand it runs',
  async () => {
    await using db = await withBig(1_000);
    await using shop = await deploy(db, COPY);
    await shop.ledger.updateControl((control) => ({ ...control, pausedAt: new Date().toISOString() }));

    expect(await shop.account.fireSchedule().end).toMatchObject({
      status: 'SUCCEEDED',
      output: { state: 'skipped', reason: 'paused' },
    });
    expect(answers(shop.account.functions.work)).toEqual([]);
    expect(await shop.account.start({}).end).toMatchObject({ status: 'SUCCEEDED' });
    await shop.account.whenQuiet();
    expect(await shop.reports()).toMatchObject([{ state: 'complete', trigger: 'manual' }]);
    expect(loadedRows(await shop.load(), db, 'big')).toEqual(await sourceRows(db, 'big'));
    expect(denials(shop)).toEqual([]);
  },
  PATIENCE_MS,
);

test(
  'a stopped execution closes its job as stopped; the next schedule goes on and completes',
  async () => {
    await using db = await withBig();
    await using shop = await deploy(db, COPY, { timeoutSeconds: { work: 10 } });
    const stopped = shop.account.fireSchedule();
    await eventually('the copy has begun', () => copied(shop) > 3);
    stopped.stop({ cause: 'by hand' });

    expect(await stopped.end).toMatchObject({ status: 'ABORTED', cause: 'by hand' });
    // Functions that ran when it was stopped run on, as they do in AWS.
    await shop.account.whenQuiet();
    expect(await shop.reports()).toMatchObject([{ state: 'stopped' }]);
    expect(await shop.ledger.holder()).toBeUndefined();
    expect(shop.account.bus.deadLetters).toEqual([]);

    expect(await shop.account.fireSchedule().end).toMatchObject({ status: 'SUCCEEDED' });
    await shop.account.whenQuiet();
    const [before, after] = await shop.reports();
    expect(after?.state).toBe('complete');
    expect(after?.tables[0]?.tableVersion).toBe(before?.tables[0]?.tableVersion);
    expect((before?.tables[0]?.rows ?? 0) + (after?.tables[0]?.rows ?? 0)).toBe(BIG_ROWS);
    expect(loadedRows(await shop.load(), db, 'big')).toEqual(await sourceRows(db, 'big'));
    expect(denials(shop)).toEqual([]);
  },
  PATIENCE_MS,
);

test(
  'a stop that was asked for ends the job at a checkpoint, green',
  async () => {
    // Asked for in its middle, it is heard within two seconds: long before the end of this copy.
    await using db = await withBig(2 * BIG_ROWS);
    await using shop = await deploy(db, COPY);
    const execution = shop.account.fireSchedule();
    await eventually('the copy has begun', () => copied(shop) > 0);
    const holder = await shop.ledger.holder();
    await shop.ledger.updateControl((control) => ({ ...control, stopRequested: holder?.job ?? '' }));

    expect(await execution.end).toMatchObject({ status: 'SUCCEEDED' });
    await shop.account.whenQuiet();
    expect(await shop.reports()).toMatchObject([{ state: 'stopped' }]);
    expect(await shop.account.fireSchedule().end).toMatchObject({ status: 'SUCCEEDED' });
    await shop.account.whenQuiet();
    expect((await shop.reports()).map(({ state }) => state)).toEqual(['stopped', 'complete']);
    expect(loadedRows(await shop.load(), db, 'big')).toEqual(await sourceRows(db, 'big'));
    expect(denials(shop)).toEqual([]);
  },
  PATIENCE_MS,
);

test(
  'a plan that dies ends red and gives its lease up, so that the next schedule completes',
  async () => {
    await using db = await withBig(1_000);
    await using shop = await deploy(db, COPY);
    const execution = shop.account.fireSchedule();
    await eventually('its job is on record', async () => {
      for await (const { state } of shop.ledger.jobs()) if (state === 'running') return true;
      return false;
    });
    expect(shop.account.functions.plan.killBusy()).toBe(1);

    expect(await execution.end).toMatchObject({ status: 'FAILED', error: 'Runtime.ExitError' });
    await shop.account.whenQuiet();
    expect(await shop.ledger.holder()).toBeUndefined();
    expect(await shop.account.fireSchedule().end).toMatchObject({ status: 'SUCCEEDED' });
    await shop.account.whenQuiet();
    expect((await shop.reports()).at(-1)).toMatchObject({ state: 'complete', tables: [{ rows: 1_000 }, { rows: 100 }] });
    expect(loadedRows(await shop.load(), db, 'big')).toEqual(await sourceRows(db, 'big'));
    expect(eventsOf(shop, 'Job Finished').at(-1)).toMatchObject({ state: 'complete' });
    expect(denials(shop)).toEqual([]);
  },
  PATIENCE_MS,
);

test(
  'a worker that dies whenever it starts ends alone: the job gets its report',
  async () => {
    await using db = await withBig();
    await using shop = await deploy(db, { lines: ['connections: 1', 'rangeBytes: 65536', 'tables:', BIG] });
    const { work } = shop.account.functions;
    const execution = shop.account.fireSchedule();
    let ended = false;
    void execution.end.then(() => (ended = true));
    await eventually('it gave up', () => {
      if (answers(work).length < 4) work.killBusy();
      return ended;
    });
    await shop.account.whenQuiet();

    expect(answers(work)).toEqual(Array.from({ length: 4 }, () => 'Runtime.ExitError'));
    expect(await execution.end).toMatchObject({ status: 'FAILED', error: 'JobFailed' });
    expect(await shop.reports()).toMatchObject([{ state: 'failed', error: { code: 'worker-died' } }]);
    expect(await shop.account.fireSchedule().end).toMatchObject({ status: 'SUCCEEDED' });
    await shop.account.whenQuiet();
    expect(loadedRows(await shop.load(), db, 'big')).toEqual(await sourceRows(db, 'big'));
    expect(denials(shop)).toEqual([]);
  },
  PATIENCE_MS,
);
