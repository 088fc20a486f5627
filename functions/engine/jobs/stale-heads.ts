import { streamItems } from '../model/stream-state.ts';
import type { StreamState } from '../model/stream-state.ts';
import { rangesLeft } from '../plan/plan.ts';
import { claimHead } from './claim-head.ts';
import type { JobContext } from './job.ts';

/**
 * Removes heads of copies that nobody will go on with: those of ranges that are marked done, of versions that were given up, of reads that cannot be resumed.
 * Their commits are archived first. Claiming them shuts out whoever may still be frozen over them. Usually there is none: one read per job.
 */
export async function retireStaleHeads(context: JobContext, states: ReadonlyMap<string, StreamState>): Promise<void> {
  const live = new Set<string>();
  for (const state of states.values()) {
    if (state.copy === null) continue;
    const left = new Set([...rangesLeft(state.copy.done), state.copy.total - 1]);
    for (const range of left) live.add(streamItems.copyHead(state.stream, state.version, range));
  }
  const stale: string[] = [];
  for await (const head of context.ledger.heads('copy/')) {
    if (!live.has(head.id)) stale.push(head.id);
  }
  for (const id of stale) await context.lease.retire(await claimHead(context, id, 'start', {}));
}
