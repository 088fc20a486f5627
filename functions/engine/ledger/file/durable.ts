import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ReplicationError } from '../../model/errors.ts';

/** The code of a system error, or undefined. */
export function errno(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What a failed operation on the folder comes to for the operator. */
export function asLedgerError(error: unknown, { url, operation }: { readonly url: string; readonly operation: string }): unknown {
  const code = errno(error);
  if (code === undefined) return error;
  const options = { cause: error };
  switch (code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      // link(2) says EPERM on file systems that have no hard links.
      return new ReplicationError('ledger-forbidden', { url, operation, reason: code }, options);
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EEXIST':
      return new ReplicationError('ledger-missing', { url }, options);
    case 'ENOSPC':
    case 'EDQUOT':
      return new ReplicationError('ledger-failed', { url, operation, reason: `no space left, ${code}` }, options);
    default:
      return new ReplicationError('ledger-failed', { url, operation, reason: code }, options);
  }
}

/** Writes a new file and has it on disk before it returns. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o644);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Syncs that have not begun: whoever asks meanwhile gets the same one. */
const waiting = new Map<string, Promise<void>>();
const running = new Map<string, Promise<void>>();

/** Has the names in a folder on disk: a file is only as durable as its name. Many that ask at once share one sync, which begins after the last of them has asked. */
export function syncFolder(path: string): Promise<void> {
  const shared = waiting.get(path);
  if (shared !== undefined) return shared;
  const before = running.get(path)?.catch(() => undefined) ?? Promise.resolve();
  const sync = before.then(async () => {
    waiting.delete(path);
    running.set(path, sync);
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
      if (running.get(path) === sync) running.delete(path);
    }
  });
  waiting.set(path, sync);
  return sync;
}

/** Makes a folder with its parents, each durable. */
export async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

/** A first write must not wait for a large sweep; the next one goes on. */
const MOST_SWEPT = 2_000;

/**
 * Where files are made before they get their names, and where folders go that nobody needs any more. What a killed process left is removed after a while:
 * waste is kept for a minute, so that a name in it stays taken for a writer that is just now about to use it.
 */
export class Scratch {
  readonly folder: string;
  #made: Promise<unknown> | undefined;
  #thrown = 0;

  constructor(root: string) {
    this.folder = join(root, '.tmp');
  }

  /** A path that nobody else has. */
  async path(): Promise<string> {
    this.#made ??= makeFolder(this.folder).then(() => this.sweep());
    try {
      await this.#made;
    } catch (error) {
      this.#made = undefined;
      throw error;
    }
    return join(this.folder, `new-${randomUUID()}`);
  }

  /** Moves a folder away, atomically. It may be gone already. */
  async throwAway(path: string): Promise<void> {
    await this.path();
    try {
      await rename(path, join(this.folder, `waste-${Date.now()}-${randomUUID()}`));
    } catch (error) {
      if (errno(error) !== 'ENOENT') throw error;
    }
    this.#thrown += 1;
    if (this.#thrown % 256 === 0) await this.sweep();
  }

  /** Removes waste older than a minute and what was begun more than a day ago. Failures are left to the next sweep. */
  async sweep(): Promise<void> {
    const now = Date.now();
    for (const name of (await readdir(this.folder).catch(() => [])).slice(0, MOST_SWEPT)) {
      const path = join(this.folder, name);
      const [kind, thrownAt] = name.split('-');
      const isOld =
        kind === 'waste'
          ? now - Number(thrownAt) > 60_000
          : await stat(path).then(
              ({ mtimeMs }) => now - mtimeMs > 86_400_000,
              () => false,
            );
      if (isOld) await rm(path, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}
