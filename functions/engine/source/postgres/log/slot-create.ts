import { ReplicationError } from '../../../model/errors.ts';
import type { OutputPlugin } from '../../../model/log-change.ts';
import type { Connection } from '../connection.ts';
import { quoteLiteral } from '../quote.ts';
import { sqlstateOf } from './database-error.ts';
import type { LogSettings } from './log-settings.ts';
import { isMissingPlugin, slotFailure } from './slot-failure.ts';
import { failpoint } from '../../../runtime/failpoints.ts';

/** The server waits for every transaction that was open when the slot was asked for; behind one that stays open, this is the end of our patience. */
const PATIENCE_MS = 300_000;

/**
 * Creates a slot, unless there is one. The server keeps nothing of a slot whose creation does not come to its end, whether it fails, is cancelled, or either side dies.
 * `exists`: somebody else was faster. `no-plugin`: the server has no such library. Throws `replication-right-missing`, `slots-exhausted`, `slot-waits`, `primary-needed`.
 */
export async function createSlot(
  connection: Connection,
  slot: { readonly name: string; readonly plugin: OutputPlugin },
  settings: Pick<LogSettings, 'maxSlots'>,
  options: { readonly signal: AbortSignal; readonly patienceMs?: number },
): Promise<'created' | 'exists' | 'no-plugin'> {
  const { signal, patienceMs = PATIENCE_MS } = options;
  const late = AbortSignal.timeout(patienceMs);
  try {
    await failpoint('slot.create.before');
    await connection.query(
      // The waits for transactions are waits for locks, of which our sessions have less patience. Not without end: the server does not see that its client is gone meanwhile.
      `set local lock_timeout = ${String(patienceMs)};
       select pg_catalog.pg_create_logical_replication_slot(${quoteLiteral(slot.name)}, ${quoteLiteral(slot.plugin)})`,
      [],
      AbortSignal.any([signal, late]),
    );
    await failpoint('slot.create.after');
    return 'created';
  } catch (error) {
    signal.throwIfAborted();
    const waits = { slot: slot.name, seconds: Math.round(patienceMs / 1000) };
    if (late.aborted) throw new ReplicationError('slot-waits', waits);
    if (isMissingPlugin(error)) return 'no-plugin';
    switch (sqlstateOf(error)) {
      case '42710': // there is a slot of this name
        return 'exists';
      case '55P03': // lock_not_available
        throw new ReplicationError('slot-waits', waits, { cause: error });
      case '53400': // configuration_limit_exceeded
        throw new ReplicationError('slots-exhausted', { slot: slot.name, max: settings.maxSlots }, { cause: error });
      default:
        throw await slotFailure(connection, { slot: slot.name, plugin: slot.plugin }, error, signal);
    }
  }
}
