import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const PEAK = pathToFileURL(join(import.meta.dirname, 'print-peak-memory.mjs')).href;

/** Arguments of node that run `backstitch`: the sources as they are. */
export const SOURCE_CLI: readonly string[] = ['--import', 'tsx', 'bin/cli.ts'];
/** What `npm run build` made of them. */
export const BUILT_CLI: readonly string[] = ['dist/bin/cli.js'];

export interface CliOptions {
  /** Arguments of node. @default SOURCE_CLI */
  readonly program?: readonly string[];
  /** Beside PATH and the like; nothing else of our environment is passed on. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How a command ended. */
export interface CliOutcome {
  /** Null after a signal that the process did not handle. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** Highest resident memory; 0 if the process was killed. */
  readonly peakBytes: number;
}

/** A command that runs: its process, and how it ends. */
export interface RunningCli {
  readonly child: ChildProcess;
  /** What it has written to standard error so far. */
  said(): string;
  readonly ended: Promise<CliOutcome>;
}

/** Runs `backstitch <args>` as a process of its own, to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliOutcome> {
  return (await startCli(args, options)).ended;
}

/** Starts `backstitch <args>` as a process of its own. */
export async function startCli(
  args: readonly string[],
  { program = SOURCE_CLI, env = {} }: CliOptions = {},
): Promise<RunningCli> {
  const folder = await mkdtemp(join(tmpdir(), 'backstitch-peak-'));
  const peakFile = join(folder, 'peak');
  const child = spawn(process.execPath, ['--import', PEAK, ...program, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited(), ...env, BACKSTITCH_PEAK_FILE: peakFile },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  const finish = async (): Promise<CliOutcome> => {
    const [out, [code]] = (await Promise.all([text(child.stdout), once(child, 'close')])) as [string, [number | null]];
    const peakKiB = await readFile(peakFile, 'utf8').catch(() => '0');
    await rm(folder, { recursive: true });
    return { code, out, err: said, peakBytes: Number(peakKiB) * 1024 };
  };
  return { child, said: () => said, ended: finish() };
}

/** What a process needs to start; no credentials, no settings of PostgreSQL or AWS. */
function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'SystemRoot'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}
