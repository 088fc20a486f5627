import type { ReplicationError } from '../model/errors.ts';
import type { LoadingReport } from '../model/report.ts';
import { endJob } from './end-job.ts';
import type { Engine } from './engine.ts';
import type { Budget } from './job.ts';
import { slotReports } from './log/slot-reports.ts';
import { runWorkers } from './run-workers.ts';
import { startJob } from './start-job.ts';
import type { JobRequest, NotStarted } from './start-job.ts';
import { watchStopRequest } from './stop-request.ts';

export type RunOutcome =
  { readonly state: 'finished'; readonly report: LoadingReport; readonly error: ReplicationError | null } | NotStarted;

/** One whole job in one process: plan, N workers, report. Never throws for a job that got its lease: its report says what happened. */
export async function runJob(engine: Engine, request: JobRequest, budget: Budget): Promise<RunOutcome> {
  const started = await startJob(engine, request, budget.abort);
  if (started.state !== 'started') return started;
  await using job = started;
  const { context } = job;

  const requested = new AbortController();
  await using _watch = watchStopRequest(context, requested);
  const stop = AbortSignal.any([budget.stop, requested.signal]);
  const error = await runWorkers(job, engine.threads, { stop, abort: budget.abort });
  const report = await endJob(engine, job, {
    error,
    stopped: stop.aborted || budget.abort.aborted,
    lookAtSlots: async () => (budget.abort.aborted ? [] : await slotReports(context, budget.abort)),
  });
  return { state: 'finished', report, error };
}
