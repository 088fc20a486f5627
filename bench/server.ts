import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { openPostgresPackage } from '../functions/demo/postgres-package.ts';
import type { PostgresServer } from '../functions/demo/postgres-server.ts';
import { createCluster, giveToServer, startCluster } from '../test/support/postgres-cluster.ts';
import type { Cluster } from '../test/support/postgres-cluster.ts';
import { packageDirectory } from '../test/support/postgres-packages.ts';
import { ticksToSeconds } from './process-facts.ts';

/** The version that the limits were first measured with, and that wal2json is installed for. */
export const MAJOR = 15;
export const DATABASE = 'bench';

/** Settings as of a server that was tuned a little, over those of the tests; nothing that only helps us. */
const SETTINGS = {
  shared_buffers: '512MB',
  max_wal_size: '16GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
  log_min_messages: 'error',
} as const;

const POLL_MS = 10;
const SETTLE_MS = 5_000;

/** A server of the benchmark, with its data. Disposing it stops it; the data stay for the next run. */
export interface BenchServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  query(sql: string): Promise<readonly Readonly<Record<string, string | null>>[]>;
  /** CPU seconds of the postmaster and all processes that it ever had. */
  cpuSeconds(): Promise<number>;
}

/**
 * Starts the server whose data are kept in `folder`. Without them it makes a cluster and calls `fill`, whose end marks the data as complete: what an interrupted run left is
 * made anew.
 */
export async function openBenchServer(folder: string, fill: (server: BenchServer) => Promise<void>): Promise<BenchServer> {
  const marker = join(folder, 'complete');
  const isComplete = await access(marker).then(
    () => true,
    () => false,
  );
  if (!isComplete) await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const server = await start(isComplete ? await existing(folder) : await createCluster(MAJOR, folder, never));
  if (isComplete) return server;
  try {
    await onDatabase(server, 'postgres', `create database ${DATABASE}`);
    await fill(server);
    await server.query('checkpoint');
    await writeFile(marker, '');
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

const never = new AbortController().signal;

async function existing(folder: string): Promise<Cluster> {
  const source = packageDirectory(MAJOR);
  const name = (await readdir(folder)).find((entry) => entry.startsWith(`${MAJOR}-`));
  if (source === undefined || name === undefined) throw new Error(`${folder} has no data of PostgreSQL ${MAJOR}`);
  const directory = join(folder, name);
  await removeStalePid(join(directory, 'data'));
  return {
    postgres: await openPostgresPackage(source),
    directory,
    dataDirectory: join(directory, 'data'),
    logFile: join(directory, 'server.log'),
  };
}

/** A server whose file is gone shuts itself down: only that of one that is gone itself may go. Another process may have its number by now. */
async function removeStalePid(dataDirectory: string): Promise<void> {
  const file = join(dataDirectory, 'postmaster.pid');
  const [pid = ''] = (await textOf(file)).split('\n');
  const command = await textOf(`/proc/${pid}/cmdline`);
  if (pid !== '' && command.includes(dataDirectory)) throw new Error(`${dataDirectory} is used by another run, process ${pid}`);
  await rm(file, { force: true });
}

async function start(cluster: Cluster): Promise<BenchServer> {
  await giveToServer(cluster.directory);
  const server: PostgresServer = await startCluster(cluster, SETTINGS, never);
  return {
    host: server.host,
    port: server.port,
    query: (sql) => onDatabase(server, DATABASE, sql),
    cpuSeconds: () => settledCpuSeconds(server.pid),
    [Symbol.asyncDispose]: () => server.stop('fast'),
  };
}

async function onDatabase(
  { host, port }: Pick<BenchServer, 'host' | 'port'>,
  database: string,
  sql: string,
): Promise<readonly Readonly<Record<string, string | null>>[]> {
  const client = new pg.Client({ host, port, user: 'postgres', database, types: { getTypeParser: () => String } });
  await client.connect();
  try {
    const result: unknown = await client.query(sql);
    const last: unknown = Array.isArray(result) ? result.at(-1) : result;
    return (last as pg.QueryResult<Record<string, string | null>>).rows;
  } finally {
    await client.end();
  }
}

/** Waits for sessions that are ending: between their end and its parent's notice, what a session spent is in nobody's account. */
async function settledCpuSeconds(postmaster: number): Promise<number> {
  const deadline = Date.now() + SETTLE_MS;
  for (;;) {
    const processes = await processesOf(postmaster);
    // One that ended while we looked is in no account that we have seen.
    const isUnsettled = processes.some(
      ({ pid, title, state }) => pid !== postmaster && (state === 'ended' || title.includes('127.0.0.1(')),
    );
    if (!isUnsettled || Date.now() > deadline) return ticksToSeconds(processes.reduce((sum, { ticks }) => sum + ticks, 0));
    await delay(POLL_MS);
  }
}

interface ServerProcess {
  readonly pid: number;
  readonly title: string;
  readonly state: 'there' | 'ended';
  /** Of the postmaster with what its ended children had. */
  readonly ticks: number;
}

async function processesOf(postmaster: number): Promise<readonly ServerProcess[]> {
  const children = (await textOf(`/proc/${postmaster}/task/${postmaster}/children`)).split(' ').filter((pid) => pid !== '');
  const found: ServerProcess[] = [];
  for (const pid of [postmaster, ...children.map(Number)]) {
    const stat = await textOf(`/proc/${pid}/stat`);
    // The program's name is in parentheses and may have blanks: fields are counted behind it, from the third on.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const ticks = sumOf(fields.slice(11, pid === postmaster ? 15 : 13));
    const title = await textOf(`/proc/${pid}/cmdline`);
    found.push({ pid, title, state: stat === '' || title === '' ? 'ended' : 'there', ticks: stat === '' ? 0 : ticks });
  }
  return found;
}

/** Empty for a file that is not there, as of a process that has ended. */
function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** A folder for what one run writes, in memory where the system has a file system there: the disk of a shared machine is no measure. */
export async function createRunFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const root = await access('/dev/shm').then(
    () => '/dev/shm',
    () => tmpdir(),
  );
  const path = await mkdtemp(join(root, 'backstitch-bench-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
