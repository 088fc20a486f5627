import type { JobContext } from './job.ts';

/** How often a running job looks whether it was asked to stop. */
const POLL_MS = 2_000;

/** Aborts `stop` when someone asks this job to stop through the ledger. Failing to look is no failure of the job: the next look may succeed. */
export function watchStopRequest(
  context: Pick<JobContext, 'ledger' | 'lease' | 'clock' | 'log'>,
  stop: AbortController,
): AsyncDisposable {
  const ended = new AbortController();
  const watching = (async (): Promise<void> => {
    while (!ended.signal.aborted) {
      try {
        await context.clock.sleep(POLL_MS, ended.signal);
        const { stopRequested } = await context.ledger.control();
        if (stopRequested !== context.lease.job) continue;
        context.log.log('INFO', 'stop-requested', {});
        stop.abort(new DOMException('The job was asked to stop', 'AbortError'));
        return;
      } catch {
        continue;
      }
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      ended.abort();
      await watching;
    },
  };
}
