import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rename } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Failpoint } from '../../functions/engine/runtime/failpoint-list.ts';
import { CHILD_ORDER } from './child-order.ts';
import type { ChildOrder } from './child-order.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let bundle: Promise<string> | undefined;

/** The program `run-child.ts` in one file, packages and all: a process of it starts in a fraction of a second. Built once per test process. */
function bundledChild(): Promise<string> {
  bundle ??= (async () => {
    const folder = `${ROOT}/.cache/test`;
    await mkdir(folder, { recursive: true });
    const path = `${folder}/run-child-${String(process.pid)}.mjs`;
    await build({
      entryPoints: [`${ROOT}/test/support/run-child.ts`],
      outfile: `${path}.tmp`,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      // Native parts that their packages do without.
      external: ['pg-native', 'cpu-features', '*.node'],
      banner: {
        js: `import{createRequire as __makeRequire}from'node:module';const require=__makeRequire(import.meta.url);const __filename=import.meta.filename;const __dirname=import.meta.dirname;`,
      },
      legalComments: 'none',
      logLevel: 'error',
    });
    await rename(`${path}.tmp`, path);
    return path;
  })();
  return bundle;
}

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
  const child = spawn(process.execPath, ['--no-deprecation', '--no-warnings', await bundledChild(), configPath], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, [CHILD_ORDER]: JSON.stringify(order) },
  });
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
