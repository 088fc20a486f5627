import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { withServerCpu } from './bench-case.ts';
import type { BenchCase, BenchGroup, Sample, Target } from './bench-case.ts';
import { addNewRows, fillTables } from './data.ts';
import type { Sizes } from './data.ts';
import { node24, runEngine } from './engine-run.ts';
import type { EngineJob } from './engine-run.ts';
import { measureShell } from './process-facts.ts';
import { createRunFolder, DATABASE, openBenchServer } from './server.ts';
import type { BenchServer } from './server.ts';

/** One connection, one read: what a limit of one connection can be compared with. */
export const ONE_READ = ['connections: 1', 'rangeBytes: 1000 GiB'] as const;

/** What is measured of tables. */
export interface TableBench extends AsyncDisposable {
  readonly server: BenchServer;
  readonly groups: readonly BenchGroup[];
}

/** Opens the server with the tables, and the cases: `folder` keeps its data. */
export async function openTables(folder: string, sizes: Sizes): Promise<TableBench> {
  const keyedState = join(folder, 'keyed-state');
  const server = await openBenchServer(folder, async (fresh) => {
    await fillTables(fresh, sizes);
    await using run = await createRunFolder();
    await runEngine(engineOn(fresh, run.path, 'none', keyedLines));
    await cp(join(run.path, 'state'), keyedState, { recursive: true });
    await addNewRows(fresh, sizes);
  });
  const zstdNode = await node24();
  const [first] = await server.query(
    `select (max(updated_at))::text as seen from keyed where id <= ${sizes.keyedRows - sizes.newRows}`,
  );
  const groups = [
    wideGroup(server, sizes, zstdNode),
    narrowGroup(server, sizes),
    keyedGroup(server, sizes, { state: keyedState, seen: first?.['seen'] ?? '' }),
  ];
  return { server, groups, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const keyedLines = [...ONE_READ, 'tables: [{ table: public.keyed, method: INCREMENTAL, replicationKey: updated_at }]'];

function wideGroup(server: BenchServer, { wideRows }: Sizes, zstdNode: string | undefined): BenchGroup {
  const rows = wideRows;
  const copy = 'psql COPY';
  const json = 'psql row_to_json';
  const jsonGzip = 'psql row_to_json | gzip -1';
  const lines = [...ONE_READ, 'tables: [{ table: public.wide, method: FULL_TABLE }]'];
  const ours = (name: string, job: Partial<EngineJob>, targets: readonly Target[]): BenchCase =>
    engineCase(server, { name, rows, targets, job: { compression: 'none', lines, ...job } });
  return {
    title: `Full table, ${rows.toLocaleString('en')} rows of 22 columns`,
    cases: [
      psqlCase(server, { name: copy, rows, sql: 'copy wide to stdout' }),
      psqlCase(server, { name: json, rows, sql: 'copy (select row_to_json(t) from wide t) to stdout' }),
      psqlCase(server, { name: jsonGzip, rows, sql: 'copy (select row_to_json(t) from wide t) to stdout', then: 'gzip -1' }),
      ours('ours, no compression', {}, [
        { of: copy, atLeast: 0.9 },
        { of: json, atLeast: 2.2 },
      ]),
      ours('ours, gzip-1', { compression: 'gzip' }, [
        { of: copy, atLeast: 0.5 },
        { of: jsonGzip, atLeast: 1.3 },
      ]),
      ...(zstdNode === undefined
        ? []
        : [
            ours('ours, zstd-1, Node 24', { compression: 'zstd', node: zstdNode }, [{ of: copy, atLeast: 0.8 }]),
            ours('ours, no compression, Node 24', { node: zstdNode }, [{ of: copy, atLeast: 0.9 }]),
          ]),
    ],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function narrowGroup(server: BenchServer, { narrowRows }: Sizes): BenchGroup {
  const lines = [...ONE_READ, 'tables: [{ table: public.narrow, method: FULL_TABLE }]'];
  return {
    title: `Narrow table, ${narrowRows.toLocaleString('en')} rows of 4 columns`,
    cases: [
      psqlCase(server, { name: 'psql COPY', rows: narrowRows, sql: 'copy narrow to stdout' }),
      engineCase(server, {
        name: 'ours, no compression',
        rows: narrowRows,
        targets: [{ of: 'psql COPY', atLeast: 1 }],
        job: { compression: 'none', lines },
      }),
    ],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function keyedGroup(
  server: BenchServer,
  { newRows }: Sizes,
  { state, seen }: { readonly state: string; readonly seen: string },
): BenchGroup {
  const sql = `copy (select * from keyed where updated_at > '${seen}') to stdout`;
  return {
    title: `Key-based, ${newRows.toLocaleString('en')} new rows`,
    cases: [
      psqlCase(server, { name: 'psql COPY of the same rows', rows: newRows, sql }),
      engineCase(server, {
        name: 'ours, no compression',
        rows: newRows,
        targets: [{ of: 'psql COPY of the same rows', atLeast: 0.85 }],
        job: { compression: 'none', lines: keyedLines, state },
      }),
    ],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function psqlCase(
  server: BenchServer,
  { name, rows, sql, then }: { readonly name: string; readonly rows: number; readonly sql: string; readonly then?: string },
): BenchCase {
  const psql = `psql -X -q -h ${server.host} -p ${server.port} -U postgres -d ${DATABASE} -c "${sql}"`;
  const pipeline = `${psql}${then === undefined ? '' : ` | ${then}`} > /dev/null`;
  return {
    name,
    side: 'limit',
    targets: [],
    run: async () => ({ ...(await withServerCpu(server, () => measureShell(pipeline))), rows, jsonMb: 0 }),
  };
}

/** A job of ours in a folder of its own that is gone afterwards. Throws where it does not write `rows` rows. */
export function engineCase(
  server: BenchServer,
  {
    name,
    rows,
    targets,
    job,
  }: {
    readonly name: string;
    readonly rows: number;
    readonly targets: readonly Target[];
    readonly job: Omit<EngineJob, 'server' | 'folder'>;
  },
): BenchCase {
  const run = async (): Promise<Sample> => {
    await using folder = await createRunFolder();
    const outcome = await withServerCpu(server, () => runEngine({ ...job, server, folder: folder.path }));
    // A look-back reads the last row again.
    if (outcome.rows < rows || outcome.rows > rows * 1.001 + 1)
      throw new Error(`${name}: ${outcome.rows} rows in place of ${rows}`);
    return outcome;
  };
  return { name, side: 'ours', targets, run };
}

function engineOn(
  server: BenchServer,
  folder: string,
  compression: EngineJob['compression'],
  lines: readonly string[],
): EngineJob {
  return { server, folder, compression, lines };
}
