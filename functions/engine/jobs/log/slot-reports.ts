import type { SlotReport } from '../../model/report.ts';
import { errorReport } from '../../model/errors.ts';
import type { Head, Ledger } from '../../ledger/ledger.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Source } from '../../source/source.ts';
import { headPlace } from '../head-place.ts';
import { parseSlotBookmark } from './slot-bookmark.ts';

/** How the slots of an integration stand now: what they hold back, and how far the bookmark is behind. A server that does not answer is left out: a look at it fails no job. */
export async function slotReports(
  of: { readonly ledger: Ledger; readonly source: Source; readonly clock: Clock; readonly log: Logger },
  signal: AbortSignal,
): Promise<readonly SlotReport[]> {
  const heads: Head[] = [];
  for await (const head of of.ledger.heads('slot/')) heads.push(head);
  const reports: SlotReport[] = [];
  for (const head of heads) {
    const place = headPlace(head.id);
    const bookmark = parseSlotBookmark(head.bookmark);
    if (place?.kind !== 'slot' || bookmark === undefined) continue;
    try {
      await using session = await of.source.logSession(place.database, signal);
      const report = await session.slotReport(bookmark.slot, bookmark.lsn, signal);
      if (report !== undefined) reports.push({ ...report, behindSeconds: secondsSince(head, of.clock.now()) });
    } catch (error) {
      of.log.log('WARNING', 'slot-not-seen', { database: place.database, code: errorReport(error).code });
    }
  }
  return reports;
}

/** Since the log was last read to its end, or as far as it was; null if it never was. */
function secondsSince(head: Head, now: Date): number | null {
  const at = head.lastCommit?.at;
  return at === undefined ? null : Math.max(0, Math.round((now.getTime() - Date.parse(at)) / 1000));
}
