import type { Failpoint } from '../../functions/engine/runtime/failpoint-list.ts';
import { runChildJob } from '../support/child-job.ts';
import type { ChildOutcome } from '../support/child-job.ts';
import type { Column } from './columns.ts';
import { brokenAtAnyTime, brokenAtRest } from './invariants.ts';
import { openScene } from './scene.ts';
import type { Bench } from './scene.ts';
import { changeSource } from './source.ts';
import type { Place } from './stores.ts';
import { wayTo, whyUnreached } from './ways.ts';
import type { Way } from './ways.ts';

export interface CellResult {
  /** Jobs that were killed at the failpoint. */
  readonly kills: number;
  /** What was found broken; empty: nothing was lost, nothing named twice, nothing left over. */
  readonly broken: readonly string[];
}

/** A job after this many others that were not disturbed must have been complete. */
const MOST_RESUMES = 4;
const UNREACHED = 'no job came by the failpoint, and no reason is declared';
type Hits = ChildOutcome['hits'];

/**
 * Kills jobs at one failpoint: at a hit in the midst of a first job, again at the first hit while the next job recovers, and both once more after the source has changed. After
 * each pair ordinary jobs go on until one is complete, and everything is compared.
 */
export async function runCell(bench: Bench, name: Failpoint, column: Column): Promise<CellResult> {
  const way = wayTo(name, column);
  const hits = isOrdinary(way) ? await ordinaryHits(bench, column) : undefined;
  // An undisturbed job that never comes by needs no proof that it survives.
  const isUnreached = hits?.every((counts) => counts[name] === undefined) ?? false;
  if (isUnreached) return { kills: 0, broken: whyUnreached(name, column) === undefined ? [UNREACHED] : [] };
  await using scene = await openScene(bench, column, way);
  const { db, place } = scene;
  const broken: string[] = [];
  let kills = 0;

  for (const round of [0, 1]) {
    if (round > 0) await changeSource(db, column);
    if (way.before !== undefined)
      await runChildJob(place.workspace.configPath, undefined, { fail: { ...way.before, how: 'kill' } });
    const inMidst = hits === undefined ? 1 : middle(hits[round]?.[name] ?? 0);
    // Without a hit to begin with there is nothing to recover from.
    for (const hit of inMidst === 0 ? [] : [inMidst, 1]) {
      const fail = { at: name, hit, how: 'kill' } as const;
      const outcome = await runChildJob(place.workspace.configPath, undefined, { ...way.order, fail });
      if (outcome.isKilled) kills += 1;
      else if (outcome.state === '') broken.push('a job ended without an outcome');
      broken.push(...(await brokenAtAnyTime(db, place)));
    }
    broken.push(...(await resume(place)), ...(await brokenAtRest(db, place, column)));
  }
  const why = whyUnreached(name, column);
  if (kills === 0 && why === undefined) broken.push(UNREACHED);
  if (kills > 0 && why !== undefined) broken.push(`a job came by the failpoint, but it is declared that none does: ${why}`);
  return { kills, broken };
}

function isOrdinary({ order, before, isWide }: Way): boolean {
  return Object.keys(order).length === 0 && before === undefined && !isWide;
}

/** Ordinary jobs, until one is complete. */
async function resume({ workspace }: Place): Promise<readonly string[]> {
  const states: string[] = [];
  while (states.length < MOST_RESUMES) {
    const { state, error } = await workspace.run();
    if (state === 'complete') return [];
    states.push(`${state} ${error?.code ?? ''}`);
  }
  return [`no job is complete: ${states.join(', ')}`];
}

const counted = new Map<string, Promise<readonly [Hits, Hits]>>();

/** How often an undisturbed first job, and one after changes, come by each failpoint. Counted once per column. */
function ordinaryHits(bench: Bench, column: Column): Promise<readonly [Hits, Hits]> {
  const key = JSON.stringify(column);
  const known = counted.get(key);
  if (known !== undefined) return known;
  const counting = countHits(bench, column);
  counted.set(key, counting);
  return counting;
}

async function countHits(bench: Bench, column: Column): Promise<readonly [Hits, Hits]> {
  await using scene = await openScene(bench, column, { isWide: false });
  const { configPath } = scene.place.workspace;
  const first = await runChildJob(configPath);
  await changeSource(scene.db, column);
  const second = await runChildJob(configPath);
  if (first.state !== 'complete' || second.state !== 'complete')
    throw new Error(`undisturbed jobs are ${first.state} ${first.error ?? ''}, ${second.state} ${second.error ?? ''}`);
  return [first.hits, second.hits];
}

/** The hit in the middle of so many, counted from 1; 0 if there is none. */
function middle(count: number): number {
  return count === 0 ? 0 : Math.floor(count / 2) + 1;
}
