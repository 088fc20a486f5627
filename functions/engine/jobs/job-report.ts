import { ReplicationError } from '../model/errors.ts';
import type { LoadingReport } from '../model/report.ts';
import type { Engine } from './engine.ts';
import { reportOf } from './finish-job.ts';

/** The report of a job: final at its end; while it runs (or if it died and no job came after it) as its commits stand now. Throws `job-unknown`. */
export async function jobReport(engine: Pick<Engine, 'ledger' | 'settings' | 'clock'>, job: string): Promise<LoadingReport> {
  const text = await engine.ledger.report(job);
  if (text !== undefined) return JSON.parse(text) as LoadingReport;
  const record = await engine.ledger.job(job);
  if (record === undefined) throw new ReplicationError('job-unknown', { job, integration: engine.settings.integration });
  return reportOf(engine, job, {
    trigger: record.trigger,
    startedAt: record.startedAt,
    error: record.error ?? null,
    state: record.state,
    endedAt: record.endedAt ?? null,
  });
}
