import { generateKeyPairSync } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { CreateSshKey } from './cli/workspace.ts';
import { ReplicationError } from './engine/model/errors.ts';
import { toOpenSsh } from './engine/source/postgres/openssh-key.ts';

/** Makes an ed25519 key pair, stores its private half, and gives the public one. Throws `secret-exists`, `file-unwritable`, `secret-unwritable`. */
export const createSshKey: CreateSshKey = async ({ place, comment }, signal) => {
  const { privateKey, publicLine } = toOpenSsh(generateKeyPairSync('ed25519').privateKey, comment);
  switch (place.kind) {
    case 'file': {
      const path = resolve(place.path);
      await writeNewFile(path, privateKey);
      return { publicLine, place: { kind: 'file', path } };
    }
    case 'secret': {
      const { storeNewSecret } = await import('./store-secret.ts');
      await storeNewSecret(place.id, privateKey, signal);
      return { publicLine, place };
    }
  }
};

async function writeNewFile(path: string, text: string): Promise<void> {
  try {
    // `wx`: fails where anything has the name already, a symbolic link too.
    await using file = await open(path, 'wx', 0o600);
    try {
      // The mode of `open` is narrowed by the umask only; sshd and ssh want exactly this one.
      await file.chmod(0o600);
      await file.writeFile(text);
      await file.sync();
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unexpected';
    if (code === 'EEXIST') throw new ReplicationError('secret-exists', { where: `the file ${path}` }, { cause: error });
    throw new ReplicationError('file-unwritable', { file: path, reason: code }, { cause: error });
  }
}
