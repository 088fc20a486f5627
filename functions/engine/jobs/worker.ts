import { asUnexpected } from '../model/errors.ts';
import type { ErrorCode, ReplicationError } from '../model/errors.ts';
import type { Unit } from '../plan/plan.ts';
import type { Json, WorkList } from '../ledger/ledger.ts';
import { copyRange, startCopy } from './copy-unit.ts';
import type { Budget, JobContext, JobStream } from './job.ts';
import { readByKey } from './key-unit.ts';
import { openSessions } from './sessions.ts';
import type { Sessions } from './sessions.ts';
import { noteOutcome } from './stream-outcome.ts';

/** `more`: stopped at a checkpoint with work left; `done`: nothing left for anyone. */
export type WorkerOutcome = 'done' | 'more';

/** Failures that end the job, since the next unit would meet them too. */
const ENDS_JOB: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'lease-lost',
  'fenced-out',
  'sink-missing',
  'sink-forbidden',
  'sink-full',
  'sink-failed',
  'ledger-missing',
  'ledger-forbidden',
  'ledger-failed',
  'ledger-damaged',
  'login-failed',
  'tls-failed',
  'host-unreachable',
  'server-not-ready',
  'too-many-connections',
  'connection-lost',
]);

/** Failures that another attempt from the last checkpoint may cure. */
const WORTH_ANOTHER_TRY: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'connection-lost',
  'server-not-ready',
  'too-many-connections',
  'host-unreachable',
  'recovery-conflict',
  'protocol-violation',
]);

/** Idle workers look again for work that others add, less and less often. */
const IDLE_POLL_MS = { first: 100, most: 2_000 } as const;

/**
 * Takes units until nothing is left or the budget says stop. A failing stream is recorded and the others go on; what would fail every unit is thrown and ends the job.
 * Safe to run any number of times at once, in one process or many.
 */
export async function runWorker(context: JobContext, work: WorkList, worker: string, budget: Budget): Promise<WorkerOutcome> {
  await using sessions = openSessions(context.source);
  const signal = AbortSignal.any([budget.abort, context.lease.lost]);
  let idleMs: number = IDLE_POLL_MS.first;
  for (;;) {
    signal.throwIfAborted();
    if (budget.stop.aborted) {
      await work.finish(worker);
      const { open } = await work.progress();
      return open > 0 ? 'more' : 'done';
    }
    const [next] = await work.take(worker, 1);
    if (next === undefined) {
      const { open, held } = await work.progress();
      if (open === 0 && held === 0) return 'done';
      await context.clock.sleep(idleMs, AbortSignal.any([signal, budget.stop])).catch(() => undefined);
      idleMs = Math.min(idleMs * 2, IDLE_POLL_MS.most);
      continue;
    }
    idleMs = IDLE_POLL_MS.first;
    const state = await runUnit({ context, sessions, work, worker, budget, signal }, next.unit as unknown as Unit);
    if (state === 'more') await work.giveBack(worker, next.index);
  }
}

interface WorkerScope {
  readonly context: JobContext;
  readonly sessions: Sessions;
  readonly work: WorkList;
  readonly worker: string;
  readonly budget: Budget;
  readonly signal: AbortSignal;
}

async function runUnit(scope: WorkerScope, unit: Unit): Promise<WorkerOutcome> {
  const { context, signal, budget } = scope;
  const stream = context.streams.get(unit.stream);
  if (stream === undefined) return 'done';
  context.progress({ kind: 'unit-started', stream: stream.id, what: unit.kind });
  // A worker that was asked to stop may finish its unit if that takes no longer than the grace.
  const grace = new AbortController();
  const onStop = (): void => {
    void context.clock.sleep(context.settings.stopGraceMs, signal).then(
      () => grace.abort(new StopGraceOver()),
      () => undefined,
    );
  };
  budget.stop.addEventListener('abort', onStop, { once: true });
  const unitSignal = AbortSignal.any([signal, grace.signal]);
  try {
    return await attemptUnit(scope, unit, stream, unitSignal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof StopGraceOver || grace.signal.aborted) return 'more';
    await recordFailure(scope, stream, asUnexpected(error));
    return 'done';
  } finally {
    budget.stop.removeEventListener('abort', onStop);
  }
}

async function attemptUnit(scope: WorkerScope, unit: Unit, stream: JobStream, signal: AbortSignal): Promise<WorkerOutcome> {
  const { context, sessions, budget } = scope;
  const delays = context.settings.retryDelaysMs;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await carryOut(scope, unit, stream, signal);
    } catch (error) {
      signal.throwIfAborted();
      const known = asUnexpected(error);
      const delayMs = delays[attempt];
      if (!WORTH_ANOTHER_TRY.has(known.code) || delayMs === undefined || budget.stop.aborted) throw known;
      context.log.log('WARNING', 'unit-retried', { stream: stream.id, unit: unit.kind, code: known.code, attempt: attempt + 1, delayMs });
      await sessions.drop(stream.table.name.database);
      await context.clock.sleep(delayMs, signal);
    }
  }
}

async function carryOut(scope: WorkerScope, unit: Unit, stream: JobStream, signal: AbortSignal): Promise<WorkerOutcome> {
  const { context, sessions, work, worker, budget } = scope;
  const session = await sessions.of(stream.table.name.database, signal);
  const inner = { context, stream, session, worker, signal };
  switch (unit.kind) {
    case 'copy':
      await addWork(context, work, await startCopy(inner, unit.version));
      break;
    case 'range':
      await addWork(context, work, await copyRange(inner, unit.version, unit.range));
      break;
    case 'key': {
      const outcome = await readByKey(inner, unit.version, budget.stop);
      await noteOutcome(context, stream, { error: null, warnings: outcome.warnings, nullKeys: outcome.nullKeys });
      if (outcome.state === 'more') return 'more';
      break;
    }
  }
  context.progress({ kind: 'unit-done', stream: stream.id });
  return 'done';
}

async function addWork(context: JobContext, work: WorkList, units: readonly Unit[]): Promise<void> {
  if (units.length === 0) return;
  await work.add(units as unknown as readonly Json[]);
  context.progress({ kind: 'units-added', count: units.length });
}

async function recordFailure(scope: WorkerScope, stream: JobStream, error: ReplicationError): Promise<void> {
  const { context } = scope;
  context.log.log('ERROR', 'stream-failed', { stream: stream.id, code: error.code, message: error.message, remedy: error.remedy, cause: causeOf(error) });
  if (ENDS_JOB.has(error.code)) throw error;
  context.progress({ kind: 'stream-failed', stream: stream.id, code: error.code });
  await noteOutcome(context, stream, {
    error: { code: error.code, message: error.message, remedy: error.remedy },
    warnings: [],
    nullKeys: null,
  });
}

/** Class and stack of what lies behind an unexpected error, for the log. Messages of foreign errors may hold values and are left out. */
function causeOf(error: ReplicationError): string | undefined {
  const cause = error.cause;
  if (!(cause instanceof Error)) return undefined;
  const frames = (cause.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return [cause.name, ...frames.slice(0, 6).map((line) => line.trim())].join(' | ');
}

class StopGraceOver extends Error {
  override readonly name = 'StopGraceOver';
}
