import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { setMaxListeners } from 'node:events';
import { ReplicationError } from '../../model/errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ContentHeaders, Upload } from '../sink.ts';
import type { PartBuffers } from './part-buffers.ts';
import { makeVisible } from './make-visible.ts';
import type { VisibleStep } from './make-visible.ts';
import { identityOfBody, identityOfParts, sha256Base64 } from './s3-checksums.ts';
import type { ObjectIdentity } from './s3-checksums.ts';
import { toSinkError } from './s3-errors.ts';
import { failpoint } from '../../runtime/failpoints.ts';

/** Most parts of an object. https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MAX_PARTS = 10_000;
/** Most objects of a small table are smaller: no need to touch a whole part's memory. */
const FIRST_BUFFER_BYTES = 256 * 1024;
const NO_BYTES = Buffer.alloc(0);
const CLEAN_UP_MS = 15_000;

/** What all uploads of a sink have in common. */
export interface S3UploadContext {
  readonly client: S3Client;
  readonly bucket: string;
  readonly url: string;
  readonly buffers: PartBuffers;
  /** Parts that are being sent at one time. */
  readonly uploadsInFlight: number;
  readonly clock: Clock;
  /** Gives up all multipart uploads of exactly this S3 key. */
  readonly abandon: (s3Key: string, signal: AbortSignal) => Promise<void>;
}

interface Part {
  readonly number: number;
  readonly bytes: number;
  readonly checksumSha256: string;
  readonly etag: string;
}

/** A multipart upload that was asked for: its id, and whether S3 may have begun another one whose answer was lost. */
interface Begun {
  readonly id: string;
  readonly attempts: number;
}

/**
 * An object of S3 in the making. Up to one part it is one PutObject; beyond that a multipart upload whose parts are sent while more is written.
 * Holds at most `uploadsInFlight` + 1 buffers of a part. Every request carries the SHA-256 of its bytes, so S3 refuses what was damaged on the way.
 */
