import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../functions/engine/config/load.ts';
import { openLedger } from '../../functions/engine/ledger/open-ledger.ts';
import type { LoadingReport } from '../../functions/engine/model/report.ts';
import { systemClock } from '../../functions/engine/runtime/clock.ts';
import type { Failpoint } from '../../functions/engine/runtime/failpoint-list.ts';
import { silentLogger } from '../../functions/engine/runtime/logger.ts';
import { openStateStore } from '../../functions/open-stores.ts';
import { startChildJob } from '../support/child-job.ts';
import { eventually, sharedServer } from '../support/postgres.ts';
import { openScene } from './scene.ts';
import type { Scene } from './scene.ts';
import type { Column } from './columns.ts';
import { brokenAtRest } from './invariants.ts';
import { changeSource } from './source.ts';
import { openStores } from './stores.ts';
import type { Stores } from './stores.ts';

/** Renewed three times as often: long beside the pauses of a busy machine. */
const LEASE_TTL_MS = 2_000;
/** How a worker learns that it is no longer wanted. */
const SHUT_OUT = ['lease-lost', 'fenced-out'];
/** An upload in parts was given up meanwhile: its completion fails. */
const ENDS = { 'shut-out': SHUT_OUT, orphan: [...SHUT_OUT, 'sink-failed'], late: [null, ...SHUT_OUT] } as const;

const FULL: Column = { method: 'FULL_TABLE', store: 'folder', major: 18 };
const KEYED: Column = { method: 'INCREMENTAL', store: 'folder', major: 18 };
const KEYED_AWS: Column = { method: 'INCREMENTAL', store: 'aws', major: 18 };
const STREAMED: Column = { method: 'LOG_BASED', store: 'folder', major: 18, log: { plugin: 'pgoutput', consume: 'stream' } };
const PEEKED: Column = { method: 'LOG_BASED', store: 'aws', major: 18, log: { plugin: 'pgoutput', consume: 'peek' } };

interface Phase {
  readonly at: Failpoint;
  readonly hit: number;
  readonly column: Column;
  /**
   * `shut-out`: it ends with an error of its own. `orphan`: so it does, but the object that it was about to write may come into being before it learns that: named by nobody, under
   * a key of its own. `late`: its work was over, it may end as it would have.
   */
  readonly end: 'shut-out' | 'orphan' | 'late';
  /** After a first job was complete and the source has changed. */
  readonly second?: true;
}

const PHASES: readonly Phase[] = [
  { at: 'lease.acquire.after', hit: 1, column: KEYED, end: 'shut-out' },
  { at: 'state.save.before', hit: 1, column: STREAMED, end: 'shut-out' },
  { at: 'state.save.before', hit: 2, column: KEYED, end: 'shut-out' },
  { at: 'state.save.after', hit: 1, column: FULL, end: 'shut-out' },
  { at: 'slot.create.after', hit: 1, column: PEEKED, end: 'shut-out' },
  { at: 'work.take.after', hit: 2, column: KEYED_AWS, end: 'shut-out' },
  { at: 'claim.before', hit: 1, column: FULL, end: 'shut-out' },
  { at: 'claim.after', hit: 2, column: KEYED_AWS, end: 'shut-out' },
  { at: 'sink.part.after', hit: 4, column: FULL, end: 'shut-out' },
  { at: 'sink.complete.before', hit: 4, column: FULL, end: 'orphan' },
  { at: 'sink.complete.before', hit: 2, column: KEYED_AWS, end: 'orphan' },
  { at: 'sink.complete.after', hit: 4, column: KEYED, end: 'shut-out' },
  { at: 'commit.before', hit: 2, column: FULL, end: 'shut-out' },
  { at: 'commit.before', hit: 1, column: KEYED, end: 'shut-out', second: true },
  { at: 'commit.before', hit: 2, column: STREAMED, end: 'shut-out' },
  { at: 'commit.before', hit: 1, column: PEEKED, end: 'shut-out', second: true },
  { at: 'commit.after', hit: 2, column: KEYED_AWS, end: 'shut-out' },
  { at: 'commit.after', hit: 1, column: STREAMED, end: 'shut-out', second: true },
  { at: 'archive.before', hit: 1, column: FULL, end: 'shut-out' },
  { at: 'confirm.before', hit: 1, column: STREAMED, end: 'shut-out', second: true },
  { at: 'confirm.before', hit: 1, column: PEEKED, end: 'shut-out', second: true },
  { at: 'activate.before', hit: 1, column: KEYED, end: 'shut-out' },
  { at: 'activate.before', hit: 1, column: FULL, end: 'shut-out' },
  { at: 'activate.bookmark', hit: 2, column: KEYED_AWS, end: 'shut-out' },
  { at: 'retire.before', hit: 1, column: FULL, end: 'shut-out' },
  { at: 'report.ledger.before', hit: 1, column: KEYED, end: 'late' },
  { at: 'report.sink.before', hit: 1, column: PEEKED, end: 'late' },
  { at: 'job.record.before', hit: 2, column: FULL, end: 'late' },
  { at: 'lease.release.before', hit: 1, column: KEYED_AWS, end: 'late' },
];

