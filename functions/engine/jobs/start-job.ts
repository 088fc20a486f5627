import { asUnexpected } from '../model/errors.ts';
import type { ReplicationError } from '../model/errors.ts';
import type { Catalog } from '../model/catalog.ts';
import type { StreamState } from '../model/stream-state.ts';
import { inBackground } from '../runtime/background.ts';
import { plan } from '../plan/plan.ts';
import type { Plan } from '../plan/plan.ts';
import type { JobStart, Json, Lease } from '../ledger/ledger.ts';
import type { Source } from '../source/source.ts';
import { closeDeadJobs } from './close-dead-jobs.ts';
import type { OpenJob } from './end-job.ts';
import type { Engine, SelectedStreams } from './engine.ts';
import { finishJob } from './finish-job.ts';
import { newJobId } from './job.ts';
import type { JobContext, JobStream } from './job.ts';
import { noteStructures } from './note-structure.ts';
import { plannedStreams } from './stream-store.ts';
import { forgetOldJobs, recentJobs } from './recent-jobs.ts';
import { readStates } from './read-states.ts';
import { beginLogCopies, forgetDeselected, reconcileTruncates } from './log/begin-copies.ts';
import { prepareSlots } from './log/prepare-slots.ts';
import type { PreparedSlot } from './log/prepare-slots.ts';
import { noteOutcome } from './stream-outcome.ts';
import { retireStaleHeads } from './stale-heads.ts';
import { withoutIdle } from './without-idle.ts';
import type { LoadingReport } from '../model/report.ts';

export interface JobRequest {
  /** `schedule`, `manual`, `demo`: a paused integration is started by hand only. */
  readonly trigger: string;
  /** In AWS: ARN of the execution that the job is part of; kept in its record. */
  readonly execution?: string;
}

/** A job that has its lease and its units. Whoever holds it must call `endJob`, or see to it that somebody else does. */
export interface StartedJob extends OpenJob, AsyncDisposable {
  readonly state: 'started';
  readonly context: JobContext;
  readonly plan: Plan;
}

export type NotStarted =
  /** `record` is the id under which the skipped start is kept. */
  | { readonly state: 'busy'; readonly job: string; readonly expiresAt: string; readonly record: string }
  | { readonly state: 'paused'; readonly pausedAt: string; readonly record: string }
  /** Refused before anything was read; the report says why. */
  | { readonly state: 'failed'; readonly report: LoadingReport; readonly error: ReplicationError };

