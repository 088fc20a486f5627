import { maxWorkers } from '../contract.ts';
import type { WorkInput, WorkOutput } from '../contract.ts';
import { readHandover } from '../engine/jobs/handover.ts';
import type { JobContext } from '../engine/jobs/job.ts';
import { openPressureGate } from '../engine/jobs/pressure-gate.ts';
import { readStates } from '../engine/jobs/read-states.ts';
import { watchStopRequest } from '../engine/jobs/stop-request.ts';
import { runWorker } from '../engine/jobs/worker.ts';
import { asUnexpected, ReplicationError } from '../engine/model/errors.ts';
import type { LambdaContext } from './deadline.ts';
import { invoke } from './invocation.ts';
import type { Invocation } from './invocation.ts';
import { readWorkInput } from './read-input.ts';
import type { Sandbox } from './sandbox.ts';

/** Of the state machine, each time: the task, the choice whether to go on, and a part of the map's. */
const TRANSITIONS = 3;

type State = WorkOutput['state'];

/**
 * One worker of a job, for as long as one invocation may take: units until nothing is left, or until a checkpoint near the limit. Failures of the work are recorded with the job and
 * answered; only what could not be recorded is thrown, for the state machine to try again.
 */
export async function work(sandbox: Sandbox, event: WorkInput, context: LambdaContext): Promise<WorkOutput> {
  const input = readWorkInput(event);
  const { job, worker, endBy } = input;
  const state = await invoke(sandbox, context, { worker, endBy: new Date(endBy) }, async (invocation) => {
    try {
      return await workOnce(invocation, input);
    } catch (error) {
      return await noteFailure(invocation, input, asUnexpected(error));
    } finally {
      await invocation.spend(job, TRANSITIONS);
    }
  });
  return { job, worker, endBy, state };
}

async function workOnce(invocation: Invocation, input: WorkInput): Promise<State> {
  const { sandbox, ledger, deadline } = invocation;
  const { job, worker, endBy } = input;
  const record = await ledger.job(job);
  if (record === undefined) throw new ReplicationError('job-unknown', { job, integration: sandbox.integration.name });
  // Somebody else closed it: there is nothing to do, and nobody to tell.
  if (record.state !== 'running') return 'done';
  const { stopRequested } = await ledger.control();
  if (stopRequested === job || Date.parse(endBy) <= Date.now()) return leave(invocation, input);

  const engine = await invocation.engine(1);
  const log = invocation.log.with({ job });
  const place = { integration: sandbox.integration.name, job };
  const handover = await readHandover(sandbox.sink, place, deadline.abort);
  const states = await readStates(engine);
  await using lease = await ledger.join(job, engine.settings.leaseTtlMs);
  await using source = await engine.openSource(job);
  const workers = Math.min(sandbox.integration.connections, maxWorkers, handover.parallel);
  using pressure = openPressureGate({ ...engine, log }, { kind: 'elsewhere', workers, index: indexOf(worker) });
  const context: JobContext = {
    ...engine,
    log,
    lease,
    source,
    ...(pressure === undefined ? {} : { pressure }),
    // As they are now: earlier invocations and other workers have moved on since the plan.
    streams: new Map([...handover.streams].map(([id, stream]) => [id, { ...stream, known: states.get(id) ?? stream.known }])),
  };
  log.log('INFO', 'worker-started', { streams: context.streams.size });

  const requested = new AbortController();
  await using _watch = watchStopRequest(context, requested);
  const stop = AbortSignal.any([deadline.stop, requested.signal]);
  const isOver = (): boolean => requested.signal.aborted || Date.parse(endBy) <= Date.now();
  try {
    const outcome = await runWorker(context, await ledger.work(job), worker, { stop, abort: deadline.abort });
    log.log('INFO', 'worker-ended', { outcome });
    return isOver() ? 'done' : outcome;
  } catch (error) {
    // What was in work when the time ended stays with this worker, whose next invocation begins with it.
    if (!deadline.abort.aborted || lease.lost.aborted) throw error;
    log.log('WARNING', 'worker-out-of-time', {});
    return isOver() ? await leave(invocation, input) : 'more';
  }
}

/** Number of a worker by its name, `w0` being the first. */
function indexOf(worker: string): number {
  return Number(/^w(\d+)$/.exec(worker)?.[1] ?? 0);
}

/** Ends a worker whose job may not go on: what it still holds from an earlier invocation is left to the next job. */
async function leave({ ledger }: Invocation, { job, worker }: WorkInput): Promise<State> {
  await (await ledger.work(job)).finish(worker);
  return 'done';
}

/** Records why the job will have failed: the first reason stays. Throws the failure itself where that cannot be done. */
async function noteFailure({ ledger, log }: Invocation, { job, worker }: WorkInput, failure: ReplicationError): Promise<State> {
  const { code, message, remedy } = failure;
  log.log('CRITICAL', 'job-failed', { job, code, message, remedy });
  try {
    if ((await ledger.job(job)) !== undefined) {
      await ledger.updateJob(job, (now) => {
        if (now === undefined) throw failure;
        return now.state === 'running' && now.error === undefined ? { ...now, error: { code, message, remedy } } : now;
      });
    }
    // Nobody else shall try what failed here, nor wait for it.
    await (await ledger.work(job)).drop(worker);
  } catch {
    throw failure;
  }
  return 'failed';
}
