import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { randomUUID } from 'node:crypto';
import { systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { checkKey } from '../object-key.ts';
import type { ContentHeaders, Sink, Upload } from '../sink.ts';
import { PartBuffers } from './part-buffers.ts';
import { sha256Base64 } from './s3-checksums.ts';
import { s3Failure, toSinkError } from './s3-errors.ts';
import { MAX_PARTS, S3Upload, headers } from './s3-upload.ts';
import type { S3UploadContext } from './s3-upload.ts';
import { failpoint } from '../../runtime/failpoints.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const MIN_PART_BYTES = 5 * 1024 * 1024;
const MAX_DELETES = 1000;
/** A body that breaks off after its headers is not tried again by the SDK. */
const READ_TRIES = 3;

export interface S3SinkOptions {
  /** As configured: `s3://bucket/prefix`. */
  readonly url: string;
  readonly bucket: string;
  /** `postgres` or `a/b`; empty for the whole bucket. Slashes around it do not count. */
  readonly prefix: string;
  /** Retries and time limits are its own; see `createS3Client`. Stays the caller's: not destroyed with the sink. */
  readonly client: S3Client;
  /** How large objects are meant to become, before compression. @default 64 GiB */
  readonly objectBytes?: number;
  /** Bytes of a part, 5 MiB or more; an object has at most 10,000. @default as many as objects of `objectBytes` need, and a quarter more */
  readonly partBytes?: number;
  /** Parts of one object that are sent at the same time. @default 2 */
  readonly uploadsInFlight?: number;
  readonly clock?: Clock;
}

/**
 * A bucket, or a prefix in one. Each upload holds at most `partBytes * (uploadsInFlight + 1)`. Needs s3:PutObject, s3:GetObject, s3:ListBucket, s3:DeleteObject,
 * s3:AbortMultipartUpload and s3:ListBucketMultipartUploads. Throws a RangeError for part sizes that S3 does not take.
 */
export function openS3Sink(options: S3SinkOptions): Sink {
  return new S3Sink(options);
}

/** Small parts: each upload holds several of them, and a process has several uploads. A row may make an object larger than it is meant to become. */
function partBytesFor(objectBytes: number): number {
  return Math.max(MIN_PART_BYTES, Math.ceil((objectBytes * 1.25) / MAX_PARTS));
}

class S3Sink implements Sink {
  readonly url: string;
  readonly #client: S3Client;
  readonly #bucket: string;
  /** Empty, or with a slash at its end. */
  readonly #prefix: string;
  readonly #uploads: S3UploadContext;

  constructor({
    url,
    bucket,
    prefix,
    client,
    objectBytes = 64 * 2 ** 30,
    partBytes = partBytesFor(objectBytes),
    uploadsInFlight = 2,
    clock = systemClock,
  }: S3SinkOptions) {
    if (!Number.isInteger(partBytes) || partBytes < MIN_PART_BYTES)
      throw new RangeError('partBytes must be an integer of 5 MiB or more');
    if (!Number.isInteger(uploadsInFlight) || uploadsInFlight < 1)
      throw new RangeError('uploadsInFlight must be an integer of 1 or more');
    this.url = url;
    this.#client = client;
    this.#bucket = bucket;
    const inner = prefix.replace(/^\/+|\/+$/g, '');
    this.#prefix = inner === '' ? '' : `${inner}/`;
    const abandon = async (s3Key: string, signal: AbortSignal): Promise<void> => {
      await this.#abandonUploads(s3Key, (found) => found === s3Key, signal);
    };
    this.#uploads = { client, bucket, url, buffers: new PartBuffers(partBytes), uploadsInFlight, clock, abandon };
  }

  nameOf(key: string): string {
    return this.#prefix + key;
  }

  async check(signal: AbortSignal): Promise<void> {
    const target = { Bucket: this.#bucket, Key: this.#s3Key(`_check/${randomUUID()}`) };
    const list = new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: this.#prefix, MaxKeys: 1 });
    await this.#attempt('ListObjectsV2', signal, () => this.#client.send(list, { abortSignal: signal }));
    await this.#get(target, signal);
    // An upload that is begun and given up proves the right to write without an object, and without a delete marker in a versioned bucket.
    const create = new CreateMultipartUploadCommand(target);
    const { UploadId } = await this.#attempt('CreateMultipartUpload', signal, () =>
      this.#client.send(create, { abortSignal: signal }),
    );
    await this.#giveUp({ ...target, UploadId }, signal);
    const uploads = new ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: target.Key, MaxUploads: 1 });
    await this.#attempt('ListMultipartUploads', signal, () => this.#client.send(uploads, { abortSignal: signal }));
  }

  async create(key: string, content: ContentHeaders, signal: AbortSignal): Promise<Upload> {
    return new S3Upload(this.#uploads, { key, s3Key: this.#s3Key(key), content, signal });
  }

  async put(key: string, body: Uint8Array, content: ContentHeaders, signal: AbortSignal): Promise<void> {
    const target = { Bucket: this.#bucket, Key: this.#s3Key(key) };
    const command = new PutObjectCommand({ ...target, ...headers(content), Body: body, ChecksumSHA256: sha256Base64(body) });
    await failpoint('sink.put.before');
    await this.#attempt('PutObject', signal, () => this.#client.send(command, { abortSignal: signal }));
    await failpoint('sink.put.after');
  }

  async read(key: string, signal: AbortSignal): Promise<Buffer | undefined> {
    return this.#get({ Bucket: this.#bucket, Key: this.#s3Key(key) }, signal);
  }

  async *list(prefix: string, signal: AbortSignal): AsyncIterable<{ readonly key: string; readonly bytes: number }> {
    let token: string | undefined;
    do {
      const page = new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: this.#prefix + prefix, ContinuationToken: token });
      const { Contents, NextContinuationToken } = await this.#attempt('ListObjectsV2', signal, () =>
        this.#client.send(page, { abortSignal: signal }),
      );
      for (const { Key, Size } of Contents ?? []) {
        // A console "folder" is an object whose key ends with a slash: not one of ours.
        if (Key !== undefined && !Key.endsWith('/')) yield { key: Key.slice(this.#prefix.length), bytes: Size ?? 0 };
      }
      token = NextContinuationToken;
    } while (token !== undefined);
  }

  async remove(keys: readonly string[], signal: AbortSignal): Promise<void> {
    const all = keys.map((key) => ({ Key: this.#s3Key(key) }));
    for (let start = 0; start < all.length; start += MAX_DELETES) {
      const Delete = { Objects: all.slice(start, start + MAX_DELETES), Quiet: true };
      await failpoint('sink.remove.before');
      await this.#attempt('DeleteObjects', signal, async () => {
        const { Errors } = await this.#client.send(new DeleteObjectsCommand({ Bucket: this.#bucket, Delete }), {
          abortSignal: signal,
        });
        const first = Errors?.[0];
        if (first !== undefined)
          throw Object.assign(new Error(`${Errors?.length ?? 0} objects were not deleted`), { name: first.Code ?? 'unknown' });
      });
      await failpoint('sink.remove.after');
    }
  }

  async abandonUploads(prefix: string, isAbandoned: (key: string) => boolean, signal: AbortSignal): Promise<number> {
    return this.#abandonUploads(this.#prefix + prefix, (s3Key) => isAbandoned(s3Key.slice(this.#prefix.length)), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is kept open: the client is the caller's, uploads are disposed of by who made them.
  }

  async #abandonUploads(s3Prefix: string, isAbandoned: (s3Key: string) => boolean, signal: AbortSignal): Promise<number> {
    let count = 0;
    let position: { readonly KeyMarker: string | undefined; readonly UploadIdMarker: string | undefined } | undefined;
    do {
      const command = new ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: s3Prefix, ...position });
      const page = await this.#attempt('ListMultipartUploads', signal, () => this.#client.send(command, { abortSignal: signal }));
      for (const { Key, UploadId } of page.Uploads ?? []) {
        if (Key === undefined || !isAbandoned(Key)) continue;
        await failpoint('sink.abandon.before');
        await this.#giveUp({ Bucket: this.#bucket, Key, UploadId }, signal);
        await failpoint('sink.abandon.after');
        count++;
      }
      position =
        page.IsTruncated === true ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined;
    } while (position !== undefined);
    return count;
  }

  async #giveUp(
    upload: { readonly Bucket: string; readonly Key: string; readonly UploadId: string | undefined },
    signal: AbortSignal,
  ): Promise<void> {
    const abort = new AbortMultipartUploadCommand(upload);
    await this.#attempt('AbortMultipartUpload', signal, async () => {
      await this.#client.send(abort, { abortSignal: signal }).catch((error: unknown) => {
        // Somebody else gave it up, or completed it, in between; or we did, and the answer was lost.
        if (s3Failure(error).reason !== 'NoSuchUpload') throw error;
      });
    });
  }

  async #get(target: { readonly Bucket: string; readonly Key: string }, signal: AbortSignal): Promise<Buffer | undefined> {
    for (let tries = 1; ; tries++) {
      try {
        const { Body } = await this.#client.send(new GetObjectCommand(target), { abortSignal: signal });
        return Body === undefined ? Buffer.alloc(0) : Buffer.from(await Body.transformToByteArray());
      } catch (error) {
        const { reason, status } = s3Failure(error);
        if (reason === 'NoSuchKey') return undefined;
        if (status !== undefined || tries === READ_TRIES || signal.aborted) {
          throw toSinkError(error, { url: this.url, operation: 'GetObject', signal });
        }
      }
    }
  }

  #s3Key(key: string): string {
    const s3Key = this.#prefix + key;
    checkKey(s3Key, this.url);
    return s3Key;
  }

  async #attempt<T>(operation: string, signal: AbortSignal, send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      throw toSinkError(error, { url: this.url, operation, signal });
    }
  }
}
