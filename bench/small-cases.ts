import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundle } from '../scripts/bundle.mjs';
import type { BenchGroup } from './bench-case.ts';
import { withServerCpu } from './bench-case.ts';
import { node24, runEngine } from './engine-run.ts';
import { createRunFolder, openBenchServer } from './server.ts';
import { median } from './statistics.ts';

const STREAMS = 500;
/** Of engine time, for a job that finds nothing new. */
const MOST_IDLE_S = 2;
const HANDLERS = ['plan', 'work', 'report', 'watch'] as const;

/** Jobs over 500 key-based streams that have nothing new. `folder` keeps the data, and the state of the job that read everything. */
export async function openIdle(folder: string): Promise<BenchGroup> {
  const state = join(folder, 'idle-state');
  const lines = [
    'connections: 4',
    'tables:',
    ...Array.from({ length: STREAMS }, (_, n) => `  - { table: public.keyed_${n}, method: INCREMENTAL, replicationKey: at }`),
  ];
  const server = await openBenchServer(folder, async (fresh) => {
    await fresh.query(`
      do $$ begin
        for t in 0 .. ${STREAMS - 1} loop
          execute format('create table keyed_%s (id bigint primary key, at timestamptz not null)', t);
          execute format('insert into keyed_%s select n, ''2024-01-01''::timestamptz + n * interval ''1 second'' from generate_series(1, 20) n', t);
          execute format('create index on keyed_%s (at)', t);
        end loop;
      end $$`);
    await using run = await createRunFolder();
    await runEngine({ server: fresh, folder: run.path, compression: 'none', lines });
    await cp(join(run.path, 'state'), state, { recursive: true });
    // What the first job threw away is for the job after it to remove, once, not for all that find nothing.
    await rm(join(state, '.tmp'), { recursive: true, force: true });
  });
  return {
    title: `Nothing to do: ${STREAMS} key-based streams`,
    cases: [
      {
        name: 'ours',
        side: 'ours',
        targets: [],
        run: async () => {
          await using run = await createRunFolder();
          const job = { server, folder: run.path, compression: 'none', lines, state } as const;
          const sample = await withServerCpu(server, () => runEngine(job));
          if (sample.rows !== 0) throw new Error(`${sample.rows} rows in place of none`);
          const note = `${sample.wallS.toFixed(2)} s of engine time, ${sample.startupS.toFixed(2)} s to load the program`;
          return sample.wallS < MOST_IDLE_S ? { ...sample, note } : { ...sample, note, missed: note };
        },
      },
    ],
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** How long a function's Node takes to load its part of the bundle, in milliseconds from the start of the process, median of `rounds`. Undefined without that Node. */
export async function importTimes(rounds: number): Promise<ReadonlyMap<string, number> | undefined> {
  const node = await node24();
  if (node === undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'backstitch-bench-bundle-'));
  try {
    await bundle(folder);
    const script = `await import(${JSON.stringify(join(folder, 'index.mjs'))}); console.log(performance.now());`;
    const times = new Map<string, number>();
    for (const handler of HANDLERS) {
      const measured: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const { stdout } = await promisify(execFile)(node, ['--input-type=module', '-e', script], {
          env: { ...process.env, _HANDLER: `index.${handler}` },
        });
        measured.push(Number(stdout));
      }
      times.set(handler, median(measured));
    }
    return times;
  } finally {
    await rm(folder, { recursive: true });
  }
}
