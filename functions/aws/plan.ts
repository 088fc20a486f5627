import { jobLimitHours, maxWorkers, metrics } from '../contract.ts';
import type { PlanInput, PlanOutput, WorkInput } from '../contract.ts';
import { endJob } from '../engine/jobs/end-job.ts';
import type { Engine } from '../engine/jobs/engine.ts';
import { finishJob } from '../engine/jobs/finish-job.ts';
import { readHandover, saveHandover } from '../engine/jobs/handover.ts';
import type { Handover } from '../engine/jobs/handover.ts';
import { OutOfTime } from '../engine/jobs/job.ts';
import { mostParallel } from '../engine/plan/most-parallel.ts';
import { recordHolder } from '../engine/jobs/record-holder.ts';
import { startJob } from '../engine/jobs/start-job.ts';
import type { StartedJob } from '../engine/jobs/start-job.ts';
import type { JobRecord } from '../engine/ledger/ledger.ts';
import { errorReport, ReplicationError } from '../engine/model/errors.ts';
import type { ErrorCode } from '../engine/model/errors.ts';
import type { LoadingReport } from '../engine/model/report.ts';
import type { LogEvent } from '../engine/runtime/logger.ts';
import type { LambdaContext } from './deadline.ts';
import { invoke } from './invocation.ts';
import type { Invocation } from './invocation.ts';
import { jobMetrics } from './job-metrics.ts';
import { readPlanInput } from './read-input.ts';
import type { Sandbox } from './sandbox.ts';

/** Of the state machine, in a job, beside those of its workers and of its report: start, plan, the choice after it, the map. */
const TRANSITIONS = 4;
/** Starts among which an earlier try of the same execution is looked for. */
const RECENT_STARTS = 20;

/**
 * Begins a job: lease, structure sync, units, and what its workers need to know of it. Ends without the lease being given up: it waits for them. Trying again after an answer that was
 * lost gives the same answer.
 */
export async function plan(sandbox: Sandbox, event: PlanInput, context: LambdaContext): Promise<PlanOutput> {
  const input = readPlanInput(event);
  let died = 0;
  const onLog = ({ event }: LogEvent): void => {
    if (event === 'dead-job-closed') died += 1;
  };
  return invoke(sandbox, context, { worker: 'plan', onLog }, async (invocation) => {
    const output = await planOnce(invocation, input);
    // A job that died has nobody else to count it.
    if (died > 0 && output.state !== 'failed') invocation.measure({ [metrics.jobsFailed]: died });
    return output;
  });
}

async function planOnce(invocation: Invocation, input: PlanInput): Promise<PlanOutput> {
  const { sandbox, deadline } = invocation;
  const engine = await invocation.engine(sandbox.integration.connections);
  const known = await knownAnswer(invocation, engine, input);
  if (known !== undefined) return known;

  const trigger = input.trigger ?? 'manual';
  const started = await startJob(engine, { trigger, execution: input.execution }, planningSignal(deadline.stop));
  switch (started.state) {
    case 'busy':
    case 'paused':
      invocation.measure({ [metrics.jobsSkipped]: 1 });
      return { state: 'skipped', job: started.record, reason: started.state };
    case 'failed':
      await invocation.spend(started.report.job, TRANSITIONS);
      return refused(invocation, started.report, started.error.code);
    case 'started': {
      await using job = started;
      return await handOver(invocation, engine, job, endOf(input, job.startedAt));
    }
  }
}

