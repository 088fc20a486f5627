import { asUnexpected, ReplicationError } from '../model/errors.ts';
import type { ErrorCode } from '../model/errors.ts';
import { streamItems } from '../model/stream-state.ts';
import type { Unit } from '../plan/plan.ts';
import type { Json, WorkList } from '../ledger/ledger.ts';
import { copyRange, startCopy } from './copy-unit.ts';
import { CutCopies } from './cut-copies.ts';
import { OutOfTime } from './job.ts';
import type { Budget, JobContext, JobStream } from './job.ts';
import { readByKey } from './key-unit.ts';
import { readLog } from './log/log-unit.ts';
import { mayBegin, waitForTurn } from './pressure-turn.ts';
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
  'secret-missing',
  'tls-failed',
  'ssh-key-unreadable',
  'ssh-unreachable',
  'ssh-handshake-failed',
  'ssh-host-key-unknown',
  'ssh-host-key-changed',
  'ssh-login-failed',
  'ssh-forwarding-refused',
  'iam-region-unknown',
  'iam-token-failed',
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
  'ssh-unreachable',
  'ssh-handshake-failed',
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
  const copies = new CutCopies(context.ledger);
  using place = context.pressure?.place(worker);
  const signal = AbortSignal.any([budget.abort, context.lease.lost]);
  let idleMs: number = IDLE_POLL_MS.first;
  let isFirst = true;
  for (;;) {
    signal.throwIfAborted();
    if (budget.stop.aborted) {
      await work.finish(worker);
      const { open } = await work.progress();
      return open > 0 ? 'more' : 'done';
    }
    const [next] = await work.take(worker, 1);
    if (next === undefined) {
      if (!(await mayGetWork(work))) return 'done';
      await context.clock.sleep(idleMs, AbortSignal.any([signal, budget.stop])).catch(() => undefined);
      idleMs = Math.min(idleMs * 2, IDLE_POLL_MS.most);
      continue;
    }
    idleMs = IDLE_POLL_MS.first;
    const unit = next.unit as unknown as Unit;
    if (place !== undefined) {
      const turn = { place, sessions, database: databaseOf(context, unit), signal, stop: budget.stop };
      if ((await mayBegin(turn, unit)) === 'hold') {
        // For whoever may go on; slots come first in the list, so that nothing but reads is left in it.
        await work.giveBack(worker, next.index);
        isFirst = false;
        if ((await waitForTurn(turn, () => mayGetWork(work))) === 'no-work') return 'done';
        continue;
      }
    }
    const scope = { context, sessions, copies, work, worker, budget, signal, hadAllTime: isFirst };
    const state = await runUnit(scope, unit);
    isFirst = false;
    if (state === 'more') await work.giveBack(worker, next.index);
  }
}

/** Whether there may be something to take later: of what others hold, only the beginning of a copy adds more than its holder does at once. */
async function mayGetWork(work: WorkList): Promise<boolean> {
  const { open, held } = await work.progress();
  if (open > 0) return true;
  if (held === 0) return false;
  const units = (await work.heldUnits()) as unknown as readonly Unit[];
  return units.some(({ kind }) => kind === 'copy');
}

interface WorkerScope {
  readonly context: JobContext;
  readonly sessions: Sessions;
  readonly copies: CutCopies;
  readonly work: WorkList;
  readonly worker: string;
  readonly budget: Budget;
  readonly signal: AbortSignal;
  /** Whether the unit is the first of this process: the next one would not have more time for it. */
  readonly hadAllTime: boolean;
}

async function runUnit(scope: WorkerScope, unit: Unit): Promise<WorkerOutcome> {
  const { context, signal, budget } = scope;
  const began = context.clock.now().toISOString();
  const subject = subjectOf(context, unit);
  if (subject === undefined) return 'done';
  context.progress({ kind: 'unit-started', stream: subject.name, what: unit.kind });
  // A worker that was asked to stop may finish its unit if that takes no longer than the grace.
  const grace = new AbortController();
  const ended = new AbortController();
  const onStop = (): void => {
    // Not longer than the unit takes: the timer would keep the process alive.
    void context.clock.sleep(context.settings.stopGraceMs, AbortSignal.any([signal, ended.signal])).then(
      () => grace.abort(new StopGraceOver()),
      () => undefined,
    );
  };
  if (budget.stop.aborted) onStop();
  else budget.stop.addEventListener('abort', onStop, { once: true });
  const unitSignal = AbortSignal.any([signal, grace.signal]);
  try {
    return await attemptUnit(scope, unit, subject, unitSignal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof StopGraceOver || grace.signal.aborted) {
      const tooLong = await neverEnds(scope, unit, began);
      if (tooLong === undefined) return 'more';
      await recordFailure(scope, subject, tooLong);
      return 'done';
    }
    await recordFailure(scope, subject, asUnexpected(error));
    return 'done';
  } finally {
    budget.stop.removeEventListener('abort', onStop);
    ended.abort();
  }
}

