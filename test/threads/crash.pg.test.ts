import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Failpoint } from '../../functions/engine/runtime/failpoint-list.ts';
import type { Column } from '../crash/columns.ts';
import { brokenAtAnyTime, brokenAtRest } from '../crash/invariants.ts';
import { openScene } from '../crash/scene.ts';
import { changeSource } from '../crash/source.ts';
import { openStores } from '../crash/stores.ts';
import type { Stores } from '../crash/stores.ts';
import { runChildJob } from '../support/child-job.ts';
import type { ChildOrder } from '../support/child-order.ts';
import { sharedServer } from '../support/postgres.ts';

const THREADS = 3;
const FULL: Column = { method: 'FULL_TABLE', store: 'folder', major: 18 };
const FULL_AWS: Column = { method: 'FULL_TABLE', store: 'aws', major: 18 };
const KEYED: Column = { method: 'INCREMENTAL', store: 'folder', major: 18 };
const LOGGED: Column = { method: 'LOG_BASED', store: 'folder', major: 18, log: { plugin: 'pgoutput', consume: 'stream' } };

interface Phase {
  readonly at: Failpoint;
  readonly hit: number;
  readonly column: Column;
  /** After a job that was killed in the midst of its copy, and changes: there is a copy to go on with, and a log to confirm. */
  readonly changed?: true;
}

/** Every durable step of a worker, in a thread beside the one that the job began in. */
const PHASES: readonly Phase[] = [
  { at: 'work.take.after', hit: 1, column: FULL_AWS },
  { at: 'state.save.before', hit: 2, column: KEYED },
  { at: 'work.add.before', hit: 1, column: FULL },
  { at: 'work.add.page', hit: 1, column: KEYED },
  { at: 'claim.before', hit: 1, column: KEYED },
  { at: 'claim.after', hit: 2, column: FULL_AWS },
  { at: 'sink.begin.after', hit: 2, column: FULL },
  { at: 'sink.part.after', hit: 1, column: FULL },
  { at: 'sink.complete.linked', hit: 1, column: KEYED },
  { at: 'sink.complete.after', hit: 2, column: FULL },
  { at: 'commit.before', hit: 1, column: FULL_AWS },
  { at: 'commit.before', hit: 1, column: LOGGED },
  { at: 'commit.after', hit: 2, column: FULL },
  { at: 'commit.after', hit: 1, column: LOGGED },
  { at: 'archive.before', hit: 1, column: FULL },
  { at: 'archive.after', hit: 1, column: FULL_AWS },
  { at: 'confirm.before', hit: 1, column: LOGGED, changed: true },
  { at: 'confirm.after', hit: 1, column: LOGGED, changed: true },
  { at: 'activate.before', hit: 1, column: FULL },
  { at: 'activate.bookmark', hit: 1, column: KEYED },
  { at: 'activate.after', hit: 1, column: FULL_AWS },
  { at: 'retire.before', hit: 2, column: FULL },
];

let stores: Stores;
beforeAll(async () => {
  stores = await openStores();
});
afterAll(() => stores[Symbol.asyncDispose]());

test.each(PHASES.map((phase) => ({ ...phase, method: phase.column.method, store: phase.column.store })))(
  'killed at $at in a thread ($method, $store), nothing is lost, named twice or left over',
  async ({ at, hit, column, changed }) => {
    await using scene = await openScene({ stores, serverOf: sharedServer }, column, { isWide: false, connections: THREADS });
    const { db, place } = scene;
    const run = (order: ChildOrder = {}) => runChildJob(place.workspace.configPath, undefined, { threads: THREADS, ...order });
    const resume = async (): Promise<void> => {
      const states: string[] = [];
      while (states.length < 4 && states.at(-1) !== 'complete') states.push((await run()).state);
      expect(states.at(-1), states.join(' ')).toBe('complete');
      expect(await brokenAtRest(db, place, column)).toEqual([]);
    };
    if (changed === true) {
      await run({ fail: { at: 'commit.before', hit: 1, how: 'kill' } });
      await db.query(`insert into items select 9000 + n, 'late ' || n from generate_series(1, 40) n`);
    }

    const killed = await run({ fail: { at, hit, how: 'kill' } });

    expect(killed.isKilled).toBe(true);
    expect(await brokenAtAnyTime(db, place)).toEqual([]);
    await resume();
    await changeSource(db, column);
    await resume();
  },
);
