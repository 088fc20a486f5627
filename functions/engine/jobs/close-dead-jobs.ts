import { errorReport, ReplicationError } from '../model/errors.ts';
import type { Commit, Head, JobRecord, Lease } from '../ledger/ledger.ts';
import type { Engine } from './engine.ts';
import { closeJob, reportOf } from './finish-job.ts';
import { HEAD_PREFIXES } from './head-place.ts';
import { logTables } from './log-tables.ts';
import { readStates } from './read-states.ts';
import { sweepOrphans } from './sweep.ts';

/**
 * Closes jobs that died. Order: first every head that they had is claimed, so that a frozen worker of theirs can commit no more; then the objects that no commit names
 * are removed; then their reports are built from the commits there are. Killed in the middle, the next job does it again, and its own record with it. Jobs that were closed with workers
 * shut out have their reports: only their objects are removed.
 */
export async function closeDeadJobs(
  engine: Engine,
  lease: Lease,
  recent: readonly JobRecord[],
  signal: AbortSignal,
): Promise<void> {
  const { ledger, clock, log } = engine;
  const dead = recent.filter((record) => record.state === 'running' && record.job !== lease.job);
  const unswept = recent.filter((record) => record.orphans !== undefined && !dead.includes(record));
  if (dead.length + unswept.length === 0) return;

  const jobs = new Set([...dead, ...unswept].map((record) => record.job));
  const heads = await fenceHeads(engine, lease, jobs, signal);
  const commits: Commit[] = [];
  for (const job of jobs) {
    for await (const commit of ledger.commits(job)) commits.push(commit);
  }
  await sweepOrphans(engine, { heads, commits, states: await readStates(engine) }, signal);
  for (const record of [...dead, ...unswept]) {
    if (record.orphans === undefined) continue;
    await ledger.updateJob(record.job, (now = record) => {
      const { orphans: _, ...swept } = now;
      return swept;
    });
  }
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
    logTables(log.with({ dead: record.job }), report);
    log.log('WARNING', 'dead-job-closed', { dead: record.job, rows: report.tables.reduce((sum, table) => sum + table.rows, 0) });
  }
}

/**
 * Shuts out the workers of a job that is about to be closed under a lease that was taken over from them, whether or not they still run: from here on they can commit nothing. What they
 * wrote and did not commit is left for the next job to remove, as the record says from then on.
 */
export async function shutOut(engine: Pick<Engine, 'ledger'>, lease: Lease, signal: AbortSignal): Promise<void> {
  const { job } = lease;
  await fenceHeads(engine, lease, new Set([job]), signal);
  if ((await engine.ledger.job(job)) === undefined) return;
  await engine.ledger.updateJob(job, (now) => {
    if (now === undefined) throw new ReplicationError('job-unknown', { job, integration: '' });
    return { ...now, orphans: 'unswept' };
  });
}

/** Raises the fence of everything that the dead jobs had claimed. */
async function fenceHeads(
  engine: Pick<Engine, 'ledger'>,
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
