import { join } from 'node:path';
import { createNumbered, fillGrowth, NUMBERED, NUMBERED_ROWS } from './growth-data.ts';
import type { EngineOutcome } from './engine-child.ts';
import { runEngine } from './engine-run.ts';
import { openGrowthLog } from './growth-log.ts';
import type { GrowthLog } from './growth-log.ts';
import { createRunFolder, openBenchServer } from './server.ts';
import type { BenchServer } from './server.ts';
import { median } from './statistics.ts';

/** One measured size. */
export interface GrowthPoint {
  readonly series: 'data' | 'tables' | 'workers' | 'log';
  readonly tables: number;
  readonly rows: number;
  readonly workers: number;
  /** Medians over rounds. */
  readonly wallS: number;
  readonly clientCpuS: number;
  /** The largest of all rounds. */
  readonly peakMb: number;
}

export interface GrowthResult {
  readonly points: readonly GrowthPoint[];
}

interface Size extends Pick<GrowthPoint, 'series' | 'tables' | 'rows' | 'workers'> {
  readonly run: () => Promise<EngineOutcome>;
}

/** Changes of each log. */
const LOGGED = 300_000;
/** How many tables they are in. */
const LOGGED_TABLES = [1, 100, 1_000] as const;

/**
 * Jobs over ten times the data, up to three thousand tables, up to eight workers, and the same number of changes in up to a thousand tables, in turns. gzip-1 into a folder, as in production
 * but for the place.
 */
export async function runGrowth(
  folder: string,
  { scale, rounds }: { readonly scale: number; readonly rounds: number },
  onPoint: (point: GrowthPoint) => void,
): Promise<GrowthResult> {
  const rows = { small: Math.max(1_000, Math.round(1_000_000 * scale)), large: Math.max(10_000, Math.round(10_000_000 * scale)) };
  await using server = await openBenchServer(folder, async (fresh) => {
    await fillGrowth(fresh, rows);
    await createNumbered(fresh);
  });
  await using logs = await openLogs(folder, Math.max(1_000, Math.round(LOGGED * scale)));
  const sizes = [...copySizes(server, rows), ...logs.all.map(logSize)];
  const runs = new Map(sizes.map((size) => [size, [] as EngineOutcome[]]));
  for (let round = 0; round < rounds; round++) {
    for (const size of sizes) runs.get(size)?.push(await runSize(size));
  }
  const points = sizes.map((size): GrowthPoint => {
    const all = runs.get(size) ?? [];
    const { series, tables, rows: expected, workers } = size;
    const point = {
      ...{ series, tables, rows: expected, workers },
      wallS: median(all.map(({ wallS }) => wallS)),
      clientCpuS: median(all.map(({ clientCpuS }) => clientCpuS)),
      peakMb: Math.max(...all.map(({ peakMb }) => peakMb)),
    };
    onPoint(point);
    return point;
  });
  return { points };
}

function copySizes(server: BenchServer, rows: { readonly small: number; readonly large: number }): readonly Size[] {
  const table = (name: string): string => `  - { table: public.${name}, method: FULL_TABLE }`;
  const copy = (lines: readonly string[]) => (): Promise<EngineOutcome> => runCopy(server, lines);
  const one = (name: string): (() => Promise<EngineOutcome>) =>
    copy(['connections: 1', 'rangeBytes: 1000 GiB', 'tables:', table(name)]);
  // Sixteen ranges or so: each worker has several.
  const rangeBytes = Math.max(8_192, Math.round((rows.small * 450) / 16));
  return [
    { series: 'data', tables: 1, rows: rows.small, workers: 1, run: one('wide_1x') },
    { series: 'data', tables: 1, rows: rows.large, workers: 1, run: one('wide_10x') },
    ...[10, 100, 1_000, NUMBERED].map((tables): Size => {
      const names = Array.from({ length: tables }, (_, n) => table(`numbered_${n}`));
      const run = copy(['connections: 4', 'tables:', ...names]);
      return { series: 'tables', tables, rows: tables * NUMBERED_ROWS, workers: 4, run };
    }),
    ...[1, 2, 4, 8].map((workers): Size => {
      const run = copy([`connections: ${workers}`, `rangeBytes: ${rangeBytes}`, 'tables:', table('wide_1x')]);
      return { series: 'workers', tables: 1, rows: rows.small, workers, run };
    }),
  ];
}

function logSize(log: GrowthLog): Size {
  return { series: 'log', tables: log.tables, rows: log.changes, workers: 1, run: () => log.run() };
}

async function openLogs(folder: string, changes: number): Promise<AsyncDisposable & { readonly all: readonly GrowthLog[] }> {
  const all: GrowthLog[] = [];
  const close = async (): Promise<void> => {
    for (const log of all) await log[Symbol.asyncDispose]();
  };
  try {
    for (const tables of LOGGED_TABLES) all.push(await openGrowthLog(join(folder, `log-${tables}`), { tables, changes }));
  } catch (error) {
    await close();
    throw error;
  }
  return { all, [Symbol.asyncDispose]: close };
}

async function runCopy(server: BenchServer, lines: readonly string[]): Promise<EngineOutcome> {
  await using folder = await createRunFolder();
  return await runEngine({ server, folder: folder.path, compression: 'gzip', lines });
}

async function runSize({ series, rows, run }: Size): Promise<EngineOutcome> {
  const outcome = await run();
  if (outcome.rows !== rows) throw new Error(`${series}: ${outcome.rows} rows in place of ${rows}`);
  return outcome;
}
