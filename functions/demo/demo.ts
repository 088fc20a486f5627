import { relative } from 'node:path';
import pg from 'pg';
import type { DemoOutcome, DemoRequest, OpenWorkspace, Workspace } from '../cli/workspace.ts';
import type { LoadingReport, TableReport } from '../engine/model/report.ts';
import { PASSWORD_VARIABLE, selectBySize, SHOP_SELECTION, writeDemoConfig } from './demo-config.ts';
import { openDemoFolder, type DemoFolder } from './demo-folder.ts';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { changeShop, createShop } from './shop.ts';
import { parseSourceUrl } from './source-url.ts';

/** How a demo opens what it shows; the environment holds the password of the source. */
export interface DemoParts {
  readonly openWorkspace: (
    request: Parameters<OpenWorkspace>[0] & { readonly env: Readonly<Record<string, string | undefined>> },
  ) => Promise<Workspace>;
}

/** A first look at one's own database copies no more than this. */
const SOURCE_LIMITS = { bytes: 2 ** 30, tables: 200 } as const;
const SHOP = { name: 'shop', database: 'shop', reader: 'backstitch' } as const;

/**
 * Shows a whole life of an integration in one folder: with a sample shop on an embedded server (first job, an hour of changes, second job), or with a first job
 * on the user's own database, which is only read. Throws `demo-unavailable`, `demo-folder-taken`, `demo-source-invalid`, and what jobs throw.
 */
export async function runDemo(request: DemoRequest, parts: DemoParts = { openWorkspace }): Promise<DemoOutcome> {
  // A wrong address is told before a folder is emptied for it.
  const source = request.source === undefined ? undefined : parseSourceUrl(request.source);
  const folder = await openDemoFolder(request.directory);
  const reports =
    source === undefined ? await showShop(request, parts, folder) : await showSource(request, parts, folder, source);
  return { reports, output: folder.output, configPath: folder.configPath, lookInto: lookInto(folder, reports) };
}

async function showShop(request: DemoRequest, parts: DemoParts, folder: DemoFolder): Promise<readonly LoadingReport[]> {
  const { say, stop, abort } = request;
  const isEnded = (): boolean => stop.aborted || abort.aborted;
  await using server = await startEmbeddedPostgres({ directory: folder.postgres, say, signal: stop });
  const { host, port, user } = server;
  await withClient({ host, port, user, database: 'postgres' }, (client) => client.query(`create database ${SHOP.database}`));
  say('Filling a sample shop with about 375,000 rows ...');
  const address = { host, port, user, database: SHOP.database };
  await withClient(address, (client) => createShop(client, SHOP.reader));
  const source = {
    host,
    port,
    database: SHOP.database,
    user: SHOP.reader,
    password: undefined,
    ssl: { mode: 'disable' },
  } as const;
  await writeDemoConfig(folder, { name: SHOP.name, source, tables: SHOP_SELECTION, includeSchemaInTableName: false });
  await using workspace = await parts.openWorkspace({ configPath: folder.configPath, env: {} });
  if (isEnded()) return [];

  say('First job: everything is copied.');
  const first = await runJob(workspace, SHOP.name, request);
  if (isEnded()) return first;

  say('A busy hour in the shop:');
  const changes = await withClient(address, changeShop);
  for (const { what, rows } of changes) say(`  ${rows === 0 ? '' : `${rows} `}${what}`);
  say(
    'Second job: orders and events give what is new by their keys, payments what its log has; the other tables are copied again, as FULL_TABLE does.',
  );
  return [...first, ...(await runJob(workspace, SHOP.name, request))];
}

