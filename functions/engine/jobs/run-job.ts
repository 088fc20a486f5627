import { asUnexpected } from '../model/errors.ts';
import type { ReplicationError } from '../model/errors.ts';
import type { LoadingReport } from '../model/report.ts';
import { mostParallel } from '../plan/most-parallel.ts';
import { endJob } from './end-job.ts';
import type { Engine } from './engine.ts';
import type { Budget } from './job.ts';
import { slotReports } from './log/slot-reports.ts';
import { openPressureGate } from './pressure-gate.ts';
import { startJob } from './start-job.ts';
import type { JobRequest, NotStarted, StartedJob } from './start-job.ts';
import { watchStopRequest } from './stop-request.ts';
import { runWorker } from './worker.ts';

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
  const error = await runWorkers(job, { stop, abort: budget.abort });
  const report = await endJob(engine, job, {
    error,
    stopped: stop.aborted || budget.abort.aborted,
    lookAtSlots: async () => (budget.abort.aborted ? [] : await slotReports(context, budget.abort)),
  });
  return { state: 'finished', report, error };
}

/** Runs the workers side by side; the first failure that ends the job stops the others at once. */
async function runWorkers(job: StartedJob, budget: Budget): Promise<ReplicationError | null> {
  const { work } = job;
  const failed = new AbortController();
  const inner: Budget = { stop: budget.stop, abort: AbortSignal.any([budget.abort, failed.signal]) };
  // More of them would only look at the list of work again and again.
  const length = Math.min(job.context.settings.workers, mostBusy(job));
  using pressure = openPressureGate(job.context, { kind: 'here', workers: length });
  const context = pressure === undefined ? job.context : { ...job.context, pressure };
  const workers = Array.from({ length }, async (_, index) => {
    try {
      await runWorker(context, work, `w${String(index)}`, inner);
      return null;
    } catch (error) {
      const first = asUnexpected(failed.signal.aborted ? failed.signal.reason : error);
      failed.abort(first);
      return first;
    }
  });
  const outcomes = await Promise.all(workers);
  const error = outcomes.find((outcome) => outcome !== null) ?? null;
  // Work that the user dropped did not fail: what was committed is reported, the next job goes on from there.
  if (budget.abort.aborted && !context.lease.lost.aborted) return null;
  if (error !== null) {
    context.log.log('CRITICAL', 'job-failed', { code: error.code, message: error.message, remedy: error.remedy });
  }
  return error;
}

/** How many workers can be busy at once: units that read a slot are the job's, beside those of its plan. */
function mostBusy({ context, plan, work }: StartedJob): number {
  const { streams, settings } = context;
  const planned = mostParallel(plan.units, (stream) => streams.get(stream)?.bytes ?? 0, settings.rangeBytes);
  return planned + work.total - plan.units.length;
}
