import { ReplicationError, asUnexpected } from '../model/errors.ts';
import type { StreamState } from '../model/stream-state.ts';
import { plan } from '../plan/plan.ts';
import type { Plan } from '../plan/plan.ts';
import type { Json, Lease, WorkList } from '../ledger/ledger.ts';
import { closeDeadJobs } from './close-dead-jobs.ts';
import type { Engine, SelectedStreams } from './engine.ts';
import { finishJob } from './finish-job.ts';
import { newJobId } from './job.ts';
import type { JobContext, JobStream } from './job.ts';
import { forgetOldJobs, recentJobs } from './recent-jobs.ts';
import { readStates } from './read-states.ts';
import { retireStaleHeads } from './stale-heads.ts';
import type { LoadingReport } from '../model/report.ts';

export interface JobRequest {
  /** `schedule`, `manual`, `demo`: a paused integration is started by hand only. */
  readonly trigger: string;
}

/** A job that has its lease and its units. Whoever holds it must call `finishJob`. */
export interface StartedJob extends AsyncDisposable {
  readonly state: 'started';
  readonly context: JobContext;
  readonly work: WorkList;
  readonly plan: Plan;
  readonly selection: SelectedStreams;
  readonly startedAt: string;
  readonly trigger: string;
}

export type NotStarted =
  | { readonly state: 'busy'; readonly job: string; readonly expiresAt: string }
  | { readonly state: 'paused'; readonly pausedAt: string }
  /** Refused before anything was read; the report says why. */
  | { readonly state: 'failed'; readonly report: LoadingReport; readonly error: ReplicationError };

/** Lease, structure sync, selection, plan, units in the ledger. A refused start leaves a record, so that no scheduled run goes unaccounted for. */
export async function startJob(engine: Engine, request: JobRequest, signal: AbortSignal): Promise<StartedJob | NotStarted> {
  const { ledger, clock, log } = engine;
  const startedAt = clock.now();
  const job = newJobId(startedAt, engine.random());
  const control = await ledger.control();
  if (control.pausedAt !== undefined && request.trigger === 'schedule') {
    await recordSkipped(engine, job, request.trigger, startedAt.toISOString());
    return { state: 'paused', pausedAt: control.pausedAt };
  }
  const lease = await ledger.acquire(job, engine.settings.leaseTtlMs);
  if (lease.state === 'busy') {
    await recordSkipped(engine, job, request.trigger, startedAt.toISOString());
    return { state: 'busy', job: lease.job, expiresAt: lease.expiresAt };
  }
  const jobLog = log.with({ job });
  try {
    jobLog.log('INFO', 'job-started', { trigger: request.trigger, epoch: lease.epoch });
    await ledger.updateJob(job, () => ({ job, state: 'running', trigger: request.trigger, startedAt: startedAt.toISOString() }));
    return await prepare({ ...engine, log: jobLog }, lease, request.trigger, startedAt, AbortSignal.any([signal, lease.lost]));
  } catch (error) {
    const known = asUnexpected(signal.aborted ? signal.reason : error);
    jobLog.log('CRITICAL', 'job-failed', { code: known.code, message: known.message, remedy: known.remedy });
    await using held = lease;
    const report = await finishJob(engine, held, { trigger: request.trigger, startedAt: startedAt.toISOString(), error: known });
    return { state: 'failed', report, error: known };
  }
}

async function prepare(engine: Engine, lease: Lease, trigger: string, startedAt: Date, signal: AbortSignal): Promise<StartedJob> {
  const { ledger, sink, settings, clock, log, progress } = engine;
  await sink.check(signal);
  const recent = await recentJobs(engine);
  await closeDeadJobs(engine, lease, recent, signal);
  await forgetOldJobs(engine, lease.job, recent);
  const source = await engine.openSource(lease.job);
  try {
    const catalog = await source.discover(signal);
    const selection = engine.select(catalog);
    const states = await readStates(engine);
    refuseTypos(selection, states);
    const streams = new Map<string, JobStream>(selection.streams.map((stream) => [stream.id, { ...stream, known: states.get(stream.id) ?? null }]));
    const context: JobContext = { settings, ledger, lease, source, sink, streams, clock, log, progress };
    await retireStaleHeads(context, states);
    const planned = plan(selection.streams, states, clock.now().getTime());
    await ledger.saveWork(lease.job, planned.units as unknown as readonly Json[]);
    const estimatedRows = selection.streams.reduce((sum, stream) => sum + (stream.table.estimatedRows ?? 0), 0);
    progress({ kind: 'planned', streams: streams.size, units: planned.units.length, estimatedRows });
    log.log('INFO', 'job-planned', { streams: streams.size, units: planned.units.length, skipped: selection.skipped.length });
    return {
      state: 'started',
      context,
      work: await ledger.work(lease.job),
      plan: planned,
      selection,
      startedAt: startedAt.toISOString(),
      trigger,
      [Symbol.asyncDispose]: async () => {
        await source[Symbol.asyncDispose]();
        await lease[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * A name that never worked is a mistake in the configuration: the job is refused before anything is read. One that worked before (a table dropped or renamed at the source)
 * fails alone, and the other streams go on.
 */
function refuseTypos(selection: SelectedStreams, states: ReadonlyMap<string, StreamState>): void {
  const fatal = selection.problems.find(({ stream }) => stream === null || !states.has(stream));
  if (fatal !== undefined) throw fatal.error;
}

async function recordSkipped(engine: Engine, job: string, trigger: string, at: string): Promise<void> {
  engine.log.log('INFO', 'job-skipped', { job, trigger });
  await engine.ledger.updateJob(job, () => ({ job, state: 'skipped', trigger, startedAt: at, endedAt: at }));
}