/** Lease, structure sync, selection, plan, units in the ledger. A refused start leaves a record, so that no scheduled run goes unaccounted for. */
export async function startJob(engine: Engine, request: JobRequest, signal: AbortSignal): Promise<StartedJob | NotStarted> {
  const { ledger, clock, log } = engine;
  const startedAt = clock.now();
  const job = newJobId(startedAt, engine.random());
  const start: JobStart = {
    trigger: request.trigger,
    startedAt: startedAt.toISOString(),
    ...(request.execution === undefined ? {} : { execution: request.execution }),
  };
  const control = await ledger.control();
  if (control.pausedAt !== undefined && request.trigger === 'schedule') {
    await recordSkipped(engine, job, start);
    return { state: 'paused', pausedAt: control.pausedAt, record: job };
  }
  const lease = await ledger.acquire(job, engine.settings.leaseTtlMs, start);
  if (lease.state === 'busy') {
    await recordSkipped(engine, job, start);
    return { state: 'busy', job: lease.job, expiresAt: lease.expiresAt, record: job };
  }
  const jobLog = log.with({ job });
  try {
    jobLog.log('INFO', 'job-started', { trigger: request.trigger, epoch: lease.epoch });
    // Whoever found the lease without a record has made one, and may have closed the job.
    await ledger.updateJob(job, (now) => now ?? { job, state: 'running', ...start });
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
  const {
    source,
    catalog,
    beside: over,
  } = await discoverBeside(engine, lease, signal, async () => {
    await sink.check(signal);
    const recent = await recentJobs(engine);
    await closeDeadJobs(engine, lease, recent, signal);
    await forgetOldJobs(engine, lease.job, recent);
    return new Set(recent.map(({ job }) => job).filter((job) => job !== lease.job));
  });
  try {
    const selection = engine.select(catalog);
    await reconcileTruncates(engine);
    const states = await readStates(engine);
    refuseTypos(selection, states);
    const selected = new Map<string, JobStream>(
      selection.streams.map((stream) => [stream.id, { ...stream, known: states.get(stream.id) ?? null }]),
    );
    const context: JobContext = { settings, ledger, lease, source, sink, streams: selected, clock, log, progress };
    await forgetDeselected(context, states, new Set(selected.keys()));
    await retireStaleHeads(context, states);
    const slots = await prepareSlots(context, { states, over }, signal);
    const { ready, failed } = await sortSlots(context, slots);
    const able = new Map([...selected].filter(([id]) => !failed.has(id)));
    const planned = plan(plannedStreams(able.values()), states, clock.now().getTime());
    const copySequence = new Map(ready.map((slot) => [slot.unit.database, slot.copySequence]));
    const streams = await beginLogCopies({ ...context, streams: selected }, planned.streams, copySequence);
    await noteStructures({ ...context, streams }, planned.streams);
    // Slots first: they hold back the source's WAL.
    const busy = await withoutIdle({ ...context, streams }, planned.units, signal);
    const units = [...ready.map((slot) => slot.unit), ...busy];
    await ledger.saveWork(lease.job, units as unknown as readonly Json[]);
    const estimatedRows = selection.streams.reduce((sum, stream) => sum + (stream.table.estimatedRows ?? 0), 0);
    progress({ kind: 'planned', streams: streams.size, units: units.length, estimatedRows });
    log.log('INFO', 'job-planned', { streams: streams.size, units: units.length, skipped: selection.skipped.length });
    return {
      state: 'started',
      context: { ...context, streams },
      work: await ledger.work(lease.job),
      plan: { ...planned, units: busy },
      selection: { ...selection, warnings: [...selection.warnings, ...ready.flatMap((slot) => slot.warnings)] },
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

/** Structure sync, which changes nothing anywhere, while `beside` is done. What `beside` throws comes before what the source throws. */
async function discoverBeside<T>(
  engine: Engine,
  { job }: Lease,
  signal: AbortSignal,
  beside: () => Promise<T>,
): Promise<{ readonly source: Source; readonly catalog: Catalog; readonly beside: T }> {
  await using discovering = inBackground(signal, async (inner) => {
    const source = await engine.openSource(job);
    try {
      return { source, catalog: await source.discover(inner) };
    } catch (error) {
      await source[Symbol.asyncDispose]();
      throw error;
    }
  });
  let outcome: T;
  try {
    outcome = await beside();
  } catch (error) {
    await discovering[Symbol.asyncDispose]();
    const found = await discovering.result.catch(() => undefined);
    await found?.source[Symbol.asyncDispose]();
    throw error;
  }
  return { ...(await discovering.result), beside: outcome };
}

/** Streams of a slot that cannot be read fail with its error; the others go on. */
async function sortSlots(
  context: JobContext,
  slots: readonly PreparedSlot[],
): Promise<{
  readonly ready: readonly Extract<PreparedSlot, { readonly state: 'ready' }>[];
  readonly failed: ReadonlySet<string>;
}> {
  const ready = slots.flatMap((slot) => (slot.state === 'ready' ? [slot] : []));
  const failed = new Set<string>();
  for (const slot of slots) {
    if (slot.state !== 'failed') continue;
    const { code, message, remedy } = slot.error;
    for (const stream of slot.streams) {
      failed.add(stream.id);
      await noteOutcome(context, stream, { error: { code, message, remedy }, warnings: [], nullKeys: null });
    }
  }
  return { ready, failed };
}

/**
 * A name that never worked is a mistake in the configuration: the job is refused before anything is read. One that worked before (a table dropped or renamed at the source)
 * fails alone, and the other streams go on.
 */
function refuseTypos(selection: SelectedStreams, states: ReadonlyMap<string, StreamState>): void {
  const fatal = selection.problems.find(({ stream }) => stream === null || !states.has(stream));
  if (fatal !== undefined) throw fatal.error;
}

async function recordSkipped(engine: Engine, job: string, start: JobStart): Promise<void> {
  engine.log.log('INFO', 'job-skipped', { job, trigger: start.trigger });
  await engine.ledger.updateJob(job, () => ({ job, state: 'skipped', ...start, endedAt: start.startedAt }));
}
