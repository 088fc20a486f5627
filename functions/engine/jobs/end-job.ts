import type { ErrorReport } from '../model/errors.ts';
import type { LoadingReport, SlotReport } from '../model/report.ts';
import type { WorkList } from '../ledger/ledger.ts';
import type { Engine, SelectionFacts } from './engine.ts';
import { finishJob } from './finish-job.ts';
import type { JobContext } from './job.ts';

/** A job that began and was not closed yet, in the hands of whoever works for it now. */
export interface OpenJob {
  readonly context: Pick<JobContext, 'lease' | 'log' | 'streams'>;
  readonly work: WorkList;
  readonly selection: SelectionFacts;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly trigger: string;
}

/**
 * Closes a job whose workers have ended, wherever they ran: looks at its slots, writes its report and gives the lease up. `error` is what ended it. `lookAtSlots` is not called after an
 * error, nor where no stream is read from the log; it must not throw, since a report is written in any case.
 */
export async function endJob(
  engine: Engine,
  job: OpenJob,
  end: {
    readonly error: ErrorReport | null;
    readonly stopped: boolean;
    readonly lookAtSlots: () => Promise<readonly SlotReport[]>;
  },
): Promise<LoadingReport> {
  const { context, work } = job;
  const { error, stopped, lookAtSlots } = end;
  const { open, held } = error === null ? await work.progress() : { open: 1, held: 0 };
  const slots = error !== null || !readsLog(context.streams) ? [] : await lookAtSlots();
  return finishJob({ ...engine, log: context.log }, context.lease, {
    trigger: job.trigger,
    startedAt: job.startedAt,
    error,
    slots,
    selection: job.selection,
    streams: context.streams,
    allDone: open === 0 && held === 0,
    stopped,
  });
}

function readsLog(streams: JobContext['streams']): boolean {
  return [...streams.values()].some((stream) => stream.method === 'LOG_BASED');
}
