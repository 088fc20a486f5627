import { errorReport, ReplicationError } from '../model/errors.ts';
import type { Commit, Head, JobRecord, Lease } from '../ledger/ledger.ts';
import type { Engine } from './engine.ts';
import { closeJob, reportOf } from './finish-job.ts';
import { HEAD_PREFIXES } from './head-place.ts';
import { readStates } from './read-states.ts';
import { sweepOrphans } from './sweep.ts';

/**
 * Closes jobs that died. Order: first every head that they had is claimed, so that a frozen worker of theirs can commit no more; then the objects that no commit names
 * are removed; then their reports are built from the commits there are. Killed in the middle, the next job does it again, and its own record with it.
 */
export async function closeDeadJobs(
  engine: Engine,
  lease: Lease,
  recent: readonly JobRecord[],
  signal: AbortSignal,
): Promise<void> {
  const { ledger, clock, log } = engine;
  const dead = recent.filter((record) => record.state === 'running' && record.job !== lease.job);
  if (dead.length === 0) return;

  const jobs = new Set(dead.map((record) => record.job));
  const fenced = await fenceHeads(engine, lease, jobs, signal);
  const named: Commit[] = [];
  for (const job of jobs) {
    for await (const commit of ledger.commits(job)) named.push(commit);
  }
  await sweepOrphans(engine, { heads: fenced, commits: named, states: await readStates(engine) }, signal);
  for (const record of dead) {
    signal.throwIfAborted();
    const died = new ReplicationError('job-died', { job: record.job, integration: engine.settings.integration });
    const report = await reportOf(engine, record.job, {
      trigger: record.trigger,
      startedAt: record.startedAt,
      error: errorReport(died),
      state: 'failed',
      endedAt: clock.now().toISOString(),
    });
    await closeJob(engine, record.job, report);
    log.log('WARNING', 'dead-job-closed', { dead: record.job, rows: report.tables.reduce((sum, table) => sum + table.rows, 0) });
  }
}

/** Raises the fence of everything that the dead jobs had claimed. */
async function fenceHeads(
  engine: Engine,
  lease: Lease,
  dead: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<readonly Head[]> {
  const ids: string[] = [];
  for (const prefix of HEAD_PREFIXES) {
    for await (const head of engine.ledger.heads(prefix)) if (dead.has(head.job)) ids.push(head.id);
  }
  const heads: Head[] = [];
  for (const id of ids) {
    signal.throwIfAborted();
    heads.push((await lease.claim(id, 'close')).head);
  }
  return heads;
}
