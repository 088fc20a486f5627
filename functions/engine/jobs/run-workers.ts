import { asUnexpected } from '../model/errors.ts';
import type { ReplicationError } from '../model/errors.ts';
import { bytesToCopy } from '../plan/bytes-to-copy.ts';
import { mostParallel } from '../plan/most-parallel.ts';
import { spreadWorkers } from '../plan/spread-workers.ts';
import { createPoolShare } from '../sink/pool-share.ts';
import type { Budget, JobContext, JobSettings } from './job.ts';
import { openPressureGate } from './pressure-gate.ts';
import type { StartedJob } from './start-job.ts';
import { runWorker } from './worker.ts';
import type { ThreadWork, WorkerThreads } from './worker-threads.ts';

const NO_THREADS = { cores: 1, bytesPerThread: Infinity } as const;

/**
 * Runs the workers of a job side by side, in this thread and, where that is worth it, in others; the first failure that ends the job stops them all at once. Returns that failure;
 * null where there was none, or where the user dropped the work.
 */
export async function runWorkers(
  job: StartedJob,
  threads: WorkerThreads | undefined,
  budget: Budget,
): Promise<ReplicationError | null> {
  const failed = new AbortController();
  const inner: Budget = { stop: budget.stop, abort: AbortSignal.any([budget.abort, failed.signal]) };
  const { count, bytes } = sizeOf(job);
  const { cores, bytesPerThread } = threads ?? NO_THREADS;
  const [own = [], ...others] = spreadWorkers(count, { cores, bytes, bytesPerThread });
  using pressure = openPressureGate(job.context, { kind: 'here', workers: count });
  const context: JobContext = {
    ...job.context,
    settings: others.length === 0 ? job.context.settings : sharingPool(job.context.settings),
    ...(pressure === undefined ? {} : { pressure }),
  };
  // What follows a failure is its consequence: the first one stays.
  const fail = (error: unknown): void => failed.abort(asUnexpected(error));
  const here = (worker: string): Promise<unknown> => runWorker(context, job.work, worker, inner).catch(fail);
  const elsewhere = async (workers: readonly string[]): Promise<void> => {
    const outcome = await threads?.run(threadWork(context, workers), inner);
    if (outcome === 'ended') return;
    connections += workers.length;
    await context.source.limit(connections);
    await Promise.all(workers.map(here));
  };
  // Each thread opens the connections of its workers itself.
  let connections = own.length;
  if (others.length > 0) await context.source.limit(connections);
  await Promise.all([...own.map(here), ...others.map((workers) => elsewhere(workers).catch(fail))]);
  const error = failed.signal.aborted ? (failed.signal.reason as ReplicationError) : null;
  // Work that the user dropped did not fail: what was committed is reported, the next job goes on from there.
  if (budget.abort.aborted && !context.lease.lost.aborted) return null;
  if (error !== null) {
    context.log.log('CRITICAL', 'job-failed', { code: error.code, message: error.message, remedy: error.remedy });
  }
  return error;
}

function threadWork(context: JobContext, workers: readonly string[]): ThreadWork {
  const { settings, streams, log, progress, pressure, lease } = context;
  return { job: lease.job, workers, settings, streams, log, progress, ...(pressure === undefined ? {} : { pressure }) };
}

function sharingPool(settings: JobSettings): JobSettings {
  const { compression } = settings;
  return compression.kind === 'gzip' ? { ...settings, compression: { ...compression, pool: createPoolShare() } } : settings;
}

/** How many workers can be busy at once, more of which would only look at the list of work again and again; and how much they copy. */
function sizeOf({ context, plan, work }: StartedJob): { readonly count: number; readonly bytes: number } {
  const { streams, settings } = context;
  const bytesOf = (stream: string): number => streams.get(stream)?.bytes ?? 0;
  // Units that read a slot are the job's, beside those of its plan.
  const busy = mostParallel(plan.units, bytesOf, settings.rangeBytes) + work.total - plan.units.length;
  return { count: Math.min(settings.workers, busy), bytes: bytesToCopy(plan.units, bytesOf, settings.rangeBytes) };
}
