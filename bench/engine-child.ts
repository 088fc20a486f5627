// A process that runs one job and says what it cost: node engine-child.mjs <configuration>
import { readFile } from 'node:fs/promises';
import { resourceUsage } from 'node:process';
import { pathToFileURL } from 'node:url';
import { openLocal } from '../functions/local.ts';
import type { RunCost } from './process-facts.ts';

/** What the child writes as its only line. */
export interface EngineOutcome extends RunCost {
  readonly state: string;
  /** First error of the report. */
  readonly error: string;
  readonly rows: number;
  readonly jsonMb: number;
  readonly storedMb: number;
  /** From the start of the process until the job began: loading the program. */
  readonly startupS: number;
}

const [configPath = ''] = process.argv.slice(2);
const { BACKSTITCH_BENCH_CORES: cores, BACKSTITCH_BENCH_THREAD: thread } = process.env;
const never = new AbortController().signal;
// Part of the loaded program, as it is where a function has begun: the command line loads it with the first job that needs it.
if ((await readFile(configPath, 'utf8')).includes("url: 's3://")) {
  await Promise.all([import('../functions/engine/sink/s3/s3-sink.ts'), import('../functions/engine/sink/s3/s3-client.ts')]);
}
const startupS = process.uptime();
const before = cpuSeconds();
const startedAt = performance.now();
await using workspace = await openLocal({
  configPath,
  env: process.env,
  ...(cores === undefined ? {} : { cores: Number(cores) }),
  ...(thread === undefined ? {} : { threadEntry: pathToFileURL(thread) }),
});
const outcome = await workspace.run('bench', { trigger: 'manual', progress: () => undefined, stop: never, abort: never });
const wallS = (performance.now() - startedAt) / 1000;
const tables = outcome.state === 'finished' ? outcome.report.tables : [];
const sum = (of: (table: (typeof tables)[number]) => number): number => tables.reduce((total, table) => total + of(table), 0);
const result: EngineOutcome = {
  state: outcome.state === 'finished' ? outcome.report.state : outcome.state,
  error: outcome.state === 'finished' ? JSON.stringify([outcome.report.error, ...tables.map((table) => table.error)]) : '',
  rows: sum((table) => table.rows),
  jsonMb: sum((table) => table.jsonBytes) / 1e6,
  storedMb: sum((table) => table.bytes) / 1e6,
  wallS,
  startupS,
  clientCpuS: cpuSeconds() - before,
  peakMb: resourceUsage().maxRSS / 1024,
};
process.stdout.write(`${JSON.stringify(result)}\n`);

function cpuSeconds(): number {
  const { userCPUTime, systemCPUTime } = resourceUsage();
  return (userCPUTime + systemCPUTime) / 1e6;
}
