import type { Catalog } from '../model/catalog.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Sink } from '../sink/sink.ts';
import type { Source } from '../source/source.ts';
import type { JobSettings, JobStream } from './job.ts';
import type { ProgressListener } from './progress.ts';
import type { ErrorReport, ReplicationError } from '../model/errors.ts';
import type { WorkerThreads } from './worker-threads.ts';

/** What the configuration selects from a catalog. */
export interface SelectedStreams {
  readonly streams: readonly Omit<JobStream, 'known'>[];
  readonly skipped: readonly { readonly stream: string; readonly reason: string }[];
  /** What is wrong with the configuration, by stream where it is about one. */
  readonly problems: readonly { readonly stream: string | null; readonly error: ReplicationError }[];
  readonly warnings: readonly string[];
}

/** What of a selection goes into the job's report. */
export interface SelectionFacts extends Pick<SelectedStreams, 'skipped' | 'warnings'> {
  readonly problems: readonly { readonly stream: string | null; readonly error: ErrorReport }[];
}

/** Everything that jobs of one integration need from outside. Built in one place per way of running. */
export interface Engine {
  readonly settings: JobSettings;
  readonly ledger: Ledger;
  readonly sink: Sink;
  /** A source for one job; the job disposes of it. */
  readonly openSource: (job: string) => Promise<Source>;
  readonly select: (catalog: Catalog) => SelectedStreams;
  readonly clock: Clock;
  readonly log: Logger;
  readonly progress: ProgressListener;
  /** In `[0, 1)`, for job ids. */
  readonly random: () => number;
  /** Absent: all workers of a job run in the thread that it began in. */
  readonly threads?: WorkerThreads;
}
