import { streamItems } from '../../model/stream-state.ts';
import type { StreamState } from '../../model/stream-state.ts';
import type { StreamPlan } from '../../plan/plan.ts';
import type { Json } from '../../ledger/ledger.ts';
import { parseStreamState } from '../../model/stream-state.ts';
import type { JobContext, JobStream } from '../job.ts';
import { identityOf, updateState } from '../stream-store.ts';
import { applyTruncates } from './log-versions.ts';
import { parseSlotBookmark } from './slot-bookmark.ts';

/**
 * Gives fresh copies of log-based streams their version before anything is read: their log rows are delivered under it from now on, beside the copy.
 * Returns the streams with their new states.
 */
export async function beginLogCopies(
  context: JobContext,
  plans: readonly StreamPlan[],
  copySequence: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, JobStream>> {
  const streams = new Map(context.streams);
  for (const plan of plans) {
    const stream = streams.get(plan.stream);
    if (plan.kind !== 'start-copy' || stream?.method !== 'LOG_BASED') continue;
    const logFrom = copySequence.get(stream.table.name.database) ?? null;
    const known = await updateState(context, stream, (state) => ({
      ...state,
      ...identityOf(stream),
      version: plan.version,
      copy: null,
      resetAt: null,
      logFrom,
    }));
    streams.set(stream.id, { ...stream, known });
  }
  return streams;
}

/** Carries out what an earlier job committed to but did not get to: versions that a TRUNCATE began. */
export async function reconcileTruncates(context: Pick<JobContext, 'ledger' | 'log'>): Promise<void> {
  for await (const head of context.ledger.heads('slot/')) {
    await applyTruncates(context, parseSlotBookmark(head.bookmark)?.truncated ?? {});
  }
}

/**
 * A log-based stream that is not selected now misses what its slot delivers meanwhile: if it is ever selected again, it is copied anew.
 */
export async function forgetDeselected(
  context: Pick<JobContext, 'ledger' | 'log' | 'clock'>,
  states: ReadonlyMap<string, StreamState>,
  selected: ReadonlySet<string>,
): Promise<void> {
  const at = context.clock.now().toISOString();
  for (const state of states.values()) {
    if (state.method !== 'LOG_BASED' || state.resetAt !== null || selected.has(state.stream)) continue;
    await context.ledger.updateDocument(streamItems.state(state.stream), (now) => {
      const current = parseStreamState(now);
      return current === undefined ? now : ({ ...current, copy: null, resetAt: at } as unknown as Json);
    });
    context.log.log('INFO', 'stream-deselected', { stream: state.stream });
  }
}
