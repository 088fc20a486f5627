import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';

/** `USER_HZ` of Linux, the same on all of its platforms. */
const TICKS_PER_SECOND = 100;
const SAMPLE_MS = 20;

/** Seconds of `/proc/<pid>/stat`'s ticks. */
export function ticksToSeconds(ticks: number): number {
  return ticks / TICKS_PER_SECOND;
}

/** What one run of something cost. */
export interface RunCost {
  readonly wallS: number;
  readonly clientCpuS: number;
  readonly peakMb: number;
}

/**
 * Runs a shell pipeline and measures it: wall and CPU time of all its processes as bash's `time` has them, resident memory of the largest as sampled. Throws an Error with its
 * standard error where it fails.
 */
export async function measureShell(pipeline: string): Promise<RunCost> {
  const script = `set -o pipefail; TIMEFORMAT='@ %R %U %S'; time { ${pipeline}; }`;
  const child = spawn('bash', ['-c', script], { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (chunk: string) => (text += chunk));
  let peakMb = 0;
  const timer = setInterval(() => {
    void residentMb(child.pid).then((mb) => (peakMb = Math.max(peakMb, mb)));
  }, SAMPLE_MS);
  const [code] = (await once(child, 'close')) as [number | null];
  clearInterval(timer);
  const times = /@ ([\d.]+) ([\d.]+) ([\d.]+)/.exec(text);
  if (code !== 0 || times === null) throw new Error(`${pipeline}: ${text.trim()}`);
  const [wallS, user, system] = times.slice(1).map(Number);
  return { wallS: wallS ?? 0, clientCpuS: (user ?? 0) + (system ?? 0), peakMb };
}

/** Of the largest process below `pid`. */
async function residentMb(pid: number | undefined): Promise<number> {
  if (pid === undefined) return 0;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const below = await Promise.all(
    children
      .split(' ')
      .filter((child) => child !== '')
      .map((child) => residentMb(Number(child))),
  );
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.max(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024, ...below);
}
