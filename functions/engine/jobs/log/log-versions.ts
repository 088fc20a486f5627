import { parseStreamState, streamItems } from '../../model/stream-state.ts';
import type { StreamState } from '../../model/stream-state.ts';
import type { Json } from '../../ledger/ledger.ts';
import type { JobContext, JobStream } from '../job.ts';
import type { SlotBookmark } from './slot-bookmark.ts';

/** The table version that each stream's log rows are written under, and whether a copy of it goes on. */
export function logVersions(
  streams: readonly JobStream[],
  bookmark: SlotBookmark,
): Map<string, { version: number; isCopying: boolean }> {
  return new Map(
    streams.map((stream) => {
      const version = stream.known?.version ?? 0;
      const truncated = bookmark.truncated[stream.id] ?? 0;
      const isCopying = stream.known?.activeVersion !== version;
      return [stream.id, truncated > version ? { version: truncated, isCopying: false } : { version, isCopying }];
    }),
  );
}

/**
 * Makes versions that a TRUNCATE began the active ones. The bookmark that has them is committed first; killed before this, the next job does it. A copy of what was
 * truncated is over: the table begins empty, and the log has everything since. Idempotent.
 */
export async function applyTruncates(
  context: Pick<JobContext, 'ledger' | 'log'>,
  truncated: SlotBookmark['truncated'],
): Promise<void> {
  for (const [stream, version] of Object.entries(truncated)) {
    await context.ledger.updateDocument(streamItems.state(stream), (now) => {
      const state = parseStreamState(now);
      if (state === undefined || state.version >= version) return now;
      const next: StreamState = { ...state, version, activeVersion: version, copy: null };
      return next as unknown as Json;
    });
    context.log.log('INFO', 'table-truncated', { stream, version });
  }
}
