import type { Claim, CommitTable, Json, LastCommit } from '../ledger/ledger.ts';
import type { JobContext } from './job.ts';

/**
 * Claims a head for this job. A worker of a job that died may have frozen in the middle of its last commit and finished it after that job's report was closed:
 * such a commit is named by no report, so this job names it again as its own. A commit that the closed report has is left alone: nothing is named twice.
 */
export async function claimHead(context: JobContext, head: string, worker: string, initial: Json): Promise<Claim> {
  const claim = await context.lease.claim(head, worker, initial);
  const last = claim.head.lastCommit;
  if (last === undefined || last.job === context.lease.job) return claim;
  const tables = await unreported(context, last);
  if (tables === undefined) return claim;
  context.log.log('WARNING', 'commit-adopted', { head, job: last.job, batch: last.batch });
  await claim.commit({ tables, after: last.after });
  return claim;
}

/** What a commit has that the report of its job, which died, does not name. */
async function unreported({ ledger }: JobContext, commit: LastCommit): Promise<readonly CommitTable[] | undefined> {
  if ('tables' in commit && commit.tables.every(({ objects }) => objects.length === 0)) return undefined;
  const record = await ledger.job(commit.job);
  // Forgotten jobs are older than the retention of reports: whatever they committed was reported long ago.
  if (record === undefined || record.error?.code !== 'job-died') return undefined;
  const report = await ledger.report(commit.job);
  if (report === undefined) return undefined;
  const tables = await ledger.tables(commit);
  // One object is enough: those of a version that was superseded since are in no report.
  const isNamed = tables.some(({ objects }) => objects.some(({ key }) => report.includes(JSON.stringify(key))));
  return isNamed ? undefined : tables;
}