/** Shorter allotments are somebody's wish, and say nothing of a unit. */
const WHOLE_ALLOTMENT_MINUTES = 5;

/** The error of a unit that had the whole time of a process and came to no checkpoint: it would be begun again and again. Undefined for every other one. */
async function neverEnds(scope: WorkerScope, unit: Unit, began: string): Promise<ReplicationError | undefined> {
  const { context, budget, hadAllTime } = scope;
  const { reason } = budget.stop as { readonly reason: unknown };
  if (!hadAllTime || !(reason instanceof OutOfTime) || reason.minutes < WHOLE_ALLOTMENT_MINUTES || unit.kind === 'log')
    return undefined;
  if (unit.kind === 'key') {
    const head = await context.ledger.head(streamItems.keyHead(unit.stream, unit.version));
    if (head?.lastCommit !== undefined && head.lastCommit.at >= began) return undefined;
  }
  return new ReplicationError('unit-too-long', { stream: unit.stream, minutes: Math.floor(reason.minutes) });
}

async function attemptUnit(scope: WorkerScope, unit: Unit, subject: Subject, signal: AbortSignal): Promise<WorkerOutcome> {
  const { context, sessions, budget } = scope;
  const delays = context.settings.retryDelaysMs;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await carryOut(scope, unit, subject, signal);
    } catch (error) {
      signal.throwIfAborted();
      const known = asUnexpected(error);
      const delayMs = delays[attempt];
      if (!WORTH_ANOTHER_TRY.has(known.code) || delayMs === undefined || budget.stop.aborted) throw known;
      context.log.log('WARNING', 'unit-retried', {
        stream: subject.name,
        unit: unit.kind,
        code: known.code,
        attempt: attempt + 1,
        delayMs,
      });
      await sessions.drop(subject.database);
      await context.clock.sleep(delayMs, signal);
    }
  }
}

async function carryOut(scope: WorkerScope, unit: Unit, subject: Subject, signal: AbortSignal): Promise<WorkerOutcome> {
  const { context, sessions, copies, work, worker, budget } = scope;
  if (unit.kind === 'log') {
    await sessions.close();
    const outcome = await readLog({ context, worker, signal, stop: budget.stop }, unit);
    if (outcome === 'done') context.progress({ kind: 'unit-done', stream: subject.name });
    return outcome;
  }
  const [stream] = subject.streams;
  if (stream === undefined) return 'done';
  const session = await sessions.of(subject.database, signal);
  const inner = { context, stream, session, worker, copies, signal };
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

async function recordFailure(scope: WorkerScope, subject: Subject, error: ReplicationError): Promise<void> {
  const { context } = scope;
  const { code, message, remedy } = error;
  context.log.log('ERROR', 'stream-failed', { stream: subject.name, code, message, remedy, cause: causeOf(error) });
  if (ENDS_JOB.has(code)) throw error;
  context.progress({ kind: 'stream-failed', stream: subject.name, code });
  for (const stream of subject.streams)
    await noteOutcome(context, stream, { error: { code, message, remedy }, warnings: [], nullKeys: null });
}

function databaseOf(context: JobContext, unit: Unit): string | undefined {
  return unit.kind === 'log' ? unit.database : context.streams.get(unit.stream)?.table.name.database;
}

/** What a unit is about: one stream, or all that are read from a slot. */
interface Subject {
  /** For people. */
  readonly name: string;
  readonly database: string;
  readonly streams: readonly JobStream[];
}

function subjectOf(context: JobContext, unit: Unit): Subject | undefined {
  if (unit.kind === 'log') {
    const streams = unit.streams.flatMap((id) => context.streams.get(id) ?? []);
    return { name: `${unit.database} (slot ${unit.slot})`, database: unit.database, streams };
  }
  const stream = context.streams.get(unit.stream);
  return stream === undefined ? undefined : { name: stream.id, database: stream.table.name.database, streams: [stream] };
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