async function showSource(
  request: DemoRequest,
  parts: DemoParts,
  folder: DemoFolder,
  source: ReturnType<typeof parseSourceUrl>,
): Promise<readonly LoadingReport[]> {
  const { say, stop } = request;
  const env = source.password === undefined ? {} : { [PASSWORD_VARIABLE]: source.password };
  const name = 'demo';
  await writeDemoConfig(folder, { name, source, tables: [], includeSchemaInTableName: true });
  say(`Looking at what "${source.user}" may read in ${source.database} at ${source.host}:${source.port} ...`);
  const found = await useWorkspace(parts, folder, env, (workspace) => workspace.discover(name, stop));
  const { tables, totalBytes, leftOut } = selectBySize(found.catalog, SOURCE_LIMITS);
  say(`${tables.length} tables with ${megabytes(totalBytes)} are copied by FULL_TABLE; the database is only read.`);
  if (leftOut.length > 0)
    say(`Left out, as beyond ${megabytes(SOURCE_LIMITS.bytes)} or ${SOURCE_LIMITS.tables} tables: ${listOf(leftOut)}.`);
  await writeDemoConfig(folder, { name, source, tables, includeSchemaInTableName: true });
  if (source.password !== undefined)
    say(`The password is in no file: set ${PASSWORD_VARIABLE} to run further jobs with this configuration.`);
  if (tables.length === 0 || stop.aborted) return [];
  return useWorkspace(parts, folder, env, (workspace) => runJob(workspace, name, request));
}

async function useWorkspace<T>(
  parts: DemoParts,
  folder: DemoFolder,
  env: Readonly<Record<string, string>>,
  use: (workspace: Workspace) => Promise<T>,
): Promise<T> {
  await using workspace = await parts.openWorkspace({ configPath: folder.configPath, env });
  return await use(workspace);
}

/** The folder was emptied just now: nothing can be paused there, and if somebody else runs a job in it, theirs is not our report. */
async function runJob(
  workspace: Workspace,
  name: string,
  { progress, stop, abort }: DemoRequest,
): Promise<readonly LoadingReport[]> {
  const outcome = await workspace.run(name, { trigger: 'manual', progress, stop, abort });
  return outcome.state === 'finished' ? [outcome.report] : [];
}

async function withClient<T>(settings: pg.ClientConfig, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...settings, application_name: 'backstitch demo' });
  // Without a listener a server that ends would end this process; the query in flight fails anyway.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** Three commands on the files of the table that shows most: one that any system has, one with jq, and the SQL that makes the newest state of every row. */
function lookInto({ output }: DemoFolder, reports: readonly LoadingReport[]): readonly string[] {
  const last = reports.at(-1);
  const table = last?.tables
    .filter(({ objects }) => objects.length > 0)
    .toSorted((a, b) => shows(b) - shows(a) || b.rows - a.rows)[0];
  if (last === undefined || table === undefined) return [];
  const place = `${relative(process.cwd(), output)}/${last.integration}/${table.destinationTable}`;
  const files = `${shellQuote(place)}/*/*.jsonl.gz`;
  const keys = table.primaryKeys.map((key) => `"${key.replaceAll('"', '""')}"`).join(', ');
  const newest = keys === '' ? '' : ` qualify row_number() over (partition by ${keys} order by _sdc_sequence desc) = 1`;
  const sql = `select * from read_json('${place.replaceAll("'", "''")}/*/*.jsonl.gz', union_by_name = true) where _sdc_table_version = ${table.activeVersion ?? table.tableVersion}${newest}`;
  return [
    `zcat ${files} | head -3`,
    `zcat ${files} | jq -c 'del(._sdc_received_at, ._sdc_batched_at)' | tail -3`,
    `duckdb -c ${shellQuote(sql)}`,
  ];
}

/** Most is seen where a second job adds to what the first one wrote, and rows can be told apart. */
function shows({ method, primaryKeys }: TableReport): number {
  return (method === 'INCREMENTAL' ? 2 : 0) + (primaryKeys.length > 0 ? 1 : 0);
}

/** Double quotes where quotes are needed: the SQL has single ones. */
function shellQuote(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `"${text.replaceAll(/[\\"$`]/g, '\\$&')}"`;
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

function listOf(names: readonly string[]): string {
  return names.length > 10 ? `${names.slice(0, 10).join(', ')} and ${names.length - 10} more` : names.join(', ');
}

/** Loaded when needed: a wrong folder or address is told without waiting for the engine. */
async function openWorkspace(request: Parameters<DemoParts['openWorkspace']>[0]): Promise<Workspace> {
  return (await import('../local.ts')).openLocal(request);
}