let stores: Stores;
beforeAll(async () => {
  stores = await openStores();
});
afterAll(() => stores[Symbol.asyncDispose]());

test.each(PHASES.map((phase) => ({ ...phase, way: `${phase.column.method}, ${phase.column.store}` })))(
  'a worker that stands still at $at ($hit, $way) past its lease changes nothing when it goes on',
  async ({ at, hit, column, end, second }) => {
    await using scene = await openScene({ stores, serverOf: sharedServer }, column, { isWide: false });
    const { db, place } = scene;
    if (second === true) {
      await place.workspace.run();
      await changeSource(db, column);
    }
    const fail = { at, hit, how: 'stop' } as const;
    const zombie = await startChildJob(place.workspace.configPath, { fail, settings: { leaseTtlMs: LEASE_TTL_MS } });
    try {
      expect(await zombie.stopped).toBe('stopped');
      await eventually('the lease runs out', () => isFree(scene));

      const heir = await place.workspace.run();
      expect(heir.state, errorsOf(heir)).toBe('complete');
      const before = await digests(scene);
      zombie.signal('SIGCONT');
      const outcome = await zombie.outcome;

      expect(ENDS[end]).toContain(outcome.error);
      expect(await digests(scene)).toEqual(before);
      // What it was about to write over what the heir wrote would show here.
      const next = await place.workspace.run();
      expect(next.state).toBe('complete');
      if (column.method !== 'FULL_TABLE') expect(rowsOf(next)).toBe(0);
      await changeSource(db, column);
      expect((await place.workspace.run()).state).toBe('complete');
      const broken = await brokenAtRest(db, place, column);
      expect(broken.filter((what) => end !== 'orphan' || !what.startsWith('nobody names '))).toEqual([]);
      expect(heir.job > (await firstJob(scene))).toBe(true);
    } finally {
      zombie.signal('SIGCONT');
      zombie.signal('SIGKILL');
      await zombie.outcome;
    }
  },
);

function errorsOf({ error, tables }: LoadingReport): string {
  return [error, ...tables.map((table) => table.error)].map((one) => one?.message ?? '').join('\n');
}

function rowsOf(report: LoadingReport): number {
  return report.tables.reduce((sum, { rows }) => sum + rows, 0);
}

async function firstJob({ place }: Scene): Promise<string> {
  return (await place.workspace.reports())[0]?.job ?? '';
}

async function isFree({ place }: Scene): Promise<boolean> {
  const { config } = await loadConfig(place.workspace.configPath, AbortSignal.timeout(30_000));
  await using store = await openStateStore(config.state);
  return (await openLedger(store, 'shop', { clock: systemClock, logger: silentLogger }).holder()) === undefined;
}

/** SHA-256 of every object that a report names, by key. */
async function digests({ place }: Scene): Promise<Readonly<Record<string, string>>> {
  await place.contents();
  const reports = await place.workspace.reports();
  const keys = reports.flatMap(({ tables }) => tables.flatMap(({ objects }) => objects.map(({ key }) => key)));
  const found: Record<string, string> = {};
  for (const key of keys) {
    const content = await readFile(join(place.workspace.folder, 'out', key));
    found[key] = createHash('sha256').update(content).digest('hex');
  }
  return found;
}
