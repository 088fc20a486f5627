import { ReplicationError } from '../../model/errors.ts';
import { formatLsn } from '../../model/lsn.ts';
import type { LogEndPosition } from '../../source/log-session.ts';
import type { SlotState } from '../../source/log.ts';
import type { SlotBookmark } from './slot-bookmark.ts';

/**
 * Whether a slot continues where the bookmark ends. Pure. A server that was asked for an older position than it has silently starts at its own, so everything that would
 * lose changes is found here, before anything is read. The slot behind the bookmark is no gap: a job may die between its commit and the confirmation.
 */
export function slotGap(
  place: { readonly integration: string; readonly database: string },
  bookmark: SlotBookmark,
  slot: SlotState,
  end: LogEndPosition,
): ReplicationError | undefined {
  const details = { slot: slot.slot, database: place.database, integration: place.integration };
  if (bookmark.systemIdentifier !== null && end.systemIdentifier !== null && bookmark.systemIdentifier !== end.systemIdentifier) {
    return new ReplicationError('server-changed', details);
  }
  if (bookmark.slot !== slot.slot) return new ReplicationError('slot-changed', { ...details, known: bookmark.slot });
  if (slot.confirmedLsn !== null && slot.confirmedLsn > bookmark.lsn) {
    return new ReplicationError('slot-ahead', {
      ...details,
      confirmed: formatLsn(slot.confirmedLsn),
      bookmark: formatLsn(bookmark.lsn),
    });
  }
  // The end of the WAL cannot lie before what was read from it: the server was restored from a backup, or a standby was promoted that had not received it all.
  if (end.lsn < bookmark.lsn) {
    return new ReplicationError('server-went-back', {
      ...details,
      end: formatLsn(end.lsn),
      bookmark: formatLsn(bookmark.lsn),
    });
  }
  return undefined;
}
