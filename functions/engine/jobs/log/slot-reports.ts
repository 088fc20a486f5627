import type { SlotReport } from '../../model/report.ts';
import { errorReport } from '../../model/errors.ts';
import type { ErrorCode } from '../../model/errors.ts';
import type { Head, Ledger } from '../../ledger/ledger.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Source } from '../../source/source.ts';
import { headPlace } from '../head-place.ts';
import { parseSlotBookmark } from './slot-bookmark.ts';
import type { SlotBookmark } from './slot-bookmark.ts';

/** What a look at a slot that an integration reads from came to. */
export type SlotLook = {
  readonly database: string;
  readonly slot: string;
  /** Seconds since the log was last read to its end, or as far as it was; null if it never was. */
  readonly behindSeconds: number | null;
} & (
  | { readonly state: 'seen'; readonly report: SlotReport }
  /** The database is there, but not the slot. */
  | { readonly state: 'missing' }
  | { readonly state: 'unseen'; readonly code: ErrorCode }
);

interface LookFrom {
  readonly ledger: Ledger;
  readonly source: Source;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How the slots of an integration stand now: what they hold back, and how far the bookmark is behind. A server that does not answer is left out: a look at it fails no job. */
export async function slotReports(of: LookFrom, signal: AbortSignal): Promise<readonly SlotReport[]> {
  const looks = await lookAtSlots(of, signal);
  return looks.flatMap((look) => (look.state === 'seen' ? [look.report] : []));
}

/** Looks at every slot that the ledger has a bookmark of, one after the other with one connection. Throws for the ledger only. */
export async function lookAtSlots(of: LookFrom, signal: AbortSignal): Promise<readonly SlotLook[]> {
  const heads: Head[] = [];
  for await (const head of of.ledger.heads('slot/')) heads.push(head);
  const looks: SlotLook[] = [];
  for (const head of heads) {
    const place = headPlace(head.id);
    const bookmark = parseSlotBookmark(head.bookmark);
    if (place?.kind !== 'slot' || bookmark === undefined) continue;
    const { database } = place;
    const seen = await lookAtSlot(of, { database, bookmark, behindSeconds: secondsSince(head, of.clock.now()) }, signal);
    looks.push(seen);
  }
  return looks;
}

async function lookAtSlot(
  { source, log }: LookFrom,
  at: { readonly database: string; readonly bookmark: SlotBookmark; readonly behindSeconds: number | null },
  signal: AbortSignal,
): Promise<SlotLook> {
  const { database, bookmark, behindSeconds } = at;
  const known = { database, slot: bookmark.slot, behindSeconds };
  try {
    await using session = await source.logSession(database, signal);
    const report = await session.slotReport(bookmark.slot, bookmark.lsn, signal);
    return report === undefined
      ? { ...known, state: 'missing' }
      : { ...known, state: 'seen', report: { ...report, behindSeconds } };
  } catch (error) {
    const { code } = errorReport(error);
    log.log('WARNING', 'slot-not-seen', { database, code });
    return { ...known, state: 'unseen', code };
  }
}

/** Since the log was last read to its end, or as far as it was; null if it never was. */
function secondsSince(head: Head, now: Date): number | null {
  const at = head.lastCommit?.at;
  return at === undefined ? null : Math.max(0, Math.round((now.getTime() - Date.parse(at)) / 1000));
}
