import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A key pair that ssh-keygen made. */
export interface KeyPair {
  readonly file: string;
  readonly privateKey: string;
  /** The line for `authorized_keys`. */
  readonly publicLine: string;
  readonly fingerprint: string;
}

export interface KeyKind {
  readonly type: 'ed25519' | 'rsa' | 'ecdsa';
  readonly passphrase?: string;
  /** @default OpenSSH's own */
  readonly format?: 'PEM' | 'PKCS8';
}

/** Makes a key pair in `folder`; the private key file is readable by its owner alone, or sshd refuses it. */
export async function makeKeyPair(folder: string, name: string, { type, passphrase = '', format }: KeyKind): Promise<KeyPair> {
  const file = join(folder, name);
  const bits = type === 'rsa' ? ['-b', '2048'] : [];
  await run('ssh-keygen', [
    '-q',
    '-t',
    type,
    ...bits,
    '-N',
    passphrase,
    '-C',
    'test',
    '-f',
    file,
    ...(format === undefined ? [] : ['-m', format]),
  ]);
  const publicLine = (await readFile(`${file}.pub`, 'utf8')).trim();
  return { file, privateKey: await readFile(file, 'utf8'), publicLine, fingerprint: fingerprintOf(publicLine) };
}

/** As `ssh-keygen -lf` prints it. */
export function fingerprintOf(publicLine: string): string {
  const blob = Buffer.from(publicLine.split(' ')[1] ?? '', 'base64');
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}
