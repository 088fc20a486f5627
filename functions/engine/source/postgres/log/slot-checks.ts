import { ReplicationError } from '../../../model/errors.ts';
import type { SlotFacts } from './slots.ts';

/**
 * Whether this slot can be read from here, whoever else may be reading it now. Pure.
 * Throws `slot-physical`, `slot-of-other-database`, `slot-temporary`, `primary-needed` or `slot-lost`.
 */
export function checkSlot(slot: SlotFacts, database: string, endpoint: { readonly host: string; readonly port: number }): void {
  const name = slot.slot;
  if (slot.kind === 'physical') throw new ReplicationError('slot-physical', { slot: name });
  if (slot.database !== database)
    throw new ReplicationError('slot-of-other-database', { slot: name, other: slot.database, database });
  if (slot.isTemporary) throw new ReplicationError('slot-temporary', { slot: name });
  if (slot.isSynced)
    throw new ReplicationError('primary-needed', {
      ...endpoint,
      what: `The slot "${name}", which this replica keeps for a failover,`,
    });
  const loss = lossOf(slot);
  if (loss !== undefined) throw new ReplicationError('slot-lost', { slot: name, database, ...loss });
}

/** Who reads the slot now; undefined if nobody does. */
export function activeError(slot: SlotFacts): ReplicationError<'slot-active'> | undefined {
  if (slot.activePid === null) return undefined;
  // 9.4 does not say which session it is.
  const pid = slot.activePid === 0 ? 'unknown' : slot.activePid;
  return new ReplicationError('slot-active', { slot: slot.slot, pid, application: slot.activeApplication ?? 'not visible' });
}

/** Why a slot is lost, and what keeps the next one from being lost. https://www.postgresql.org/docs/current/view-pg-replication-slots.html */
function lossOf(slot: SlotFacts): { readonly reason: string; readonly setting: string } | undefined {
  if (slot.invalidationReason === null && slot.walStatus !== 'lost') return undefined;
  const reason = slot.invalidationReason ?? 'wal_status is lost';
  switch (slot.invalidationReason) {
    case 'rows_removed':
    case 'conflict':
      return { reason, setting: 'Set hot_standby_feedback = on on the replica, and give it a physical slot on the primary.' };
    case 'wal_level_insufficient':
      return { reason, setting: "Keep wal_level = 'logical' on the primary." };
    case 'idle_timeout':
      return {
        reason,
        setting: 'Raise idle_replication_slot_timeout well above the time between two jobs, or run jobs more often.',
      };
    default:
      return {
        reason,
        setting: 'Raise max_slot_wal_keep_size above the WAL that is written between two jobs, or run jobs more often.',
      };
  }
}
