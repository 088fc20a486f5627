import type { Claim, Commit, Json } from '../ledger/ledger.ts';
import type { JobContext } from './job.ts';

/**
 * Claims a head for this job. A worker of a job that died may have frozen in the middle of its last commit and finished it after that job's report was closed:
 * such a commit is named by no report, so this job names it again as its own. A commit that the closed report has is left alone: nothing is named twice.
 */
export async function claimHead(context: JobContext, head: string, worker: string, initial: Json): Promise<Claim> {
  const claim = await context.lease.claim(head, worker, initial);
  const last = claim.head.lastCommit;
  if (last === undefined || last.job === context.lease.job || last.tables.every((table) => table.objects.length === 0))
    return claim;
  if (!(await isUnreported(context, last))) return claim;
  context.log.log('WARNING', 'commit-adopted', { head, job: last.job, batch: last.batch });
  await claim.commit({ tables: last.tables, after: last.after });
  return claim;
}

async function isUnreported(context: JobContext, commit: Commit): Promise<boolean> {
  const record = await context.ledger.job(commit.job);
  // Forgotten jobs are older than the retention of reports: whatever they committed was reported long ago.
  if (record === undefined || record.error?.code !== 'job-died') return false;
  const report = await context.ledger.report(commit.job);
  // One object is enough: those of a version that was superseded since are in no report.
  const isNamed = commit.tables.some(({ objects }) => objects.some(({ key }) => report?.includes(JSON.stringify(key)) === true));
  return report !== undefined && !isNamed;
}
