import type { Clock } from '../../../runtime/clock.ts';
import { jobOfSession } from '../../application-name.ts';
import type { Connection } from '../connection.ts';
import { databaseErrorOf } from './database-error.ts';
import { logDialectOf } from './log-dialect.ts';
import { activeError } from './slot-checks.ts';
import { slotState } from './slots.ts';
import type { SlotFacts } from './slots.ts';

/** A consumer of ours that is just ending is gone by then. */
const GRACE_MS = 1_000;
/** How long whoever else reads the slot is waited for, and how long the server may take to end a session. */
const PATIENCE_MS = 5_000;
const POLL_MS = 200;

export interface FreeSlotRequest {
  readonly slot: string;
  /** Jobs whose sessions have no business with the slot any more. */
  readonly over: ReadonlySet<string>;
  /** The slot as it was seen last. */
  readonly known: SlotFacts;
}

export interface FreedSlot {
  /** Undefined: it is gone, since whoever was creating it was ended, or dropped it. */
  readonly slot: SlotFacts | undefined;
  /** Jobs whose sessions were ended. */
  readonly ended: readonly string[];
}

/**
 * Waits until nobody reads a slot. A session of a job that is over is ended: the server itself would keep one whose worker was frozen, or vanished without a word, until `wal_sender_timeout`;
 * and one that waits for an open transaction for as long as that is open, since it does not look for its client meanwhile. Throws `slot-active` if it stays taken.
 */
export async function freeSlot(
  connection: Connection,
  { slot, over, known }: FreeSlotRequest,
  clock: Clock,
  signal: AbortSignal,
): Promise<FreedSlot> {
  const beganMs = clock.now().getTime();
  const deadlineMs = beganMs + GRACE_MS + PATIENCE_MS;
  const tried = new Set<number | null>();
  const ended: string[] = [];
  for (let now: SlotFacts | undefined = known; ; now = await slotState(connection, slot, signal)) {
    const error = now === undefined ? undefined : activeError(now);
    if (now === undefined || error === undefined) return { slot: now, ended };
    const nowMs = clock.now().getTime();
    const job = jobOfSession(now.activeApplication);
    if (job !== undefined && over.has(job) && nowMs >= beganMs + GRACE_MS && !tried.has(now.activePid)) {
      tried.add(now.activePid);
      if (await endReader(connection, now, signal)) ended.push(job);
    } else if (nowMs >= deadlineMs) throw error;
    await clock.sleep(POLL_MS, signal);
  }
}

/** For the report of the job that did it. */
export function endedWarning(slot: string, job: string): string {
  return `The slot "${slot}" was still held by a session of the job ${job} that nobody waits for any more: it was ended.`;
}

/** In one statement, so that it cannot meet another session that was given the process number since. A role may end sessions of its own: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SIGNAL */
async function endReader(connection: Connection, { slot, activeApplication }: SlotFacts, signal: AbortSignal): Promise<boolean> {
  const { activePid } = logDialectOf(connection.server).slot;
  try {
    const rows = await connection.query<{ readonly ended: string }>(
      `select pg_catalog.pg_terminate_backend(a.pid)::text as ended
       from pg_catalog.pg_replication_slots s join pg_catalog.pg_stat_activity a on a.pid = ${activePid}
       where s.slot_name = $1 and a.application_name = $2 and a.usename = session_user`,
      [slot, activeApplication],
      signal,
    );
    return rows.some(({ ended }) => ended === 'true');
  } catch (error) {
    signal.throwIfAborted();
    // A service that does not let us: then only time helps.
    if (databaseErrorOf(error) === undefined) throw error;
    return false;
  }
}
