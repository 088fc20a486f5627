import { chown, cp, lstat, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openPostgresPackage, serverAccount, type PostgresPackage } from '../../functions/demo/postgres-package.ts';
import { initDataDirectory, startPostgres, type PostgresServer } from '../../functions/demo/postgres-server.ts';
import { packageDirectory, TEMPLATE_DIRECTORY } from './postgres-packages.ts';

/** Settings of every test server: logical decoding, prepared transactions, room for many tests at once, and no care for a crash of the machine. */
const TEST_SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'off',
  synchronous_commit: 'on',
  full_page_writes: 'off',
  wal_level: 'logical',
  max_connections: '200',
  max_prepared_transactions: '10',
  max_wal_senders: '20',
  max_replication_slots: '20',
  wal_sender_timeout: '60s',
  shared_buffers: '64MB',
  autovacuum_naptime: '10s',
  log_line_prefix: '%m [%p] %q%d %a ',
  log_statement: 'none',
};

/** A data directory of our own, ready to be started. */
export interface Cluster {
  readonly postgres: PostgresPackage;
  readonly directory: string;
  readonly dataDirectory: string;
  readonly logFile: string;
}

/** Makes a data directory below `runDirectory` from the template of this major, which is made on first use. */
export async function createCluster(major: number, runDirectory: string, signal: AbortSignal): Promise<Cluster> {
  const cluster = await prepareCluster(major, runDirectory);
  const template = await ensureTemplate(cluster.postgres, runDirectory, signal);
  await copyDataDirectory(template, cluster.dataDirectory);
  await giveToServer(cluster.directory);
  return cluster;
}

/** A cluster whose data directory does not exist yet. */
export async function prepareCluster(major: number, runDirectory: string): Promise<Cluster> {
  const source = packageDirectory(major);
  if (source === undefined) throw new Error(`PostgreSQL ${major} is not installed: run npm run test:matrix.`);
  const postgres = await openPostgresPackage(source);
  const directory = await mkdtemp(join(runDirectory, `${major}-`));
  await giveToServer(directory);
  return { postgres, directory, dataDirectory: join(directory, 'data'), logFile: join(directory, 'server.log') };
}

/** Starts a cluster; `conf` goes over the settings for tests. */
export async function startCluster(
  cluster: Cluster,
  conf: Readonly<Record<string, string>>,
  signal: AbortSignal,
  port?: number,
): Promise<PostgresServer> {
  const { postgres, dataDirectory, logFile } = cluster;
  return startPostgres({
    postgres,
    dataDirectory,
    logFile,
    settings: { ...TEST_SETTINGS, ...conf },
    signal,
    ...(port === undefined ? {} : { port }),
  });
}

/** Copies a data directory, also one that a server is writing to: what vanishes meanwhile is left out, as in PostgreSQL's own base backups. */
export async function copyDataDirectory(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.name === 'postmaster.pid' || entry.name === 'postmaster.opts') continue;
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyDataDirectory(source, target).catch(ifGone);
    else if (entry.isFile()) await cp(source, target).catch(ifGone);
  }
}

/** Hands a folder with all its content to the account of the server. */
export async function giveToServer(path: string): Promise<void> {
  const account = serverAccount();
  if (account === undefined) return;
  await chown(path, account.uid, account.gid);
  if (!(await lstat(path)).isDirectory()) return;
  await Promise.all((await readdir(path)).map((name) => giveToServer(join(path, name))));
}

async function ensureTemplate(postgres: PostgresPackage, runDirectory: string, signal: AbortSignal): Promise<string> {
  const template = join(TEMPLATE_DIRECTORY, `${process.platform}-${process.arch}-${postgres.version}`);
  if (await isComplete(template)) return template;
  const work = await mkdtemp(join(runDirectory, 'init-'));
  await giveToServer(work);
  await initDataDirectory(postgres, join(work, 'data'), signal);
  await mkdir(TEMPLATE_DIRECTORY, { recursive: true });
  const unfinished = await mkdtemp(join(TEMPLATE_DIRECTORY, 'unfinished-'));
  await copyDataDirectory(join(work, 'data'), join(unfinished, 'data'));
  await writeFile(join(unfinished, 'data', 'template-complete'), '');
  // Another run may have been first: theirs is as good.
  await rename(join(unfinished, 'data'), template).catch(() => undefined);
  await Promise.all([unfinished, work].map((path) => rm(path, { recursive: true, force: true })));
  return template;
}

async function isComplete(template: string): Promise<boolean> {
  return lstat(join(template, 'template-complete')).then(
    () => true,
    () => false,
  );
}

function ifGone(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}
