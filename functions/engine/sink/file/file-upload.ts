import { randomBytes } from 'node:crypto';
import { link, open, rename, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ReplicationError } from '../../model/errors.ts';
import { TEMPORARY_PREFIX } from '../object-key.ts';
import type { Upload } from '../sink.ts';
import { systemCode, toSinkError } from './file-errors.ts';
import { syncFolder } from './folders.ts';
import type { Folders } from './folders.ts';
import { failpoint } from '../../runtime/failpoints.ts';

const NONCE_BYTES = 6;
const TEMPORARY_NAME = new RegExp(`^${TEMPORARY_PREFIX}[0-9a-f]{${NONCE_BYTES * 2}}-(.+)$`);
/** File names, in bytes, that leave room for what a temporary name adds. */
export const MAX_NAME_BYTES = 255 - TEMPORARY_PREFIX.length - NONCE_BYTES * 2 - 1;

/** The path that a temporary file will have, or undefined if it is not a temporary file. Both with `/` between parts. */
export function finalPathOf(path: string): string | undefined {
  const slash = path.lastIndexOf('/') + 1;
  const name = TEMPORARY_NAME.exec(path.slice(slash))?.[1];
  return name === undefined ? undefined : path.slice(0, slash) + name;
}

/** Where an object goes. */
export interface FileTarget {
  readonly key: string;
  /** Absolute path of the finished file. */
  readonly path: string;
  readonly url: string;
  readonly folders: Folders;
}

/** Begins a temporary file in the folder of the finished one, since only there the file system can move it in one step. */
export async function openFileUpload(target: FileTarget, signal: AbortSignal): Promise<FileUpload> {
  signal.throwIfAborted();
  const folder = dirname(target.path);
  const temporary = join(folder, `${TEMPORARY_PREFIX}${randomBytes(NONCE_BYTES).toString('hex')}-${basename(target.path)}`);
  try {
    await target.folders.ensure(folder);
    await failpoint('sink.begin.before');
    const upload = new FileUpload(target, signal, temporary, await open(temporary, 'wx', 0o644));
    await failpoint('sink.begin.after');
    return upload;
  } catch (error) {
    throw toSinkError(error, { url: target.url, operation: 'open' });
  }
}

/** A file in the making. */
export class FileUpload implements Upload {
  readonly #target: FileTarget;
  readonly #signal: AbortSignal;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  #state: 'open' | 'closed' | 'gone' = 'open';

  constructor(target: FileTarget, signal: AbortSignal, temporary: string, handle: FileHandle) {
    this.#target = target;
    this.#signal = signal;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#check();
    await failpoint('sink.part.before');
    await this.#attempt('write', async () => {
      // A write may take fewer bytes than it was given, e.g. those that a full disk still had room for.
      for (let at = 0; at < bytes.length;) at += (await this.#handle.write(bytes, at)).bytesWritten;
    });
    await failpoint('sink.part.after');
  }

  /** Gives the file its name unless the name is taken. Hard links are needed, since a rename would replace what is there. */
  async complete(): Promise<void> {
    await this.#close();
    await failpoint('sink.complete.before');
    try {
      await link(this.#temporary, this.#target.path);
    } catch (error) {
      if (systemCode(error) === 'EEXIST')
        throw new ReplicationError('object-exists', { key: this.#target.key }, { cause: error });
      throw toSinkError(error, { url: this.#target.url, operation: 'link' });
    }
    await this.#attempt('fsync', () => syncFolder(dirname(this.#target.path)));
    await failpoint('sink.complete.linked');
    // After the sync: dying before this leaves a temporary file that the next job removes, and the object.
    await unlink(this.#temporary).catch(() => undefined);
    this.#state = 'gone';
    await failpoint('sink.complete.after');
  }

  /** Gives the file its name, replacing what is there. */
  async replace(): Promise<void> {
    await this.#close();
    await this.#attempt('rename', () => rename(this.#temporary, this.#target.path));
    this.#state = 'gone';
    await this.#attempt('fsync', () => syncFolder(dirname(this.#target.path)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'gone') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'gone';
    // Neither may hide the error that led here; a temporary file that stays is removed by the next job.
    if (wasOpen) await this.#handle.close().catch(() => undefined);
    await unlink(this.#temporary).catch(() => undefined);
  }

  /** From here on the bytes are durable, under the temporary name. */
  async #close(): Promise<void> {
    this.#check();
    await this.#attempt('fsync', () => this.#handle.sync());
    this.#state = 'closed';
    await this.#attempt('close', () => this.#handle.close());
  }

  #check(): void {
    this.#signal.throwIfAborted();
    if (this.#state !== 'open') throw new TypeError('the upload is complete or disposed of');
  }

  async #attempt<T>(operation: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      throw toSinkError(error, { url: this.#target.url, operation });
    }
  }
}
