import { ReplicationError } from '../model/errors.ts';
import { parseStreamState, streamItems } from '../model/stream-state.ts';
import type { Json } from '../ledger/ledger.ts';
import { closeDeadJobs } from './close-dead-jobs.ts';
import type { Engine } from './engine.ts';
import { newJobId } from './job.ts';
import { recentJobs } from './recent-jobs.ts';
import { readStates } from './read-states.ts';

/**
 * Clears the bookmarks of streams (all of the integration if none is named): the next job copies them anew under a new table version, which supersedes all earlier rows
 * once it is complete. Takes the lease, so it never runs beside a job; never touches a slot, nor objects. Streams that were never replicated need no reset and are left out of the answer.
 * Throws `job-running`.
 */
export async function resetStreams(
  engine: Engine,
  streams: readonly string[] | 'all',
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { ledger, settings, clock, log } = engine;
  const job = newJobId(clock.now(), engine.random());
  const acquired = await ledger.acquire(job, settings.leaseTtlMs);
  if (acquired.state === 'busy')
    throw new ReplicationError('job-running', { integration: settings.integration, job: acquired.job });
  await using lease = acquired;
  try {
    // A job that died may hold commits that no report names yet: they are reported before their heads go.
    await closeDeadJobs(engine, lease, await recentJobs(engine), signal);
    const known = await readStates(engine);
    const wanted = streams === 'all' ? [...known.keys()] : streams.filter((stream) => known.has(stream));
    for (const stream of wanted) {
      signal.throwIfAborted();
      await ledger.updateDocument(streamItems.state(stream), (now) => {
        const state = parseStreamState(now);
        return state === undefined
          ? now
          : ({ ...state, copy: null, last: null, resetAt: clock.now().toISOString() } as unknown as Json);
      });
      await ledger.updateDocument(streamItems.ranges(stream), () => undefined);
      log.log('INFO', 'stream-reset', { stream });
    }
    return wanted;
  } finally {
    await lease.release();
  }
}
