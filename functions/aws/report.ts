import type { ReportInput, ReportOutput } from '../contract.ts';
import { shutOut } from '../engine/jobs/close-dead-jobs.ts';
import { endJob } from '../engine/jobs/end-job.ts';
import type { Engine, SelectionFacts } from '../engine/jobs/engine.ts';
import { readHandover, removeHandover } from '../engine/jobs/handover.ts';
import type { Handover } from '../engine/jobs/handover.ts';
import { finishJob } from '../engine/jobs/finish-job.ts';
import { jobReport } from '../engine/jobs/job-report.ts';
import { recordHolder } from '../engine/jobs/record-holder.ts';
import { slotReports } from '../engine/jobs/log/slot-reports.ts';
import type { JobRecord, Lease, WorkList } from '../engine/ledger/ledger.ts';
import { errorReport, ReplicationError } from '../engine/model/errors.ts';
import type { ErrorReport } from '../engine/model/errors.ts';
import type { LoadingReport, SlotReport } from '../engine/model/report.ts';
import type { LambdaContext } from './deadline.ts';
import { eventPage } from './events.ts';
import { invoke } from './invocation.ts';
import type { Invocation } from './invocation.ts';
import { jobMetrics } from './job-metrics.ts';
import { readReportInput } from './read-input.ts';
import type { Sandbox } from './sandbox.ts';

/** Of the state machine, at the end of a job: the task, the choice, the events, the end. */
const TRANSITIONS = 4;
/** Jobs among which that of an execution is looked for: it ended a moment ago. */
const RECENT_JOBS = 50;

/**
 * Ends a job: its report, then its events page by page. Asking twice does no harm: a job that is closed stays as it is. `null` where an execution that was abandoned has no job to close.
 */
export async function report(sandbox: Sandbox, event: ReportInput, context: LambdaContext): Promise<ReportOutput | null> {
  const input = readReportInput(event);
  return invoke(sandbox, context, { worker: 'report' }, async (invocation) => {
    const engine = await invocation.engine(1);
    switch (input.kind) {
      case 'finish': {
        const record = await invocation.ledger.job(input.job);
        if (record === undefined)
          throw new ReplicationError('job-unknown', { job: input.job, integration: engine.settings.integration });
        return page(sandbox, await close(invocation, engine, { record, end: 'finish' }), 0);
      }
      case 'events':
        return page(sandbox, await jobReport(engine, input.job), input.from);
      case 'abandoned': {
        const { ledger } = invocation;
        const record = (await jobOf(invocation, input.execution)) ?? (await recordHolder(ledger, input.execution));
        if (record === undefined) return null;
        const closed = await close(invocation, engine, { record, end: 'abandoned' });
        return { ...page(sandbox, closed, 0), events: [], next: null };
      }
    }
  });
}

interface Ending {
  readonly record: JobRecord;
  readonly end: 'finish' | 'abandoned';
}

/** The report of a job, which is closed now if nobody closed it before. */
async function close(invocation: Invocation, engine: Engine, { record, end }: Ending): Promise<LoadingReport> {
  const { ledger, log: outer, deadline, sandbox } = invocation;
  const { job } = record;
  const log = outer.with({ job });
  const lease = record.state === 'running' ? await takeOver(invocation, engine, job) : undefined;
  if (lease === undefined) {
    log.log('INFO', 'job-already-closed', { state: record.state });
    return jobReport(engine, job);
  }
  await using held = lease;
  const handover = await handoverOf(invocation, record);
  const { trigger, startedAt } = record;
  const work = await workOf(invocation, job);
  const { open, held: heldUnits } = (await work?.progress()) ?? { open: 0, held: 0 };
  // A worker that still holds something was killed, or nobody waits for it any more: from here on it can commit nothing.
  if (heldUnits > 0) await shutOut(engine, held, deadline.abort);
  const isDue = (await ledger.control()).stopRequested === job || Date.parse(handover.endBy) <= Date.now();
  const diedUnheard = end === 'finish' && (heldUnits > 0 || (open > 0 && !isDue));
  if (diedUnheard) log.log('CRITICAL', 'job-failed', { ...workerDied(job) });
  const missing = end === 'finish' ? handover.error : null;
  const error = record.error ?? missing ?? (diedUnheard ? workerDied(job) : null);
  const stopped = end === 'abandoned' || isDue;
  await invocation.spend(job, TRANSITIONS);

  const context = { lease: held, log, streams: handover.streams };
  const final =
    work === undefined
      ? await finishJob({ ...engine, log }, held, { trigger, startedAt, error, stopped })
      : await endJob(
          engine,
          { context, work, selection: handover.selection, trigger, startedAt },
          { error, stopped, lookAtSlots: () => lookAtSlots({ ...engine, log }, job, deadline.stop) },
        );
  invocation.measure(jobMetrics(final));
  await removeHandover(sandbox.sink, { integration: engine.settings.integration, job }, deadline.abort).catch(() => undefined);
  return final;
}

/** How slots stand now. A server that cannot be reached keeps no report from being written. */
async function lookAtSlots(engine: Engine, job: string, signal: AbortSignal): Promise<readonly SlotReport[]> {
  try {
    await using source = await engine.openSource(job);
    return await slotReports({ ...engine, source }, signal);
  } catch (error) {
    engine.log.log('WARNING', 'slots-not-seen', { code: errorReport(error).code });
    return [];
  }
}

/** The units of a job; undefined where its plan died before it had any. */
async function workOf({ ledger }: Invocation, job: string): Promise<WorkList | undefined> {
  try {
    return await ledger.work(job);
  } catch (error) {
    if (errorReport(error).code !== 'job-unknown') throw error;
    return undefined;
  }
}

/** The lease of the job, or undefined where another job has taken it, which has closed this one or is about to. */
async function takeOver({ ledger, log }: Invocation, engine: Engine, job: string): Promise<Lease | undefined> {
  try {
    return await ledger.takeOver(job, engine.settings.leaseTtlMs);
  } catch (error) {
    const { code } = errorReport(error);
    if (code !== 'lease-lost') throw error;
    log.log('WARNING', 'job-taken-over', { job });
    return undefined;
  }
}

const NOTHING_SELECTED: SelectionFacts = { skipped: [], warnings: [], problems: [] };

/** What the plan left; without it the report is made of what the ledger remembers, and says so. */
async function handoverOf(
  { sandbox, deadline }: Invocation,
  { job, startedAt }: JobRecord,
): Promise<Pick<Handover, 'streams' | 'selection' | 'endBy'> & { readonly error: ErrorReport | null }> {
  try {
    const handover = await readHandover(sandbox.sink, { integration: sandbox.integration.name, job }, deadline.abort);
    return { ...handover, error: null };
  } catch (error) {
    const known = errorReport(error);
    if (known.code !== 'handover-missing') throw error;
    return { streams: new Map(), selection: NOTHING_SELECTED, endBy: startedAt, error: known };
  }
}

function workerDied(job: string): ErrorReport {
  return errorReport(new ReplicationError('worker-died', { job }));
}

async function jobOf({ ledger }: Invocation, execution: string): Promise<JobRecord | undefined> {
  for await (const record of ledger.jobs({ limit: RECENT_JOBS }))
    if (record.execution === execution && record.state === 'running') return record;
  return undefined;
}

function page({ places }: Sandbox, of: LoadingReport, from: number): ReportOutput {
  const { job, state } = of;
  const ended = state === 'complete' || state === 'partial' || state === 'stopped' ? state : 'failed';
  return { job, state: ended, ...eventPage(of, places.destination, from) };
}
