import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ReplicationError } from '../../model/errors.ts';
import { TEMPORARY_PREFIX, checkKey } from '../object-key.ts';
import type { ContentHeaders, Sink, Upload } from '../sink.ts';
import { systemCode, toSinkError } from './file-errors.ts';
import { MAX_NAME_BYTES, finalPathOf, openFileUpload } from './file-upload.ts';
import type { FileTarget, FileUpload } from './file-upload.ts';
import { Folders } from './folders.ts';
import { walkFiles } from './folder-walk.ts';
import { failpoint } from '../../runtime/failpoints.ts';

const CHECK_NAME = `${TEMPORARY_PREFIX}check-`;
/** A check takes a moment: one that is this old was killed. */
const OLD_CHECK_MS = 3_600_000;

export interface FileSinkOptions {
  /** As configured: `file:./out`. */
  readonly url: string;
  /** Made with the folders above it when first written to. */
  readonly directory: string;
}

/**
 * A folder. Objects are files; unfinished ones have names beginning with `_tmp-` beside their final place. Durable against power loss: files and the folders
 * that name them are synced. Needs a file system with hard links. File names take at most 237 bytes. Content headers are not kept.
 */
export function openFileSink(options: FileSinkOptions): Sink {
  return new FileSink(options);
}

class FileSink implements Sink {
  readonly url: string;
  readonly #root: string;
  readonly #folders: Folders;

  constructor({ url, directory }: FileSinkOptions) {
    this.url = url;
    this.#root = resolve(directory);
    this.#folders = new Folders(this.#root);
  }

  nameOf(key: string): string {
    return key;
  }

  async check(signal: AbortSignal): Promise<void> {
    // An object under a name that nobody uses, from its first byte to its last step, and away again.
    const name = `${CHECK_NAME}${randomBytes(6).toString('hex')}`;
    const path = join(this.#root, name);
    try {
      await using upload = await openFileUpload({ key: name, path, url: this.url, folders: this.#folders }, signal);
      await upload.write(Buffer.from('check'));
      await upload.complete();
    } finally {
      await this.#unlink(path);
    }
    await this.#removeOldChecks();
  }

  async create(key: string, _content: ContentHeaders, signal: AbortSignal): Promise<Upload> {
    return this.#open(key, signal);
  }

  async put(key: string, body: Uint8Array, _content: ContentHeaders, signal: AbortSignal): Promise<void> {
    await using upload = await this.#open(key, signal);
    await upload.write(body);
    await failpoint('sink.put.before');
    await upload.replace();
    await failpoint('sink.put.after');
  }

  async read(key: string, signal: AbortSignal): Promise<Buffer | undefined> {
    try {
      return await readFile(this.#target(key).path, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (isNoFile(error)) return undefined;
      throw toSinkError(error, { url: this.url, operation: 'read' });
    }
  }

  async *list(prefix: string, signal: AbortSignal): AsyncIterable<{ readonly key: string; readonly bytes: number }> {
    for await (const { path, bytes } of this.#walk(prefix, signal)) {
      if (!isTemporary(path)) yield { key: path, bytes };
    }
  }

  async remove(keys: readonly string[], signal: AbortSignal): Promise<void> {
    for (const key of keys) {
      signal.throwIfAborted();
      await failpoint('sink.remove.before');
      await this.#unlink(this.#target(key).path);
      await failpoint('sink.remove.after');
    }
  }

  async abandonUploads(prefix: string, isAbandoned: (key: string) => boolean, signal: AbortSignal): Promise<number> {
    let count = 0;
    // By the folder, since temporary names sort apart from the names they will get.
    for await (const { path } of this.#walk(prefix.slice(0, prefix.lastIndexOf('/') + 1), signal)) {
      const key = finalPathOf(path);
      if (key?.startsWith(prefix) !== true || !isAbandoned(key)) continue;
      await failpoint('sink.abandon.before');
      await this.#unlink(join(this.#root, path));
      await failpoint('sink.abandon.after');
      count++;
    }
    return count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is kept open.
  }

  async #open(key: string, signal: AbortSignal): Promise<FileUpload> {
    return openFileUpload(this.#target(key), signal);
  }

  #target(key: string): FileTarget {
    checkKey(key, this.url);
    const name = key.slice(key.lastIndexOf('/') + 1);
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
      throw new ReplicationError('key-unsuitable', {
        key,
        url: this.url,
        reason: `its last part is longer than ${MAX_NAME_BYTES} bytes`,
      });
    }
    return { key, path: join(this.#root, key), url: this.url, folders: this.#folders };
  }

  async *#walk(prefix: string, signal: AbortSignal): AsyncIterable<{ readonly path: string; readonly bytes: number }> {
    try {
      yield* walkFiles(this.#root, prefix, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw toSinkError(error, { url: this.url, operation: 'list' });
    }
  }

  /** What checks left whose process was killed in the middle. Those of other processes may be under way. */
  async #removeOldChecks(): Promise<void> {
    for (const name of await readdir(this.#root).catch(() => [])) {
      if (!name.startsWith(TEMPORARY_PREFIX) || !name.includes(CHECK_NAME)) continue;
      const path = join(this.#root, name);
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
      if (Date.now() - mtimeMs > OLD_CHECK_MS) await this.#unlink(path);
    }
  }

  async #unlink(path: string): Promise<void> {
    try {
      await unlink(path);
    } catch (error) {
      if (!isNoFile(error)) throw toSinkError(error, { url: this.url, operation: 'unlink' });
    }
  }
}

function isTemporary(path: string): boolean {
  return path.slice(path.lastIndexOf('/') + 1).startsWith(TEMPORARY_PREFIX);
}

/** Also where a folder has the name, or a file is where a folder should be: no object has this key. */
function isNoFile(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR';
}
