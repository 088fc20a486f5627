import { execFile } from 'node:child_process';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import type { PostgresServer, StopMode } from '../../functions/demo/postgres-server.ts';
import {
  copyDataDirectory,
  createCluster,
  giveToServer,
  prepareCluster,
  startCluster,
  type Cluster,
} from './postgres-cluster.ts';
import {
  createDatabaseOn,
  eventually,
  onServer,
  type DatabaseOptions,
  type ServerAddress,
  type TestDatabase,
} from './test-database.ts';

/** What a private server is started with. */
export interface ServerOptions {
  /** Settings of postgresql.conf, over those that all test servers have. */
  readonly conf?: Readonly<Record<string, string>>;
  /** Lines of pg_hba.conf instead of `all` being trusted from 127.0.0.1; the local superuser `postgres` without TLS stays trusted for the test's own sessions. */
  readonly hba?: readonly string[];
  /** PEM texts of the server's certificate and key, and of the authority that client certificates must come from. */
  readonly ssl?: { readonly certificate: string; readonly key: string; readonly clientCa?: string };
  /** `trusted` (default): the superuser `postgres` needs no password, for the helpers of this object. `as-given`: only `hba` counts, and helpers may fail. */
  readonly superuser?: 'trusted' | 'as-given';
}

/** A server that one test has for itself. Disposing it stops it and removes its data. */
export interface TestServer extends ServerAddress, AsyncDisposable {
  readonly major: number;
  readonly dataDirectory: string;
  createDatabase(options?: DatabaseOptions): Promise<TestDatabase>;
  /** Starts it again after `stop`, on the same port. */
  start(): Promise<void>;
  /** `immediate` is a crash: sessions are cut off and recovery runs at the next start. */
  stop(mode?: StopMode): Promise<void>;
  restart(mode?: StopMode): Promise<void>;
  /** Replaces settings given at the start; takes effect at the next start. */
  configure(conf: Readonly<Record<string, string>>): void;
  /** The server's log from its first start. */
  log(): Promise<string>;
}

/** Starts a server of its own for one test, about half a second. */
export async function startServer(major: number, options: ServerOptions = {}): Promise<TestServer> {
  const cluster = await createCluster(major, inject('postgres').runDirectory, new AbortController().signal);
  const { dataDirectory } = cluster;
  const ssl = options.ssl === undefined ? {} : await installCertificates(dataDirectory, options.ssl);
  if (options.hba !== undefined) {
    const own = ['host all postgres 127.0.0.1/32 trust', 'host replication postgres 127.0.0.1/32 trust'];
    const lines = [...(options.superuser === 'as-given' ? [] : own), ...options.hba];
    await writeFile(join(dataDirectory, 'pg_hba.conf'), `${lines.join('\n')}\n`);
  }
  return run(cluster, major, { ...ssl, ...options.conf });
}

/** Copies a running private server and starts the copy as a hot standby that follows it; resolves when it answers queries. Dispose it before its primary. */
export async function startStandby(
  primary: TestServer,
  options: { readonly conf?: Readonly<Record<string, string>> } = {},
): Promise<TestServer> {
  const cluster = await prepareCluster(primary.major, inject('postgres').runDirectory);
  const { dataDirectory } = cluster;
  const { major } = primary;
  const isOwn = (await baseBackupMajor()) === major;
  await (isOwn ? baseBackup(primary, dataDirectory) : copyBackup(primary, dataDirectory));
  await giveToServer(dataDirectory);
  const standby = await run(cluster, major, { hot_standby: 'on', ...options.conf });
  await eventually('the standby streams', () =>
    onServer(
      standby,
      async (admin) => (await admin.query(`select 1 from pg_stat_wal_receiver where status = 'streaming'`)).rows.length > 0,
    ),
  );
  return standby;
}

/** The way of the documentation: `pg_basebackup`, which writes the settings of the standby too; in words that older servers do not all know. */
async function baseBackup({ host, port }: TestServer, dataDirectory: string): Promise<void> {
  const to = ['--host', host, '--port', String(port), '--username', 'postgres', '--pgdata', dataDirectory];
  await promisify(execFile)('pg_basebackup', [
    ...to,
    '--wal-method=stream',
    '--checkpoint=fast',
    '--write-recovery-conf',
    '--no-password',
  ]);
}

/** The major of the system's `pg_basebackup`, which the servers' packages do not bring along; undefined if there is none. */
async function baseBackupMajor(): Promise<number | undefined> {
  const version = await promisify(execFile)('pg_basebackup', ['--version']).catch(() => undefined);
  const [major] = /(\d+)/.exec(version?.stdout ?? '') ?? [];
  return major === undefined ? undefined : Number(major);
}

/** The same by hand, for servers of another version than the system's client. */
async function copyBackup(primary: TestServer, dataDirectory: string): Promise<void> {
  const { major } = primary;
  const label = await onServer(primary, async (admin) => {
    await admin.query(major >= 15 ? `select pg_backup_start('standby', true)` : `select pg_start_backup('standby', true, false)`);
    await copyDataDirectory(primary.dataDirectory, dataDirectory);
    const { rows } = await admin.query<{ labelfile: string }>(
      major >= 15 ? `select labelfile from pg_backup_stop(false)` : `select labelfile from pg_stop_backup(false, false)`,
    );
    return rows[0]?.labelfile ?? '';
  });
  await writeFile(join(dataDirectory, 'backup_label'), label);
  const conninfo = `host=${primary.host} port=${primary.port} user=postgres application_name=standby`;
  // PostgreSQL 12 moved the settings of recovery.conf into postgresql.conf.
  if (major >= 12) {
    await writeFile(join(dataDirectory, 'standby.signal'), '');
    await appendFile(join(dataDirectory, 'postgresql.conf'), `\nprimary_conninfo = '${conninfo}'\n`);
  } else {
    await writeFile(join(dataDirectory, 'recovery.conf'), `standby_mode = 'on'\nprimary_conninfo = '${conninfo}'\n`);
  }
}

async function run(cluster: Cluster, major: number, conf: Readonly<Record<string, string>>): Promise<TestServer> {
  await giveToServer(cluster.dataDirectory);
  let settings = conf;
  let server: PostgresServer = await startCluster(cluster, settings, new AbortController().signal);
  const { host, port } = server;
  const start = async (): Promise<void> => {
    server = await startCluster(cluster, settings, new AbortController().signal, port);
  };
  const stop = (mode: StopMode = 'fast'): Promise<void> => server.stop(mode);
  return {
    major,
    host,
    port,
    dataDirectory: cluster.dataDirectory,
    createDatabase: (options) => createDatabaseOn({ host, port }, major, options),
    start,
    stop,
    restart: async (mode) => {
      await stop(mode);
      await start();
    },
    configure: (changes) => {
      settings = { ...settings, ...changes };
    },
    log: () => readFile(cluster.logFile, 'utf8'),
    [Symbol.asyncDispose]: async () => {
      await stop('immediate');
      await rm(cluster.directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function installCertificates(
  dataDirectory: string,
  ssl: NonNullable<ServerOptions['ssl']>,
): Promise<Readonly<Record<string, string>>> {
  // PostgreSQL refuses a key that others may read.
  await writeFile(join(dataDirectory, 'server.crt'), ssl.certificate, { mode: 0o600 });
  await writeFile(join(dataDirectory, 'server.key'), ssl.key, { mode: 0o600 });
  if (ssl.clientCa === undefined) return { ssl: 'on' };
  await writeFile(join(dataDirectory, 'root.crt'), ssl.clientCa, { mode: 0o600 });
  return { ssl: 'on', ssl_ca_file: 'root.crt' };
}
