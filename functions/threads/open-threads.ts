import { Worker } from 'node:worker_threads';
import type { Config, IntegrationConfig } from '../engine/config/config.ts';
import type { Budget } from '../engine/jobs/job.ts';
import type { ThreadWork, WorkerThreads } from '../engine/jobs/worker-threads.ts';
import { ReplicationError } from '../engine/model/errors.ts';
import { withCopiedSecrets } from './copied-secrets.ts';
import { receivedFailure } from './failures.ts';
import type { FromThread, ThreadStart, ToThread } from './messages.ts';
import { ServedGate } from './served-gate.ts';

/** Starting a thread takes a quarter of a second of CPU time and some 40 MB of memory. */
const BYTES_PER_THREAD = 64 * 1024 * 1024;

/** What threads of jobs of one integration begin with. */
export interface ThreadsOptions {
  /** The module that threads run: `entry.ts` of this folder, built. */
  readonly entry: URL;
  readonly cores: number;
  /** Of the source's disk, for each thread. @default 64 MiB */
  readonly bytesPerThread?: number;
  readonly config: Config;
  readonly integration: IntegrationConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Threads for the workers of jobs. Nothing is started before there is work for it. */
export function openThreads(options: ThreadsOptions): WorkerThreads {
  const { cores, bytesPerThread = BYTES_PER_THREAD } = options;
  return { cores, bytesPerThread, run: (work, budget) => runInThread(options, work, budget) };
}

type ThreadEnd = { readonly kind: 'ended' } | { readonly kind: 'not-started'; readonly error: unknown };

async function runInThread(options: ThreadsOptions, work: ThreadWork, budget: Budget): Promise<'ended' | 'not-started'> {
  const { log } = work;
  let thread: Worker;
  try {
    thread = new Worker(options.entry, {
      workerData: startOf(options, work),
      name: 'backstitch',
      // What Node and the SDKs have to remark they say in the thread of the job.
      execArgv: [...process.execArgv, '--no-warnings'],
    });
  } catch (error) {
    return notStarted(work, error);
  }
  const send = (message: ToThread): void => thread.postMessage(message);
  using gate = work.pressure && new ServedGate(work.pressure, work.workers, send);
  using _stop = whenAborted(budget.stop, () => send({ kind: 'stop' }));
  using _abort = whenAborted(budget.abort, () => send({ kind: 'abort' }));
  try {
    const end = await new Promise<ThreadEnd>((resolve, reject) => {
      let isStarted = false;
      // An error is followed by the exit: the first of them tells.
      const died = (error: unknown): void => {
        if (isStarted) reject(new ReplicationError('worker-died', { job: work.job }, { cause: error }));
        else resolve({ kind: 'not-started', error });
      };
      thread.on('error', died);
      thread.on('exit', (code) => died(new Error(`the thread ended with code ${String(code)}`)));
      thread.on('message', (message: FromThread) => {
        switch (message.kind) {
          case 'started':
            isStarted = true;
            log.log('INFO', 'thread-started', { workers: work.workers.join(', ') });
            break;
          case 'progress':
            work.progress(message.event);
            break;
          case 'log':
            log.log(message.level, message.event, message.fields);
            break;
          case 'ended':
            resolve({ kind: 'ended' });
            break;
          case 'failed':
            reject(receivedFailure(message.error));
            break;
          default:
            gate?.receive(message);
        }
      });
    });
    return end.kind === 'ended' ? end.kind : notStarted(work, end.error);
  } finally {
    // It has closed what it opened; one that is broken cannot.
    await thread.terminate();
  }
}

function notStarted({ log }: ThreadWork, error: unknown): 'not-started' {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'none';
  log.log('WARNING', 'thread-not-started', { code });
  return 'not-started';
}

function startOf({ config, integration, env }: ThreadsOptions, work: ThreadWork): ThreadStart {
  const { integrations: _, ...rest } = config;
  const { job, workers, settings, streams, pressure } = work;
  return {
    config: rest,
    integration: withCopiedSecrets(integration),
    env: { ...env },
    job,
    workers,
    settings,
    streams,
    gate: pressure === undefined ? 'open' : 'asked',
  };
}

function whenAborted(signal: AbortSignal, act: () => void): Disposable {
  if (signal.aborted) act();
  else signal.addEventListener('abort', act, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', act) };
}
