import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readTunnelKey } from '../../functions/engine/source/postgres/tunnel-key.ts';
import { createSshKey } from '../../functions/ssh-key.ts';
import { runMain } from '../cli/run-main.ts';
import type { MainResult } from '../cli/run-main.ts';
import { startSecretsManager } from './secrets-manager.ts';
import { hasProgram } from '../support/programs.ts';

const run = promisify(execFile);
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'backstitch-key-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const sshKey = (...args: readonly string[]): Promise<MainResult> => runMain(['ssh-key', ...args], { createSshKey });

describe.skipIf(!hasProgram('ssh-keygen'))('backstitch ssh-key', () => {
  it('makes a key that OpenSSH takes for one of its own, and prints nothing but its public line', async () => {
    const path = join(folder, 'key');

    const { code, out, err } = await sshKey('--file', path, '--comment', 'bastion "1"');

    expect(code).toBe(0);
    expect(out).toMatch(/^ssh-ed25519 AAAA\S+ bastion "1"\n$/);
    expect(err).toContain(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const { stdout } = await run('ssh-keygen', ['-y', '-f', path]);
    expect(stdout.trim()).toBe(out.trim());
    expect(readTunnelKey(await readFile(path, 'utf8'), undefined).publicLine.split(' ')[1]).toBe(out.split(' ')[1]);
  });

  it('prints JSON', async () => {
    const path = join(folder, 'key');

    const { documents } = await sshKey('--file', path, '--json');

    expect(documents).toEqual([{ publicKey: expect.stringMatching(/^ssh-ed25519 \S+ backstitch$/), privateKey: { file: path } }]);
  });

  it('overwrites nothing, not even what a link points to', async () => {
    const path = join(folder, 'key');
    await writeFile(path, 'precious');
    await symlink(join(folder, 'elsewhere'), join(folder, 'link'));

    for (const name of ['key', 'link']) {
      const { code, out, err } = await sshKey('--file', join(folder, name));
      expect([code, out]).toEqual([2, '']);
      expect(err).toContain('There is a key already');
    }
    expect(await readFile(path, 'utf8')).toBe('precious');
  });

  it.each([
    [[], 'either --file or --secret'],
    [['--file', 'a', '--secret', 'b'], 'either --file or --secret'],
    [['--file', 'a', '--comment', 'two\nlines'], 'one line'],
  ])('refuses %j', async (args, problem) => {
    const { code, err } = await sshKey(...args);

    expect(code).toBe(2);
    expect(err).toContain(problem);
  });

  it('says that a folder is not there', async () => {
    const { code, err } = await sshKey('--file', join(folder, 'no', 'key'));

    expect(code).toBe(1);
    expect(err).toContain('ENOENT');
  });

  it('stores the key as a new secret, or in one that is empty, and never in place of another', async () => {
    await using manager = await startSecretsManager();
    manager.secrets.set('empty', undefined);

    for (const name of ['fresh', 'empty']) {
      const { code, out } = await sshKey('--secret', name);
      expect(code).toBe(0);
      const stored = manager.secrets.get(name) ?? '';
      expect(readTunnelKey(stored, undefined).publicLine.split(' ')[1]).toBe(out.split(' ')[1]);
      const again = await sshKey('--secret', name);
      expect([again.code, again.err]).toEqual([2, expect.stringContaining(`the secret ${name}`)]);
      expect(manager.secrets.get(name)).toBe(stored);
    }
  });

  it('says why a secret cannot be written', async () => {
    await using manager = await startSecretsManager();
    manager.deny();

    const { code, err } = await sshKey('--secret', 'fresh');

    expect(code).toBe(1);
    expect(err).toContain('AccessDeniedException');
  });
});
