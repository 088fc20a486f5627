import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { S3Error, checksumOf } from './mini-s3-protocol.ts';
import type { Checksum, ChecksumAlgorithm } from './mini-s3-protocol.ts';

const MIN_PART_BYTES = 5 * 1024 * 1024;

/** Bytes that are kept in memory or in a file. */
export interface Blob {
  readonly bytes: number;
  read(): Promise<Buffer>;
  drop(): Promise<void>;
}

export interface Blobs {
  /** Whether a blob is the memory that `keep` was given. */
  readonly holdBodies: boolean;
  keep(body: Buffer): Promise<Blob>;
}

/** Where blobs are kept: in `directory`, or in memory without one. */
export function openBlobs(directory: string | undefined): Blobs {
  if (directory === undefined) {
    return {
      holdBodies: true,
      keep: async (body) => ({ bytes: body.length, read: async () => body, drop: async () => undefined }),
    };
  }
  let made: Promise<unknown> | undefined;
  return {
    holdBodies: false,
    keep: async (body) => {
      await (made ??= mkdir(directory, { recursive: true }));
      const path = join(directory, randomUUID());
      const { length: bytes } = body;
      await writeFile(path, body);
      return { bytes, read: () => readFile(path), drop: () => rm(path, { force: true }) };
    },
  };
}

export interface ObjectHeaders {
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly metadata: ReadonlyMap<string, string>;
}

export interface S3Object {
  readonly headers: ObjectHeaders;
  readonly blobs: readonly Blob[];
  readonly bytes: number;
  /** With its quotes. */
  readonly etag: string;
  readonly checksum: Checksum | undefined;
  readonly modifiedAt: Date;
}

interface Part {
  readonly blob: Blob;
  /** Hex, without quotes. */
  readonly tag: string;
  readonly checksum: Checksum | undefined;
}

export interface S3Upload {
  readonly id: string;
  readonly key: string;
  readonly headers: ObjectHeaders;
  readonly algorithm: ChecksumAlgorithm | undefined;
  readonly parts: Map<number, Part>;
  readonly startedAt: Date;
}

/** What a client says a part is. */
export interface NamedPart {
  readonly number: number;
  readonly etag: string;
  readonly checksums: ReadonlyMap<ChecksumAlgorithm, string>;
}

/** How a bucket encrypts: with keys of KMS, ETags are no MD5. https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html */
export type Encryption = 's3' | 'kms';

/** One bucket. Steps that decide and change are without a wait in between, so requests at the same time cannot both win. */
export class Bucket {
  readonly #tagOf: (body: Buffer) => string;
  readonly objects = new Map<string, S3Object>();
  readonly uploads = new Map<string, S3Upload>();

  constructor(encryption: Encryption) {
    this.#tagOf = encryption === 'kms' ? opaqueTag : md5Of;
  }

  put(key: string, { body, blob, headers, checksum, onlyIfAbsent }: PutRequest): S3Object {
    if (onlyIfAbsent && this.objects.has(key)) throw new S3Error('PreconditionFailed', 412);
    const object = {
      headers,
      blobs: [blob],
      bytes: blob.bytes,
      etag: `"${this.#tagOf(body)}"`,
      // S3 keeps a CRC64NVME where the client sends nothing; here CRC32, which clients do not ask for by name either.
      checksum: checksum ?? { algorithm: 'CRC32' as const, value: checksumOf('CRC32', body) },
      modifiedAt: new Date(),
    };
    this.objects.set(key, object);
    return object;
  }

  begin(key: string, headers: ObjectHeaders, algorithm: ChecksumAlgorithm | undefined): S3Upload {
    const upload = { id: randomUUID(), key, headers, algorithm, parts: new Map<number, Part>(), startedAt: new Date() };
    this.uploads.set(upload.id, upload);
    return upload;
  }

  upload(key: string, id: string): S3Upload {
    const upload = this.uploads.get(id);
    if (upload?.key !== key) throw new S3Error('NoSuchUpload', 404);
    return upload;
  }

  addPart(
    upload: S3Upload,
    number: number,
    { body, blob, checksum }: { readonly body: Buffer; readonly blob: Blob; readonly checksum: Checksum | undefined },
  ): Part {
    if (!Number.isInteger(number) || number < 1 || number > 10_000)
      throw new S3Error('InvalidArgument', 400, 'Part number must be an integer between 1 and 10000');
    if (upload.algorithm !== undefined && checksum !== undefined && checksum.algorithm !== upload.algorithm) {
      throw new S3Error('InvalidRequest', 400, 'Checksum Type mismatch occurred');
    }
    const part = { blob, tag: this.#tagOf(body), checksum };
    upload.parts.set(number, part);
    return part;
  }

  complete(
    upload: S3Upload,
    named: readonly NamedPart[],
    { onlyIfAbsent, bytes }: { readonly onlyIfAbsent: boolean; readonly bytes: number | undefined },
  ): S3Object {
    if (named.some((part, index) => index > 0 && part.number <= (named[index - 1]?.number ?? 0)))
      throw new S3Error('InvalidPartOrder', 400);
    const parts = named.map((part, index) => checkedPart(upload, part, { isLast: index === named.length - 1 }));
    if (parts.length === 0) throw new S3Error('MalformedXML', 400);
    const total = parts.reduce((sum, part) => sum + part.blob.bytes, 0);
    if (bytes !== undefined && bytes !== total)
      throw new S3Error('InvalidRequest', 400, 'The provided x-amz-mp-object-size does not match');
    if (onlyIfAbsent && this.objects.has(upload.key)) throw new S3Error('PreconditionFailed', 412);
    const object = {
      headers: upload.headers,
      blobs: parts.map((part) => part.blob),
      bytes: total,
      etag: `"${this.#tagOf(Buffer.concat(parts.map((part) => Buffer.from(part.tag, 'hex'))))}-${parts.length}"`,
      checksum: compositeOf(upload.algorithm, parts),
      modifiedAt: new Date(),
    };
    this.objects.set(upload.key, object);
    this.uploads.delete(upload.id);
    return object;
  }
}

interface PutRequest {
  readonly body: Buffer;
  readonly blob: Blob;
  readonly headers: ObjectHeaders;
  readonly checksum: Checksum | undefined;
  readonly onlyIfAbsent: boolean;
}

function checkedPart(upload: S3Upload, named: NamedPart, { isLast }: { readonly isLast: boolean }): Part {
  const part = upload.parts.get(named.number);
  if (part === undefined || part.tag !== named.etag.replaceAll('"', '')) throw new S3Error('InvalidPart', 400);
  if (!isLast && part.blob.bytes < MIN_PART_BYTES) throw new S3Error('EntityTooSmall', 400);
  if (upload.algorithm !== undefined) {
    const value = named.checksums.get(upload.algorithm);
    if (value === undefined && upload.algorithm !== 'CRC32')
      throw new S3Error('InvalidRequest', 400, 'The complete request must include the checksum for each part.');
    if (value !== undefined && value !== part.checksum?.value) throw new S3Error('InvalidPart', 400);
  }
  return part;
}

function compositeOf(algorithm: ChecksumAlgorithm | undefined, parts: readonly Part[]): Checksum | undefined {
  if (algorithm === undefined || parts.some((part) => part.checksum === undefined)) return undefined;
  const digests = Buffer.concat(parts.map((part) => Buffer.from(part.checksum?.value ?? '', 'base64')));
  return { algorithm, value: `${checksumOf(algorithm, digests)}-${parts.length}` };
}

function opaqueTag(): string {
  return randomUUID().replaceAll('-', '');
}

function md5Of(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}
