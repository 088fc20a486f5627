import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chown, open, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { serverAccount, type PostgresPackage } from './postgres-package.ts';

/** How a server is told to end: `fast` cuts sessions off, `smart` waits for them, `immediate` is a crash with the shared memory cleaned up. */
export type StopMode = 'fast' | 'smart' | 'immediate';

/** A running postmaster on 127.0.0.1. Disposing it stops it (fast). */
export interface PostgresServer extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly pid: number;
  /** Idempotent. Resolves when the process has ended. */
  stop(mode?: StopMode): Promise<void>;
}

/** What a postmaster is started with. */
export interface StartOptions {
  readonly postgres: PostgresPackage;
  readonly dataDirectory: string;
  /** A free one is chosen when absent. */
  readonly port?: number;
  /** Server settings that go before those of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The server's log is appended here. */
  readonly logFile: string;
  readonly signal: AbortSignal;
}

const STOP_SIGNALS: Readonly<Record<StopMode, NodeJS.Signals>> = { fast: 'SIGINT', smart: 'SIGTERM', immediate: 'SIGQUIT' };
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 30_000;
const POLL_MS = 20;

/**
 * Runs `initdb` for an empty or absent `dataDirectory`: superuser `postgres`, trusted on 127.0.0.1, UTF-8, locale C. Its parent folder must be writable by the
 * account of the server. Throws an Error with the last lines that initdb said.
 */
export async function initDataDirectory(postgres: PostgresPackage, dataDirectory: string, signal: AbortSignal): Promise<void> {
  const args = ['-D', dataDirectory, '-U', 'postgres', '-A', 'trust', '--encoding=UTF8', '--locale=C', '-N'];
  const child = spawn(postgres.program('initdb'), args, {
    ...serverAccount(),
    cwd: dirname(dataDirectory),
    env: serverEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  const code = await exitCode(child);
  if (code !== 0) throw new Error(`initdb ended with ${code}: ${lastLines(output)}`);
}

/** Starts a postmaster and waits until it takes connections. Throws an Error with the last lines of its log when it ends instead, or AbortError. */
export async function startPostgres(options: StartOptions): Promise<PostgresServer> {
  const attempts = options.port === undefined ? 5 : 1;
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const outcome = await tryStart(options, port);
    if ('server' in outcome) return outcome.server;
    // Somebody may have taken the port between our look and the server's bind.
    if (attempt === attempts || !outcome.log.includes('could not bind'))
      throw new Error(`PostgreSQL ${options.postgres.version} did not start: ${lastLines(outcome.log)}`);
  }
}

async function tryStart(
  options: StartOptions,
  port: number,
): Promise<{ readonly server: PostgresServer } | { readonly log: string }> {
  const { postgres, dataDirectory, logFile, signal } = options;
  const account = serverAccount();
  const log = await open(logFile, 'a', 0o600);
  const from = (await log.stat()).size;
  if (account !== undefined) await chown(logFile, account.uid, account.gid);
  const settings = Object.entries(options.settings ?? {}).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const args = ['-D', dataDirectory, '-h', '127.0.0.1', '-p', `${port}`, '-c', 'unix_socket_directories=', ...settings];
  // Detached: a Ctrl-C goes to us alone, and we end the server once nothing reads from it any more.
  const child = spawn(postgres.program('postgres'), args, {
    ...account,
    cwd: dirname(dataDirectory),
    env: serverEnvironment(),
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
  });
  const ended = exitCode(child).then(
    () => true as const,
    () => true as const,
  );
  await log.close();
  const { pid } = child;
  if (pid === undefined) throw new Error(`PostgreSQL ${postgres.version} cannot be executed: ${postgres.program('postgres')}`);
  child.unref();
  const server = control(child, pid, port, ended);
  const deadline = Date.now() + START_DEADLINE_MS;
  while (!(await isReady(dataDirectory, pid))) {
    if (signal.aborted || Date.now() > deadline) {
      await server.stop('immediate');
      signal.throwIfAborted();
      return { log: `not ready after ${START_DEADLINE_MS} ms; ${await logSince(logFile, from)}` };
    }
    if (await Promise.race([ended, delay(POLL_MS, false)])) {
      await server.stop();
      return { log: await logSince(logFile, from) };
    }
  }
  return { server };
}

function control(child: ChildProcess, pid: number, port: number, ended: Promise<true>): PostgresServer {
  // A process that leaves without disposing (process.exit, an uncaught error) takes its server along.
  const onExit = (): void => void child.kill('SIGINT');
  process.once('exit', onExit);
  void ended.then(() => process.off('exit', onExit));
  const stop = async (mode: StopMode = 'fast'): Promise<void> => {
    child.ref();
    for (const signal of [STOP_SIGNALS[mode], 'SIGQUIT', 'SIGKILL'] as const) {
      if (child.exitCode !== null || child.signalCode !== null) break;
      child.kill(signal);
      const timer = new AbortController();
      const inTime = await Promise.race([ended, delay(STOP_DEADLINE_MS, false, { signal: timer.signal }).catch(() => false)]);
      timer.abort();
      if (inTime) break;
    }
    await ended;
  };
  return { host: '127.0.0.1', port, pid, stop, [Symbol.asyncDispose]: () => stop() };
}

/**
 * Ends the postmaster that a killed process left behind in `dataDirectory`, if one still runs there; does nothing otherwise. The pid in postmaster.pid may
 * have been given to another process meanwhile (pg_ctl would not notice), so only a process with this folder in its command line is ended.
 */
export async function stopLeftover(dataDirectory: string): Promise<void> {
  const pid = Number((await postmasterFile(dataDirectory))?.[0]);
  if (!Number.isInteger(pid) || pid <= 1) return;
  const deadline = Date.now() + STOP_DEADLINE_MS;
  while ((await commandLine(pid)).includes(dataDirectory)) {
    trySignal(pid, Date.now() > deadline ? 'SIGKILL' : 'SIGINT');
    await delay(POLL_MS);
  }
  await rm(join(dataDirectory, 'postmaster.pid'), { force: true });
}

function trySignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself between the look and the signal.
  }
}

/** Empty where there is no such process. */
async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const [program, args] =
    process.platform === 'win32'
      ? ['powershell', ['-NoProfile', '-Command', `(Get-CimInstance Win32_Process -Filter "ProcessId=${pid}").CommandLine`]]
      : ['ps', ['-ww', '-o', 'command=', '-p', `${pid}`]];
  return new Promise((resolve) =>
    execFile(program, args, (_error, stdout) => {
      resolve(stdout);
    }),
  );
}

/** Line 8 of postmaster.pid is the state since PostgreSQL 10 (src/include/utils/pidfile.h). */
async function isReady(dataDirectory: string, pid: number): Promise<boolean> {
  const lines = await postmasterFile(dataDirectory);
  return lines?.[0] === `${pid}` && lines[7]?.trim() === 'ready';
}

async function postmasterFile(dataDirectory: string): Promise<readonly string[] | undefined> {
  return readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').then(
    (text) => text.split('\n'),
    () => undefined,
  );
}

async function logSince(logFile: string, from: number): Promise<string> {
  return (await readFile(logFile)).subarray(from).toString('utf8');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  return address.port;
}

async function exitCode(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
}

/** The server sees neither our credentials nor the PG* variables of our user. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const keep = ['PATH', 'SystemRoot', 'TEMP', 'TMP', 'TMPDIR'];
  return {
    ...Object.fromEntries(keep.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
    LC_ALL: 'C',
    TZ: 'UTC',
  };
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-6).join(' | ');
}
