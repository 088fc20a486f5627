import type { JobRecord } from '../ledger/ledger.ts';
import type { Engine } from './engine.ts';
import { newJobId } from './job.ts';

/** How far back a job looks for others that ended without a report. Each job looks, so none is ever further back than the last few. */
const RECENT_JOBS = 50;
const DAY_MS = 86_400_000;

/** Records of the last jobs, newest first. */
export async function recentJobs(engine: Pick<Engine, 'ledger'>): Promise<readonly JobRecord[]> {
  const recent: JobRecord[] = [];
  for await (const record of engine.ledger.jobs({ limit: RECENT_JOBS })) recent.push(record);
  return recent;
}

/** Drops jobs beyond the retention from the ledger, once a UTC day: by the first job of it. Objects and reports in the sink are never touched. */
export async function forgetOldJobs(engine: Engine, job: string, recent: readonly JobRecord[]): Promise<void> {
  const before = recent.find((record) => record.job !== job);
  if (before === undefined || before.job.slice(0, 8) === job.slice(0, 8)) return;
  const cutOff = new Date(engine.clock.now().getTime() - engine.settings.reportRetentionDays * DAY_MS);
  const forgotten = await engine.ledger.forgetJobsBefore(newJobId(cutOff, 0));
  if (forgotten > 0) engine.log.log('INFO', 'jobs-forgotten', { jobs: forgotten, before: cutOff.toISOString() });
}
