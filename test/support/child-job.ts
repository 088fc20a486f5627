import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rename } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let bundle: Promise<string> | undefined;

/** The program `run-child.ts` in one file: a process of it starts in a fraction of a second. Built once per test process. */
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
      packages: 'external',
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
  /** From the moment that it was about to run the job. */
  readonly workedMs: number;
}

/** Runs one job in a process of its own; kills it by SIGKILL after so many milliseconds of work, or as soon as a condition holds, unless it was quicker. */
export async function runChildJob(configPath: string, kill?: number | (() => Promise<boolean>)): Promise<ChildOutcome> {
  const child = spawn(process.execPath, [await bundledChild(), configPath], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => (output += text));
  await Promise.race([once(child.stdout, 'data'), exited]);
  const startedAt = Date.now();
  const timer = typeof kill === 'number' ? setTimeout(() => child.kill('SIGKILL'), kill) : undefined;
  if (typeof kill === 'function') {
    while (child.exitCode === null && !(await kill())) await delay(20);
    child.kill('SIGKILL');
  }
  await exited;
  clearTimeout(timer);
  return { state: output.replace('started\n', '').trim(), workedMs: Date.now() - startedAt };
}
