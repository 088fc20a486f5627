import { ReplicationError } from '../../model/errors.ts';
import { formatLsn } from '../../model/lsn.ts';
import type { LogEndPosition, LogSession, TimelineTrace } from '../../source/log-session.ts';
import type { SlotState } from '../../source/log.ts';
import type { SlotBookmark } from './slot-bookmark.ts';
import { slotGap } from './slot-gap.ts';

/** Whether a bookmark still holds, and the timeline that it is of from now on. */
export interface GapFindings {
  readonly gap: ReplicationError | undefined;
  readonly timeline: number | null;
}

/**
 * All that {@link slotGap} sees, and whether a server on another timeline went through the bookmark. A replica that had not received everything when it was promoted, and has
 * written since, may be beyond the bookmark in other changes than those that were read: no position shows that, only its history.
 */
export async function findGap(
  session: LogSession,
  place: { readonly integration: string; readonly database: string },
  at: { readonly bookmark: SlotBookmark; readonly slot: SlotState; readonly end: LogEndPosition },
  signal: AbortSignal,
): Promise<GapFindings> {
  const { bookmark, slot, end } = at;
  const gap = slotGap(place, bookmark, slot, end);
  if (gap !== undefined) return { gap, timeline: end.timeline };
  if (bookmark.timeline === null || end.timeline === null || bookmark.timeline === end.timeline)
    return { gap: undefined, timeline: bookmark.timeline ?? end.timeline };
  const trace = await session.traceTimeline(bookmark.timeline, signal);
  const reason = whyNot(trace, bookmark);
  if (reason === undefined) return { gap: undefined, timeline: trace.state === 'untold' ? end.timeline : trace.now };
  const details = { ...place, slot: slot.slot, bookmark: formatLsn(bookmark.lsn), timeline: bookmark.timeline, reason };
  return { gap: new ReplicationError('timeline-changed', details), timeline: end.timeline };
}

/** Why a history does not go through a bookmark; undefined if it does. Pure. */
export function whyNot(trace: TimelineTrace, { lsn }: Pick<SlotBookmark, 'lsn'>): string | undefined {
  switch (trace.state) {
    case 'same':
      return undefined;
    case 'left':
      return trace.at >= lsn ? undefined : `it left at ${formatLsn(trace.at)}, before the bookmark`;
    case 'elsewhere':
      return 'its history was never on';
    case 'untold':
      return `it may have left before the bookmark: it does not tell its history (${trace.reason})`;
  }
}
