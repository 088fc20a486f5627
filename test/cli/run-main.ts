import { EventEmitter } from 'node:events';
import { main } from '../../functions/cli/main.ts';
import type { MainOptions } from '../../functions/cli/main.ts';
import type { SignalSource } from '../../functions/cli/signals.ts';
import type { CreateSshKey, RunDemo, StartExecution, Workspace } from '../../functions/cli/workspace.ts';
import type { Clock } from '../../functions/engine/runtime/clock.ts';
import { fakeConsole } from './fake-console.ts';
import type { FakeConsoleOptions } from './fake-console.ts';
import { fakeWorkspace } from './fake-workspace.ts';

export interface MainResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Standard output, a JSON document a line. */
  readonly documents: readonly unknown[];
  readonly questions: readonly string[];
  /** Configuration files that were opened. */
  readonly opened: readonly string[];
}

export interface RunMainOptions extends FakeConsoleOptions {
  readonly workspace?: Workspace;
  readonly openWorkspace?: MainOptions['openWorkspace'];
  readonly runDemo?: RunDemo;
  readonly createSshKey?: CreateSshKey;
  readonly startExecution?: StartExecution;
  readonly signals?: SignalSource;
  readonly clock?: Clock;
}

/** Runs the command line in this process, as `backstitch <args>`. */
export async function runMain(args: readonly string[], options: RunMainOptions = {}): Promise<MainResult> {
  const console = fakeConsole(options);
  const opened: string[] = [];
  const code = await main(args, {
    version: '1.2.3',
    console,
    signals: options.signals ?? new EventEmitter(),
    clock: options.clock ?? stillClock(),
    openWorkspace: async (request) => {
      opened.push(request.configPath);
      return options.openWorkspace?.(request) ?? options.workspace ?? fakeWorkspace();
    },
    startExecution: options.startExecution ?? (() => Promise.reject(new Error('no execution in this test'))),
    createSshKey: options.createSshKey ?? (() => Promise.reject(new Error('no key in this test'))),
    runDemo: options.runDemo ?? (() => Promise.reject(new Error('no demo in this test'))),
  });
  const { out, err } = console.written;
  return {
    code,
    out,
    err,
    questions: console.questions,
    opened,
    get documents() {
      return out
        .split('\n')
        .filter((line) => line !== '')
        .map((line): unknown => JSON.parse(line));
    },
  };
}

/** A clock that stands still; waits end only when they are aborted. */
export function stillClock(at = '2026-11-22T09:00:00Z'): Clock {
  return {
    now: () => new Date(at),
    sleep: (_ms, signal) =>
      new Promise((_resolve, reject) => {
        if (signal?.aborted === true) reject(signal.reason as Error);
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      }),
  };
}
