import { createNumbered, fillGrowth, NUMBERED, NUMBERED_ROWS } from './growth-data.ts';
import { runEngine } from './engine-run.ts';
import { createRunFolder, openBenchServer } from './server.ts';
import type { BenchServer } from './server.ts';
import { median } from './statistics.ts';

/** One measured size. */
export interface GrowthPoint {
  readonly series: 'data' | 'tables' | 'workers';
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

type Size = Pick<GrowthPoint, 'series' | 'tables' | 'rows' | 'workers'> & { readonly lines: readonly string[] };

/** Jobs over ten times the data, up to three thousand tables, and up to eight workers, in turns. gzip-1 into a folder, as in production but for the place. */
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
  const sizes = sizesOf(rows);
  const runs = new Map(sizes.map((size) => [size, [] as GrowthPoint[]]));
  for (let round = 0; round < rounds; round++) {
    for (const size of sizes) runs.get(size)?.push(await runSize(server, size));
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

function sizesOf(rows: { readonly small: number; readonly large: number }): readonly Size[] {
  const table = (name: string): string => `  - { table: public.${name}, method: FULL_TABLE }`;
  const one = (name: string): readonly string[] => ['connections: 1', 'rangeBytes: 1000 GiB', 'tables:', table(name)];
  // Sixteen ranges or so: each worker has several.
  const rangeBytes = Math.max(8_192, Math.round((rows.small * 450) / 16));
  return [
    { series: 'data', tables: 1, rows: rows.small, workers: 1, lines: one('wide_1x') },
    { series: 'data', tables: 1, rows: rows.large, workers: 1, lines: one('wide_10x') },
    ...[10, 100, 1_000, NUMBERED].map((tables): Size => {
      const names = Array.from({ length: tables }, (_, n) => table(`numbered_${n}`));
      return {
        series: 'tables',
        tables,
        rows: tables * NUMBERED_ROWS,
        workers: 4,
        lines: ['connections: 4', 'tables:', ...names],
      };
    }),
    ...[1, 2, 4, 8].map((workers): Size => {
      const lines = [`connections: ${workers}`, `rangeBytes: ${rangeBytes}`, 'tables:', table('wide_1x')];
      return { series: 'workers', tables: 1, rows: rows.small, workers, lines };
    }),
  ];
}

async function runSize(server: BenchServer, { series, tables, rows, workers, lines }: Size): Promise<GrowthPoint> {
  await using folder = await createRunFolder();
  const outcome = await runEngine({ server, folder: folder.path, compression: 'gzip', lines });
  if (outcome.rows !== rows) throw new Error(`${series}: ${outcome.rows} rows in place of ${rows}`);
  return { series, tables, rows, workers, wallS: outcome.wallS, clientCpuS: outcome.clientCpuS, peakMb: outcome.peakMb };
}