async function handOver(invocation: Invocation, engine: Engine, job: StartedJob, endBy: string): Promise<PlanOutput> {
  const { sandbox, deadline } = invocation;
  const { context, selection, startedAt, trigger } = job;
  const id = context.lease.job;
  const { streams, settings } = context;
  const parallel = mostParallel(job.plan.units, (stream) => streams.get(stream)?.bytes ?? 0, settings.rangeBytes);
  const handover: Handover = { job: id, trigger, startedAt, endBy, parallel: parallel + slotsOf(job), streams, selection };
  try {
    await saveHandover(sandbox.sink, { integration: sandbox.integration.name }, handover, deadline.abort);
  } catch (error) {
    const known = errorReport(error);
    context.log.log('CRITICAL', 'job-failed', { ...known });
    await invocation.spend(id, TRANSITIONS);
    const report = await endJob(engine, job, { error: known, stopped: false, lookAtSlots: () => Promise.resolve([]) });
    return refused(invocation, report, known.code);
  }
  await invocation.spend(id, TRANSITIONS);
  return { state: 'started', job: id, workers: workersOf(sandbox, handover) };
}

/** Units that read a slot are the job's, beside those of its plan. */
function slotsOf({ plan: { units }, work }: StartedJob): number {
  return work.total - units.length;
}

/** As many workers as connections, no more than can be busy, and no more than an execution's history has room for. */
function workersOf({ integration }: Sandbox, { job, endBy, parallel }: Handover): readonly WorkInput[] {
  const count = Math.min(integration.connections, maxWorkers, parallel);
  return Array.from({ length: count }, (_, index) => ({ job, worker: `w${String(index)}`, endBy }));
}

/** The answer of an earlier invocation for the same execution, whose answer was lost; undefined where there was none, or where it died before it had one. */
async function knownAnswer(invocation: Invocation, engine: Engine, input: PlanInput): Promise<PlanOutput | undefined> {
  const { ledger, sandbox, deadline } = invocation;
  const record = (await recordOf(invocation, input.execution)) ?? (await recordHolder(ledger, input.execution));
  if (record === undefined) return undefined;
  switch (record.state) {
    case 'skipped': {
      const { pausedAt } = await ledger.control();
      return { state: 'skipped', job: record.job, reason: pausedAt === undefined ? 'busy' : 'paused' };
    }
    case 'running':
      break;
    default:
      return { state: 'failed', job: record.job, code: record.error?.code ?? 'unexpected' };
  }
  const { job, trigger, startedAt } = record;
  try {
    const handover = await readHandover(sandbox.sink, { integration: sandbox.integration.name, job }, deadline.abort);
    return { state: 'started', job, workers: workersOf(sandbox, handover) };
  } catch (error) {
    if (errorReport(error).code !== 'handover-missing') throw error;
  }
  await using lease = await ledger.takeOver(job, engine.settings.leaseTtlMs);
  const died = errorReport(new ReplicationError('job-died', { job, integration: sandbox.integration.name }));
  await finishJob(engine, lease, { trigger, startedAt, error: died });
  return undefined;
}

async function recordOf({ ledger }: Invocation, execution: string): Promise<JobRecord | undefined> {
  for await (const record of ledger.jobs({ limit: RECENT_STARTS })) if (record.execution === execution) return record;
  return undefined;
}

function refused(invocation: Invocation, report: LoadingReport, code: ErrorCode): PlanOutput {
  invocation.measure(jobMetrics(report));
  return { state: 'failed', job: report.job, code };
}

/** The limit of a job counts from the start of its execution. */
function endOf({ startedAt }: PlanInput, otherwise: string): string {
  const given = Date.parse(startedAt);
  const beganMs = Number.isNaN(given) ? Date.parse(otherwise) : given;
  return new Date(beganMs + jobLimitHours * 3_600_000).toISOString();
}

/** A plan has no checkpoint: out of time it is given up, with an error that says so. */
function planningSignal(stop: AbortSignal): AbortSignal {
  const planning = new AbortController();
  stop.addEventListener(
    'abort',
    () => {
      const { reason } = stop as { readonly reason: unknown };
      const minutes = reason instanceof OutOfTime ? Math.floor(reason.minutes) : 0;
      planning.abort(new ReplicationError('plan-too-long', { minutes }));
    },
    { once: true },
  );
  return planning.signal;
}
