import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { LoadingReport } from '../../../functions/engine/model/report.ts';
import { runCli } from '../support/run-cli.ts';
import { buildDatabase, databaseBytes } from './build-database.ts';
import { compareWithDuckDb } from './duckdb-check.ts';
import { compareInPostgres, preparePostgresCheck } from './postgres-check.ts';
import type { Difference } from './postgres-check.ts';
import { quoted, scaleTables } from './scale-tables.ts';
import type { ScaleTable } from './scale-tables.ts';

export interface ScaleCheckOptions {
  /** An empty database of a superuser without a password. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly major: number;
  /** The database is filled until it has so many bytes on disk. */
  readonly bytes: number;
  /** An empty folder for configuration, objects and state. */
  readonly folder: string;
  /** Arguments of node that run the command line, see `SOURCE_CLI`. */
  readonly program: readonly string[];
  /** Further lines of the integration. */
  readonly settings?: readonly string[];
  readonly say: (line: string) => void;
}

/** What a run over a database of that size came to. */
export interface ScaleResult {
  readonly databaseBytes: number;
  readonly report: LoadingReport;
  /** Wall time of the whole command, from its start to its exit. */
  readonly seconds: number;
  readonly peakBytes: number;
  readonly differences: readonly Difference[];
}

/**
 * Fills a database with every type that the project knows, replicates it by `backstitch run` in a process of its own, and compares what came out with the source in two
 * independent ways: DuckDB reads the objects, and PostgreSQL reads them back into values of its own types. Throws when the run itself fails.
 */
export async function scaleCheck(options: ScaleCheckOptions): Promise<ScaleResult> {
  const { host, port, database, major, bytes, say } = options;
  const tables = scaleTables(major);
  const client = new pg.Client({ host, port, database, user: 'postgres', application_name: 'test' });
  await client.connect();
  try {
    await buildDatabase(client, tables, { major, bytes, say });
    const size = await databaseBytes(client);
    say(`the database has ${(size / 1e6).toFixed(0)} MB; replicating`);
    const run = await replicate(options, tables);
    say(`replicated in ${run.seconds.toFixed(1)} s; comparing`);
    return { databaseBytes: size, ...run, differences: await compareAll(client, tables, { ...options, report: run.report }) };
  } finally {
    await client.end();
  }
}

async function replicate(
  options: ScaleCheckOptions,
  tables: readonly ScaleTable[],
): Promise<Pick<ScaleResult, 'report' | 'seconds' | 'peakBytes'>> {
  const { host, port, database, folder, program, settings = [] } = options;
  await mkdir(folder, { recursive: true });
  const config = join(folder, 'backstitch.yaml');
  const lines = [
    'destination: { url: file:./out }',
    'state: { url: file:./state }',
    'integrations:',
    '  - name: scale',
    `    connection: { host: ${host}, port: ${String(port)}, database: ${database}, databases: [${database}], user: postgres, ssl: { mode: disable } }`,
    ...settings.map((line) => `    ${line}`),
    '    tables:',
    ...tables.map((table) => `      - { table: ${JSON.stringify(`public.${quoted(table.name)}`)}, ${table.config} }`),
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  const startedAt = performance.now();
  const outcome = await runCli(['run', '--config', config, '--json'], { program });
  const seconds = (performance.now() - startedAt) / 1000;
  if (outcome.code !== 0) throw new Error(`backstitch run ended with ${String(outcome.code)}:\n${outcome.out}${outcome.err}`);
  const { report } = JSON.parse(outcome.out) as { readonly report: LoadingReport };
  return { report, seconds, peakBytes: outcome.peakBytes };
}

async function compareAll(
  client: pg.Client,
  tables: readonly ScaleTable[],
  { folder, report, say }: ScaleCheckOptions & { readonly report: LoadingReport },
): Promise<readonly Difference[]> {
  await preparePostgresCheck(client);
  const differences: Difference[] = [];
  for (const table of tables) {
    const loaded = report.tables.find((reported) => reported.table === table.name);
    if (loaded?.state !== 'complete' || loaded.rows !== loaded.rowsRead) {
      differences.push({ what: `${table.name}: not complete`, count: 1 });
      continue;
    }
    const files = loaded.objects.map(({ key }) => join(folder, 'out', key));
    const found = [...(await compareWithDuckDb(client, table, files)), ...(await compareInPostgres(client, table, files))];
    say(`${table.name}: ${String(loaded.rows)} rows, ${String(found.length)} differences`);
    differences.push(...found);
  }
  return differences;
}
