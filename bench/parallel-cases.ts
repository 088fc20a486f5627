import { withServerCpu } from './bench-case.ts';
import type { BenchCase, BenchGroup, Sample, Target } from './bench-case.ts';
import { runEngine } from './engine-run.ts';
import type { EngineJob } from './engine-run.ts';
import { fillParallel, parallelRows } from './parallel-data.ts';
import type { ParallelRows } from './parallel-data.ts';
import { startReplayingSource } from './replay-source.ts';
import type { ReplayingSource } from './replay-source.ts';
import { createRunFolder, openBenchServer } from './server.ts';
import type { BenchServer } from './server.ts';

/** Several for each of eight connections, so that none is idle for long at the end. */
const RANGES = 32;
const UNPACED_CONNECTIONS = 4;
/** Of `n` times the speed of one connection; the rest is what a job does once. */
const WANTED_SHARE = 0.85;
/** Of the speed of one thread, where one core is the limit: two cores have the source to serve as well. */
const WANTED_OF_TWO_CORES = 1.2;
/** Of the speed of one thread, where compression on the pool keeps both cores busy already. */
const NO_SLOWER = 0.95;

/** What is measured of copies over several connections. */
export interface ParallelBench extends AsyncDisposable {
  readonly groups: readonly BenchGroup[];
}

interface CopiedTable {
  readonly name: string;
  readonly rows: number;
  readonly title: string;
  /** COPY text of one connection: eight of them need clearly less than two cores of ours. */
  readonly mbPerS: number;
  /** Its rows become JSON faster than one core compresses that. */
  readonly isFast: boolean;
  readonly connections: readonly number[];
  /** Cuts it into {@link RANGES}. */
  readonly rangeBytes: number;
}

interface Sources {
  readonly server: BenchServer;
  readonly replaying: ReplayingSource;
}

/** Opens the server with the tables, whose data `folder` keeps, and the source that replays it; a first job of each table is what that knows. */
export async function openParallel(folder: string, scale: number): Promise<ParallelBench> {
  const rows = parallelRows(scale);
  const server = await openBenchServer(folder, (fresh) => fillParallel(fresh, rows));
  try {
    const replaying = await startReplayingSource(server);
    const close = async (): Promise<void> => {
      await replaying[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    };
    try {
      return { groups: await groupsOf({ server, replaying }, rows), [Symbol.asyncDispose]: close };
    } catch (error) {
      await replaying[Symbol.asyncDispose]();
      throw error;
    }
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

async function groupsOf(sources: Sources, rows: ParallelRows): Promise<readonly BenchGroup[]> {
  const count = (of: number): string => of.toLocaleString('en');
  const tables = [
    {
      name: 'wide',
      rows: rows.wide,
      title: `${count(rows.wide)} rows of 22 columns`,
      mbPerS: 20,
      isFast: true,
      connections: [1, 2, 4, 8],
    },
    {
      name: 'by_field',
      rows: rows.byField,
      title: `${count(rows.byField)} rows whose values the kernel leaves to its host`,
      mbPerS: 10,
      isFast: false,
      connections: [1, 4, 8],
    },
  ];
  const groups: BenchGroup[] = [];
  for (const one of tables) {
    const table = { ...one, rangeBytes: await rangeBytesOf(sources.server, one.name) };
    // The job that the source remembers.
    await runCopy(sources, table, { connections: UNPACED_CONNECTIONS, compression: 'none' });
    groups.push(pacedGroup(sources, table));
    for (const compression of ['none', 'gzip'] as const) groups.push(unpacedGroup(sources, table, compression));
  }
  return groups;
}

function pacedGroup(sources: Sources, table: CopiedTable): BenchGroup {
  const nameOf = (connections: number): string => `${connections} connection${connections === 1 ? '' : 's'}`;
  const cases = table.connections.map((connections): BenchCase => {
    const targets: readonly Target[] = connections === 1 ? [] : [{ of: nameOf(1), atLeast: connections * WANTED_SHARE }];
    const run = (): Promise<Sample> => runReplayed(sources, table, { connections, compression: 'none', mbPerS: table.mbPerS });
    return { name: nameOf(connections), side: 'ours', targets, run };
  });
  return group(`Paced: ${table.title}, ${table.mbPerS} MB/s of COPY text a connection, no compression`, cases);
}

function unpacedGroup(sources: Sources, table: CopiedTable, compression: 'none' | 'gzip'): BenchGroup {
  const oneThread = 'cores: 1';
  const caseOf = (name: string, cores: number, targets: readonly Target[]): BenchCase => ({
    name,
    side: 'ours',
    targets,
    run: () => runReplayed(sources, table, { connections: UNPACED_CONNECTIONS, compression, cores, mbPerS: 0 }),
  });
  const atLeast = compression === 'gzip' && table.isFast ? NO_SLOWER : WANTED_OF_TWO_CORES;
  return group(
    `Unpaced: ${table.title}, ${UNPACED_CONNECTIONS} connections, ${compression === 'none' ? 'no compression' : 'gzip-1'}`,
    [caseOf(oneThread, 1, []), caseOf('cores: 2', 2, [{ of: oneThread, atLeast }])],
  );
}

function group(title: string, cases: readonly BenchCase[]): BenchGroup {
  return { title, cases, [Symbol.asyncDispose]: () => Promise.resolve() };
}

interface CopyJob extends Pick<EngineJob, 'compression' | 'cores'> {
  readonly connections: number;
}

/** One job from memory; what the replaying process spends is the server's. Throws where PostgreSQL was asked for rows after all. */
async function runReplayed(
  sources: Sources,
  table: CopiedTable,
  { mbPerS, ...job }: CopyJob & { readonly mbPerS: number },
): Promise<Sample> {
  const before = await sources.replaying.pace(mbPerS);
  const sample = await withServerCpu(sources.server, () => runCopy(sources, table, job));
  const after = await sources.replaying.facts();
  if (after.recorded !== before.recorded) throw new Error(`${table.name}: a COPY was not known from an earlier job`);
  return { ...sample, serverCpuS: sample.serverCpuS + after.cpuS - before.cpuS };
}

async function runCopy(
  { replaying }: Sources,
  { name, rows, rangeBytes }: CopiedTable,
  job: CopyJob,
): Promise<Omit<Sample, 'serverCpuS'>> {
  await using folder = await createRunFolder();
  const { connections, ...rest } = job;
  const lines = [
    `connections: ${connections}`,
    `rangeBytes: ${rangeBytes}`,
    `tables: [{ table: public.${name}, method: FULL_TABLE }]`,
  ];
  const outcome = await runEngine({ ...rest, server: replaying, folder: folder.path, jsonColumns: 'nested', lines });
  if (outcome.rows !== rows) throw new Error(`${name}: ${outcome.rows} rows in place of ${rows}`);
  return outcome;
}

async function rangeBytesOf(server: BenchServer, table: string): Promise<number> {
  const [size] = await server.query(`select pg_table_size('${table}') as bytes`);
  return Math.max(8_192, Math.ceil(Number(size?.['bytes']) / RANGES));
}
