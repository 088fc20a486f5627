import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from './file-errors.ts';

/** A file below a folder. `path` has `/` between parts, whatever the system. */
export interface FoundFile {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Files below `root` whose path begins with `prefix`, in the order of the bytes of their paths (as S3 lists keys). Holds one folder's names at a time for each
 * level. Links are not followed; what disappears meanwhile is left out.
 */
export async function* walkFiles(root: string, prefix: string, signal: AbortSignal): AsyncGenerator<FoundFile> {
  // Folders that the prefix names in full need not be searched for.
  yield* walk(root, prefix.slice(0, prefix.lastIndexOf('/') + 1), prefix, signal);
}

async function* walk(root: string, folder: string, prefix: string, signal: AbortSignal): AsyncGenerator<FoundFile> {
  for (const path of await pathsIn(root, folder)) {
    signal.throwIfAborted();
    if (!path.startsWith(prefix) && !prefix.startsWith(path)) continue;
    if (path.endsWith('/')) {
      yield* walk(root, path, prefix, signal);
    } else if (path.startsWith(prefix)) {
      const bytes = await sizeOf(join(root, path));
      if (bytes !== undefined) yield { path, bytes };
    }
  }
}

/** Sorted by bytes with the slash that ends a folder: `a-b` comes before `a/c`, since that is how whole keys compare. */
async function pathsIn(root: string, folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    const paths = entries.flatMap((entry) => {
      if (entry.isDirectory()) return [`${folder}${entry.name}/`];
      return entry.isFile() ? [`${folder}${entry.name}`] : [];
    });
    return paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}
