import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** So many folders are remembered as durable; beyond that they are synced once more. */
const REMEMBERED = 10_000;

/** Makes folders and their entries durable: a file that is synced is still lost with its name if the folder above it was not. */
export class Folders {
  readonly #root: string;
  readonly #durable = new Set<string>();

  /** `root`: absolute path below which folders are made. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Makes a folder with all above it, durable when it resolves. `folder` is the root or below it. */
  async ensure(folder: string): Promise<void> {
    if (this.#durable.has(folder)) {
      // It may have been removed by hand since.
      await mkdir(folder, { recursive: true });
      return;
    }
    const made = await mkdir(folder, { recursive: true });
    // Also those that exist: whoever made them may have died before it synced them. Above the root only what was made now.
    const top = made === undefined || made.startsWith(this.#root) ? dirname(this.#root) : dirname(made);
    for (let at = folder; at !== top && at !== dirname(at); at = dirname(at))
      await this.#syncIfAllowed(dirname(at), at === this.#root);
    if (this.#durable.size >= REMEMBERED) this.#durable.clear();
    this.#durable.add(folder);
  }

  async #syncIfAllowed(folder: string, isAboveRoot: boolean): Promise<void> {
    try {
      await syncFolder(folder);
    } catch (error) {
      // The folder above the root may belong to somebody else.
      if (!isAboveRoot) throw error;
    }
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open folders, and keeps names durable with the file.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
