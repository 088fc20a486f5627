import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Failpoint } from '../../functions/engine/runtime/failpoint-list.ts';
import { bundled } from './bundle.ts';
import { CHILD_ORDER, CHILD_THREAD } from './child-order.ts';
import type { ChildOrder } from './child-order.ts';

export interface ChildOutcome {
  /** State of the report, `busy`, or empty if it was killed before its end. */
  readonly state: string;
  /** Code of the job's error; null without one, or when it was killed. */
  readonly error: string | null;
  /** Whether SIGKILL ended it, its own or its parent's. */
  readonly isKilled: boolean;
  /** How often it came by each failpoint; empty when it was killed. */
  readonly hits: Readonly<Partial<Record<Failpoint, number>>>;
  /** From the moment that it was about to run the job. */
  readonly workedMs: number;
}

/** A process that runs one job. */
export interface ChildJob {
  /** Resolves when it stands still at the failpoint of its order, or with its outcome if it never came there. */
  readonly stopped: Promise<'stopped' | ChildOutcome>;
  readonly outcome: Promise<ChildOutcome>;
  /** Resolves when it is about to run its job, or has ended. */
  readonly started: Promise<void>;
  readonly exitCode: () => number | null;
  signal(name: 'SIGKILL' | 'SIGCONT'): void;
}

/** Starts a job in a process of its own, under an order. */
export async function startChildJob(configPath: string, order: ChildOrder = {}): Promise<ChildJob> {
  const child = spawn(
    process.execPath,
    ['--no-deprecation', '--no-warnings', await bundled('test/support/run-child.ts'), configPath],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, [CHILD_ORDER]: JSON.stringify(order), ...(await threadEnv(order)) },
    },
  );
  const exited = once(child, 'close');
  let output = '';
  let startedAt = Date.now();
  child.stdout.setEncoding('utf8');
  const said = (word: string): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (output.includes(`${word}\n`)) resolve();
      };
      child.stdout.on('data', look);
      look();
    });
  child.stdout.on('data', (text: string) => (output += text));
  const started = Promise.race([said('started').then(() => void (startedAt = Date.now())), exited.then(() => undefined)]);
  const outcome = exited.then((): ChildOutcome => {
    const last = output.split('\n').find((line) => line.startsWith('{'));
    const end = JSON.parse(last ?? '{"state":"","error":null,"hits":{}}') as Pick<ChildOutcome, 'state' | 'error' | 'hits'>;
    return { ...end, isKilled: child.signalCode === 'SIGKILL', workedMs: Date.now() - startedAt };
  });
  return {
    started,
    outcome,
    stopped: Promise.race([said('stopped').then(() => 'stopped' as const), outcome]),
    exitCode: () => child.exitCode,
    signal: (name) => void child.kill(name),
  };
}

async function threadEnv({ threads }: ChildOrder): Promise<Readonly<Record<string, string>>> {
  return threads === undefined ? {} : { [CHILD_THREAD]: await bundled('test/support/run-child-thread.ts') };
}

/** Runs one job in a process of its own; kills it by SIGKILL after so many milliseconds of work, or as soon as a condition holds, unless it was quicker. */
export async function runChildJob(
  configPath: string,
  kill?: number | (() => Promise<boolean>),
  order: ChildOrder = {},
): Promise<ChildOutcome> {
  const child = await startChildJob(configPath, order);
  await child.started;
  const timer = typeof kill === 'number' ? setTimeout(() => child.signal('SIGKILL'), kill) : undefined;
  if (typeof kill === 'function') {
    while (child.exitCode() === null && !(await kill())) await delay(20);
    child.signal('SIGKILL');
  }
  const outcome = await child.outcome;
  clearTimeout(timer);
  return outcome;
}
