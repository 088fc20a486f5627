import type { Logger } from '../runtime/logger.ts';
import type { Budget, JobSettings, JobStream } from './job.ts';
import type { PressureGate } from './pressure-gate.ts';
import type { ProgressListener } from './progress.ts';

/** Threads of this process that workers can run in, where one core would be their limit. */
export interface WorkerThreads {
  /** Cores that threads can run on, this one's included. */
  readonly cores: number;
  /** A thread is worth it with so much to read, in bytes on the source's disk. */
  readonly bytesPerThread: number;
  /**
   * Runs workers of a job in a thread of its own, with connections of its own to source, sink and ledger, until nothing is left for them or the budget says stop.
   * `not-started`: there can be no such thread here, and nothing was done. Throws what `runWorker` throws, and `worker-died`.
   */
  run(work: ThreadWork, budget: Budget): Promise<'ended' | 'not-started'>;
}

/** What a thread needs to work for a job that began elsewhere in its process. */
export interface ThreadWork {
  readonly job: string;
  /** Names of its workers. */
  readonly workers: readonly string[];
  readonly settings: JobSettings;
  readonly streams: ReadonlyMap<string, JobStream>;
  readonly log: Logger;
  readonly progress: ProgressListener;
  /** Of the whole job: it stays where it is, and workers in threads ask it from there. */
  readonly pressure?: PressureGate;
}
