import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { ServerAddress } from '../support/postgres.ts';
import { eventually } from '../support/postgres.ts';
import { freePort } from '../tunnel/sshd.ts';

/** PgBouncer refuses to run as root. */
const NOBODY = 65_534;

/** A real PgBouncer in front of a server. Disposing it ends it. */
export interface PgBouncer extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
}

/** Starts one that keeps at most `poolSize` connections to the server per database. */
export async function startPgBouncer(
  server: ServerAddress,
  { mode, poolSize }: { readonly mode: 'session' | 'transaction'; readonly poolSize: number },
): Promise<PgBouncer> {
  const folder = await mkdtemp(join(tmpdir(), 'backstitch-pgbouncer-'));
  const port = await freePort();
  const [config, log] = [join(folder, 'pgbouncer.ini'), join(folder, 'log')];
  await writeFile(
    config,
    [
      '[databases]',
      `* = host=${server.host} port=${String(server.port)} user=postgres`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${String(port)}`,
      'unix_socket_dir =',
      'auth_type = any',
      `pool_mode = ${mode}`,
      `default_pool_size = ${String(poolSize)}`,
      `logfile = ${log}`,
      '',
    ].join('\n'),
  );
  const isRoot = userInfo().uid === 0;
  if (isRoot) await chown(folder, NOBODY, NOBODY);
  const child = spawn('pgbouncer', ['-q', config], { stdio: 'ignore', ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}) });
  const ended = once(child, 'exit');
  await eventually('PgBouncer listens', async () => {
    const text = await readFile(log, 'utf8').catch(() => '');
    if (child.exitCode !== null) throw new Error(`PgBouncer ended: ${text}`);
    return /process up/.test(text);
  });
  return {
    host: '127.0.0.1',
    port,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGINT');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(timer);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
