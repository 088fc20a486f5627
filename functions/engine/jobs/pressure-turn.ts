import type { Unit } from '../plan/plan.ts';
import type { PressureLook } from '../source/pressure-look.ts';
import type { WorkerPlace } from './pressure-gate.ts';
import type { Sessions } from './sessions.ts';

/** A worker that has a unit and asks whether it may begin with it. */
export interface Turn {
  readonly place: WorkerPlace;
  readonly sessions: Sessions;
  /** Of the unit: its session is the one to look over, since the read needs it next. Undefined for a stream that is no longer known. */
  readonly database: string | undefined;
  /** Ends the worker. */
  readonly signal: AbortSignal;
  readonly stop: AbortSignal;
}

/** Whether a worker may begin with its unit now. Slots always may: they hold back WAL at the source, and cost it less the sooner they are read. Throws `signal.reason`. */
export async function mayBegin(turn: Turn, unit: Unit): Promise<'go' | 'hold'> {
  const { place, signal } = turn;
  if (unit.kind === 'log') {
    place.leave();
    return 'go';
  }
  if (turn.database === undefined) return 'go';
  const answer = await place.ask(lookOver(turn), eitherOf(turn));
  signal.throwIfAborted();
  return answer;
}

/** Waits without a connection until the worker may read again or is asked to stop (`go`), or nothing is left for it to wait for (`no-work`). */
export async function waitForTurn(turn: Turn, mayGetWork: () => Promise<boolean>): Promise<'go' | 'no-work'> {
  const { place, sessions, signal, stop } = turn;
  for (;;) {
    await sessions.close();
    if (signal.aborted || stop.aborted) return 'go';
    if (!(await mayGetWork())) return 'no-work';
    if ((await place.wait(lookOver(turn), eitherOf(turn))) === 'go') return 'go';
  }
}

function eitherOf({ signal, stop }: Turn): AbortSignal {
  return AbortSignal.any([signal, stop]);
}

/** Looks over the session of the worker. One over which that failed may be broken, and is closed. */
function lookOver({ sessions, database }: Turn): (signal: AbortSignal) => Promise<PressureLook> {
  return async (signal) => {
    if (database === undefined) throw new TypeError('a worker without a database does not look');
    try {
      return await (await sessions.of(database, signal)).lookAtPressure(signal);
    } catch (error) {
      await sessions.close();
      throw error;
    }
  };
}
