import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../support/postgres.ts';
import { makeKeyPair } from './ssh-keys.ts';
import type { KeyKind, KeyPair } from './ssh-keys.ts';

/** A real sshd on 127.0.0.1. Disposing it ends it and removes its files. */
export interface Sshd extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: string;
  /** For key files of the test's own. */
  readonly folder: string;
  readonly hostKeys: readonly KeyPair[];
  /** Lets the holder of a key in. */
  authorize(publicLine: string): Promise<void>;
  log(): Promise<string>;
}

export interface SshdOptions {
  /** Lines of sshd_config. */
  readonly config?: readonly string[];
  readonly hostKeys?: readonly KeyKind['type'][];
}

/** Starts sshd for the user who runs the tests. */
export async function startSshd({ config = [], hostKeys = ['ed25519'] }: SshdOptions = {}): Promise<Sshd> {
  const folder = await mkdtemp(join(tmpdir(), 'backstitch-sshd-'));
  const { username, uid } = userInfo();
  // Where sshd separates its privileges to; only root needs it, and only root can make it.
  if (uid === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const pairs = await Promise.all(hostKeys.map((type) => makeKeyPair(folder, `host-${type}`, { type })));
  const authorized = join(folder, 'authorized_keys');
  await writeFile(authorized, '');
  const port = await freePort();
  const lines = [
    `Port ${String(port)}`,
    'ListenAddress 127.0.0.1',
    ...pairs.map(({ file }) => `HostKey ${file}`),
    `AuthorizedKeysFile ${authorized}`,
    'PidFile none',
    'UsePAM no',
    'StrictModes no',
    'PermitRootLogin prohibit-password',
    'PasswordAuthentication no',
    ...config,
  ];
  await writeFile(join(folder, 'sshd_config'), `${lines.join('\n')}\n`);
  const logFile = join(folder, 'log');
  const child = spawn('/usr/sbin/sshd', ['-D', '-f', join(folder, 'sshd_config'), '-E', logFile], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const log = (): Promise<string> => readFile(logFile, 'utf8').catch(() => '');
  await eventually('sshd listens', async () => {
    if (child.exitCode !== null) throw new Error(`sshd ended: ${await log()}`);
    return /Server listening/.test(await log());
  });
  const lineList: string[] = [];
  return {
    host: '127.0.0.1',
    port,
    user: username,
    folder,
    hostKeys: pairs,
    log,
    authorize: async (publicLine) => {
      lineList.push(publicLine);
      await writeFile(authorized, `${lineList.join('\n')}\n`);
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  return address.port;
}