export class S3Upload implements Upload {
  readonly #context: S3UploadContext;
  readonly #key: string;
  readonly #s3Key: string;
  readonly #content: ContentHeaders;
  readonly #signal: AbortSignal;
  /** Ends all requests: when the caller's signal says so, or when one part failed for good. */
  readonly #stop = new AbortController();
  readonly #onAbort = (): void => this.#stop.abort(this.#signal.reason);
  #state: 'open' | 'completing' | 'complete' | 'disposed' = 'open';
  #buffer: Buffer;
  #used = 0;
  #partCount = 0;
  #begun: Promise<Begun> | undefined;
  readonly #parts: Part[] = [];
  /** Never reject: errors go to `#failure`. */
  readonly #inFlight = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  /** `key` as the caller knows it, for messages; `s3Key` with the prefix. */
  constructor(
    context: S3UploadContext,
    { key, s3Key, content, signal }: { key: string; s3Key: string; content: ContentHeaders; signal: AbortSignal },
  ) {
    this.#context = context;
    this.#key = key;
    this.#s3Key = s3Key;
    this.#content = content;
    this.#signal = signal;
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(FIRST_BUFFER_BYTES, context.buffers.partBytes));
    signal.throwIfAborted();
    // One listener per object in the making, and per part: many at a time are no leak.
    setMaxListeners(0, signal, this.#stop.signal);
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#throwIfClosed();
    let at = 0;
    while (at < bytes.length) {
      // A full part is sent only when more follows: an object of exactly one part is still a single PutObject.
      if (this.#used === this.#context.buffers.partBytes) await this.#sendPart();
      if (this.#used === this.#buffer.length) this.#grow();
      const count = Math.min(bytes.length - at, this.#buffer.length - this.#used);
      this.#buffer.set(bytes.subarray(at, at + count), this.#used);
      this.#used += count;
      at += count;
    }
  }

  async complete(): Promise<void> {
    this.#throwIfClosed();
    this.#state = 'completing';
    if (this.#begun === undefined) await this.#put();
    else await this.#completeMultipart(this.#begun);
    this.#state = 'complete';
    this.#signal.removeEventListener('abort', this.#onAbort);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'complete' || this.#state === 'disposed') return;
    if (this.#state === 'open') this.#releaseBuffer();
    this.#state = 'disposed';
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#stop.abort(new DOMException('the upload was given up', 'AbortError'));
    // Parts that arrive after the upload was aborted would be stored, and paid for, until somebody aborts it again.
    await Promise.all(this.#inFlight);
    if (this.#begun !== undefined) await this.#abandon(this.#begun);
  }

  #throwIfFailed(): void {
    this.#signal.throwIfAborted();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #throwIfClosed(): void {
    this.#throwIfFailed();
    if (this.#state !== 'open') throw new TypeError(`the upload is ${this.#state}`);
  }

  #grow(): void {
    const larger = this.#context.buffers.take();
    this.#buffer.copy(larger, 0, 0, this.#used);
    this.#buffer = larger;
  }

  /** Starts sending the buffer as the next part, as soon as fewer than `uploadsInFlight` are on their way. */
  async #sendPart(): Promise<void> {
    while (this.#inFlight.size >= this.#context.uploadsInFlight) await Promise.race(this.#inFlight);
    this.#throwIfFailed();
    if (this.#partCount === MAX_PARTS) {
      const reason = `object larger than ${MAX_PARTS} parts of ${this.#context.buffers.partBytes} bytes`;
      throw new ReplicationError('sink-failed', { url: this.#context.url, operation: 'UploadPart', reason });
    }
    this.#begun ??= this.#begin();
    const sent = this.#upload(this.#begun, ++this.#partCount, this.#buffer, this.#used).then(
      () => void this.#inFlight.delete(sent),
      (error: unknown) => {
        this.#inFlight.delete(sent);
        this.#failure ??= { error };
        this.#stop.abort(error);
      },
    );
    this.#inFlight.add(sent);
    this.#used = 0;
    this.#buffer = NO_BYTES;
  }

  async #begin(): Promise<Begun> {
    const command = new CreateMultipartUploadCommand({
      ...this.#target(),
      ...headers(this.#content),
      ChecksumAlgorithm: 'SHA256',
    });
    await failpoint('sink.begin.before');
    const answer = await this.#attempt('CreateMultipartUpload', (abortSignal) =>
      this.#context.client.send(command, { abortSignal }),
    );
    await failpoint('sink.begin.after');
    if (answer.UploadId === undefined) throw this.#nonsense('CreateMultipartUpload', 'no upload id');
    return { id: answer.UploadId, attempts: answer.$metadata.attempts ?? 1 };
  }

  async #upload(begun: Promise<Begun>, number: number, buffer: Buffer, used: number): Promise<void> {
    const body = buffer.subarray(0, used);
    const checksumSha256 = sha256Base64(body);
    const { id } = await begun;
    const command = new UploadPartCommand({
      ...this.#target(),
      UploadId: id,
      PartNumber: number,
      Body: body,
      ChecksumSHA256: checksumSha256,
    });
    await failpoint('sink.part.before');
    const answer = await this.#attempt('UploadPart', (abortSignal) => this.#context.client.send(command, { abortSignal }));
    await failpoint('sink.part.after');
    if (answer.ETag === undefined) throw this.#nonsense('UploadPart', 'no ETag');
    this.#parts.push({ number, bytes: used, checksumSha256, etag: answer.ETag });
    if (answer.$metadata.attempts === 1) this.#give(buffer);
  }

  async #put(): Promise<void> {
    const body = this.#buffer.subarray(0, this.#used);
    const identity = identityOfBody(body);
    const command = new PutObjectCommand({
      ...this.#target(),
      ...headers(this.#content),
      Body: body,
      ChecksumSHA256: identity.checksumSha256,
      IfNoneMatch: '*',
    });
    let attempts = 0;
    await this.#makeVisible('PutObject', identity, async (abortSignal) => {
      const answer = await this.#context.client.send(command, { abortSignal });
      attempts = answer.$metadata.attempts ?? 0;
    });
    if (attempts === 1) this.#releaseBuffer();
  }

  async #completeMultipart(begun: Promise<Begun>): Promise<void> {
    if (this.#used > 0) await this.#sendPart();
    await Promise.all(this.#inFlight);
    this.#throwIfFailed();
    const { id, attempts } = await begun;
    const parts = this.#parts.toSorted((a, b) => a.number - b.number);
    const identity = identityOfParts(parts);
    const command = new CompleteMultipartUploadCommand({
      ...this.#target(),
      UploadId: id,
      MultipartUpload: {
        Parts: parts.map((part) => ({ PartNumber: part.number, ETag: part.etag, ChecksumSHA256: part.checksumSha256 })),
      },
      MpuObjectSize: identity.bytes,
      IfNoneMatch: '*',
    });
    await this.#makeVisible('CompleteMultipartUpload', identity, (abortSignal) =>
      this.#context.client.send(command, { abortSignal }),
    );
    // S3 may have begun a second upload whose answer was lost: nobody else knows of it.
    if (attempts > 1) await this.#abandonAll();
  }

  async #makeVisible(
    operation: VisibleStep['operation'],
    identity: ObjectIdentity,
    send: (signal: AbortSignal) => Promise<unknown>,
  ): Promise<void> {
    const { client, url, clock } = this.#context;
    const signal = this.#stop.signal;
    await failpoint('sink.complete.before');
    await makeVisible({
      client,
      url,
      clock,
      signal,
      target: this.#target(),
      key: this.#key,
      operation,
      identity,
      send: () => send(signal),
    });
    await failpoint('sink.complete.after');
  }

  async #abandon(begun: Promise<Begun>): Promise<void> {
    try {
      const { id, attempts } = await begun;
      const command = new AbortMultipartUploadCommand({ ...this.#target(), UploadId: id });
      await this.#context.client.send(command, { abortSignal: AbortSignal.timeout(CLEAN_UP_MS) });
      if (attempts > 1) await this.#abandonAll();
    } catch {
      // No id: S3 may have begun an upload all the same. Or it could not be aborted by its id.
      await this.#abandonAll();
    }
  }

  async #abandonAll(): Promise<void> {
    try {
      await this.#context.abandon(this.#s3Key, AbortSignal.timeout(CLEAN_UP_MS));
    } catch {
      // The job after an unclean end looks for abandoned uploads again, and the bucket's lifecycle rule does after it. The error that led here matters more.
    }
  }

  #releaseBuffer(): void {
    this.#give(this.#buffer);
    this.#buffer = NO_BYTES;
    this.#used = 0;
  }

  #give(buffer: Buffer): void {
    if (buffer.length === this.#context.buffers.partBytes) this.#context.buffers.give(buffer);
  }

  async #attempt<T>(operation: string, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await send(this.#stop.signal);
    } catch (error) {
      throw this.#mapped(operation, error);
    }
  }

  #mapped(operation: string, error: unknown): ReplicationError {
    return toSinkError(error, { url: this.#context.url, operation, signal: this.#signal });
  }

  #nonsense(operation: string, reason: string): ReplicationError {
    return new ReplicationError('sink-failed', { url: this.#context.url, operation, reason });
  }

  #target(): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#context.bucket, Key: this.#s3Key };
  }
}

/** Content headers as the SDK names them. */
export function headers({ contentType, contentEncoding }: ContentHeaders): {
  readonly ContentType: string;
  readonly ContentEncoding?: string;
} {
  return { ContentType: contentType, ...(contentEncoding === undefined ? {} : { ContentEncoding: contentEncoding }) };
}
