import { execFile } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A folder on a disk that has little room. Disposing it removes both. */
export interface SmallDisk extends AsyncDisposable {
  readonly folder: string;
  /** Lets so many bytes more in. */
  grow(bytes: number): Promise<void>;
}

/**
 * A real file system of its own where this account may mount one. Elsewhere a budget on what this process writes piece by piece to open files, as a sink does, with the same
 * error at its end.
 */
export async function openSmallDisk(bytes: number): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'backstitch-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${String(bytes)}`, 'backstitch-test', folder]);
  } catch {
    return budgeted(folder, bytes);
  }
  let size = bytes;
  return {
    folder,
    grow: async (more) => {
      size += more;
      await run('mount', ['-o', `remount,size=${String(size)}`, folder]);
    },
    [Symbol.asyncDispose]: async () => {
      await run('umount', [folder]);
      await rm(folder, { recursive: true });
    },
  };
}

type Write = (this: FileHandle, bytes: Uint8Array, offset?: number) => Promise<unknown>;

async function budgeted(folder: string, bytes: number): Promise<SmallDisk> {
  const probe = await open(join(folder, 'probe'), 'w');
  const prototype = Object.getPrototypeOf(probe) as { write: Write };
  await probe.close();
  const { write } = prototype;
  let left = bytes;
  prototype.write = async function (piece, offset = 0) {
    left -= piece.byteLength - offset;
    if (left < 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    return write.call(this, piece, offset);
  };
  return {
    folder,
    grow: async (more) => {
      left = Math.max(0, left) + more;
    },
    [Symbol.asyncDispose]: async () => {
      prototype.write = write;
      await rm(folder, { recursive: true });
    },
  };
}
