import type { IncomingMessage, ServerResponse } from 'node:http';
import { Bodies } from './mini-s3-bodies.ts';
import { Faults, RequestLog } from './mini-s3-faults.ts';
import type { Fault, S3Operation } from './mini-s3-faults.ts';
import { S3Error, algorithmNamed, elements, escapeXml, one, receivedBody, unescapeXml } from './mini-s3-protocol.ts';
import type { Checksum, ChecksumAlgorithm } from './mini-s3-protocol.ts';
import { openServer } from './mini-s3-server.ts';
import type { ServerTls } from './mini-s3-server.ts';
import { Bucket, openBlobs } from './mini-s3-store.ts';
import type { Blobs, Encryption, ObjectHeaders, S3Object } from './mini-s3-store.ts';

export interface MiniS3Options {
  /** Bodies are kept in files here; in memory without it. Names and headers are in memory always. */
  readonly directory?: string;
  /** Buckets that exist from the start. */
  readonly buckets?: readonly string[];
  /** @default no TLS */
  readonly tls?: ServerTls;
  /** Of all buckets. @default s3 */
  readonly encryption?: Encryption;
}

/** A small S3 on 127.0.0.1 for tests: path style, any credentials, real checksums and conditions. */
export interface MiniS3 extends AsyncDisposable {
  readonly endpoint: string;
  readonly faults: Faults;
  readonly requests: RequestLog;
  /** Looks past the protocol, so that tests see what is there and not what a client says. */
  bucket(name: string): Bucket;
}

export async function startMiniS3({ directory, buckets = [], tls, encryption = 's3' }: MiniS3Options = {}): Promise<MiniS3> {
  const service = new Service(buckets, openBlobs(directory), encryption);
  const server = await openServer((request, response) => void service.serve(request, response), tls);
  return {
    endpoint: server.endpoint,
    faults: service.faults,
    requests: service.requests,
    bucket: (name) => service.bucket(name),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

interface Call {
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly body: Buffer;
  readonly checksum: Checksum | undefined;
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

class Service {
  readonly faults = new Faults();
  readonly requests = new RequestLog();
  readonly #buckets: Map<string, Bucket>;
  readonly #blobs: Blobs;
  readonly #bodies = new Bodies();
  readonly #newBucket: () => Bucket;

  constructor(buckets: readonly string[], blobs: Blobs, encryption: Encryption) {
    this.#newBucket = () => new Bucket(encryption);
    this.#buckets = new Map(buckets.map((name) => [name, this.#newBucket()]));
    this.#blobs = blobs;
  }

  bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw new S3Error('NoSuchBucket', 404);
    return bucket;
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const [, bucket = '', ...rest] = url.pathname.split('/');
    const key = decodeURIComponent(rest.join('/'));
    const operation = operationOf(request.method ?? 'GET', key, url.searchParams);
    let raw: Buffer;
    try {
      raw = await this.#bodies.read(request);
    } catch {
      return; // The client went away in the middle of its request.
    }
    const log = (status: number): void => {
      if (operation !== undefined) this.requests.add({ operation, key, bytes: raw.length, status });
    };
    const fault = operation === undefined ? undefined : this.faults.take(operation);
    if (fault?.kind === 'hang') {
      log(0);
      return;
    }
    if (fault?.kind === 'reset') {
      log(0);
      request.socket.resetAndDestroy();
      return;
    }
    if (fault?.kind === 'wait') await fault.until;
    const answer = await this.#answer(operation, { bucket, key, query: url.searchParams, request, raw }, fault);
    if (fault?.kind === 'lose-response') {
      log(0);
      request.socket.resetAndDestroy();
      return;
    }
    log(answer.status);
    if (!this.#blobs.holdBodies) this.#bodies.give(raw);
    const body = Buffer.from(answer.body ?? '');
    response.writeHead(answer.status, {
      'x-amz-request-id': 'mini',
      ...(request.method === 'HEAD' ? {} : { 'content-length': String(body.length) }),
      ...answer.headers,
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  async #answer(
    operation: S3Operation | undefined,
    { raw, ...call }: Omit<Call, 'body' | 'checksum'> & { readonly raw: Buffer },
    fault: Fault | undefined,
  ): Promise<Answer> {
    try {
      if (fault?.kind === 'error') throw new S3Error(fault.code, fault.status);
      if (operation === undefined) throw new S3Error('NotImplemented', 501);
      if (!isSigned(call.request, call.query)) throw new S3Error('AccessDenied', 403);
      return await this.#carryOut(operation, { ...call, ...receivedBody(call.request.headers, raw) });
    } catch (error) {
      if (!(error instanceof S3Error)) throw error;
      const xml = `<Error><Code>${error.code}</Code><Message>${escapeXml(error.message)}</Message><Resource>${escapeXml(call.key)}</Resource></Error>`;
      return { status: error.status, headers: { 'content-type': 'application/xml' }, body: xml };
    }
  }

  async #carryOut(operation: S3Operation, call: Call): Promise<Answer> {
    switch (operation) {
      case 'CreateBucket':
        if (this.#buckets.has(call.bucket)) throw new S3Error('BucketAlreadyOwnedByYou', 409);
        this.#buckets.set(call.bucket, this.#newBucket());
        return { status: 200 };
      case 'HeadBucket':
        this.bucket(call.bucket);
        return { status: 200 };
      case 'PutObject':
        return this.#put(this.bucket(call.bucket), call);
      case 'GetObject':
        return readObject(existing(this.bucket(call.bucket), call.key), call.request);
      case 'HeadObject': {
        const object = existing(this.bucket(call.bucket), call.key);
        return { status: 200, headers: { ...objectHeaders(object, call.request), 'content-length': String(object.bytes) } };
      }
      case 'DeleteObject':
        await forget(this.bucket(call.bucket), call.key);
        return { status: 204 };
      case 'DeleteObjects':
        return this.#deleteObjects(this.bucket(call.bucket), call);
      case 'ListObjectsV2':
        return listObjects(this.bucket(call.bucket), call);
      case 'CreateMultipartUpload': {
        const algorithm = algorithmNamed(one(call.request.headers['x-amz-checksum-algorithm']));
        const upload = this.bucket(call.bucket).begin(call.key, headersOf(call.request), algorithm);
        const xml = `<Bucket>${call.bucket}</Bucket><Key>${escapeXml(call.key)}</Key><UploadId>${upload.id}</UploadId>`;
        return { status: 200, body: document('InitiateMultipartUploadResult', xml) };
      }
      case 'UploadPart': {
        const bucket = this.bucket(call.bucket);
        const blob = await this.#blobs.keep(call.body);
        const upload = bucket.upload(call.key, call.query.get('uploadId') ?? '');
        const part = bucket.addPart(upload, Number(call.query.get('partNumber')), {
          body: call.body,
          blob,
          checksum: call.checksum,
        });
        return { status: 200, headers: { etag: `"${part.tag}"`, ...checksumHeaders(part.checksum) } };
      }
      case 'CompleteMultipartUpload':
        return completeUpload(this.bucket(call.bucket), call);
      case 'AbortMultipartUpload': {
        const bucket = this.bucket(call.bucket);
        const upload = bucket.upload(call.key, call.query.get('uploadId') ?? '');
        bucket.uploads.delete(upload.id);
        await Promise.all([...upload.parts.values()].map((part) => part.blob.drop()));
        return { status: 204 };
      }
      case 'ListMultipartUploads':
        return listUploads(this.bucket(call.bucket), call);
    }
  }

  async #put(bucket: Bucket, { key, request, body, checksum }: Call): Promise<Answer> {
    const blob = await this.#blobs.keep(body);
    const onlyIfAbsent = one(request.headers['if-none-match']) === '*';
    const object = bucket.put(key, { body, blob, headers: headersOf(request), checksum, onlyIfAbsent });
    return { status: 200, headers: { etag: object.etag, ...checksumHeaders(object.checksum) } };
  }

  async #deleteObjects(bucket: Bucket, { body }: Call): Promise<Answer> {
    const xml = body.toString();
    const keys = elements(xml, 'Key').map(unescapeXml);
    if (keys.length === 0 || keys.length > 1000) throw new S3Error('MalformedXML', 400);
    let failed = '';
    let deleted = '';
    for (const key of keys) {
      // A fault of DeleteObject, per key: S3 answers 200 with the keys that it did not delete.
      const fault = this.faults.take('DeleteObject');
      if (fault?.kind === 'error') {
        failed += `<Error><Key>${escapeXml(key)}</Key><Code>${fault.code}</Code><Message></Message></Error>`;
        continue;
      }
      await forget(bucket, key);
      deleted += `<Deleted><Key>${escapeXml(key)}</Key></Deleted>`;
    }
    const isQuiet = elements(xml, 'Quiet')[0] === 'true';
    return { status: 200, body: document('DeleteResult', (isQuiet ? '' : deleted) + failed) };
  }
}

function operationOf(method: string, key: string, query: URLSearchParams): S3Operation | undefined {
  const has = (name: string): boolean => query.has(name);
  if (key === '') {
    if (method === 'PUT') return 'CreateBucket';
    if (method === 'HEAD') return 'HeadBucket';
    if (method === 'POST' && has('delete')) return 'DeleteObjects';
    if (method === 'GET' && has('uploads')) return 'ListMultipartUploads';
    return method === 'GET' && query.get('list-type') === '2' ? 'ListObjectsV2' : undefined;
  }
  if (method === 'PUT') return has('uploadId') ? 'UploadPart' : 'PutObject';
  if (method === 'POST')
    return has('uploads') ? 'CreateMultipartUpload' : has('uploadId') ? 'CompleteMultipartUpload' : undefined;
  if (method === 'DELETE') return has('uploadId') ? 'AbortMultipartUpload' : 'DeleteObject';
  return method === 'HEAD' ? 'HeadObject' : method === 'GET' ? 'GetObject' : undefined;
}

function completeUpload(bucket: Bucket, { key, query, request, body }: Call): Answer {
  const parts = elements(body.toString(), 'Part').map((xml) => ({
    number: Number(elements(xml, 'PartNumber')[0]),
    etag: unescapeXml(elements(xml, 'ETag')[0] ?? ''),
    checksums: new Map(
      CHECKSUM_ELEMENTS.flatMap(([algorithm, name]) => elements(xml, name).map((value) => [algorithm, value] as const)),
    ),
  }));
  const size = one(request.headers['x-amz-mp-object-size']);
  const object = bucket.complete(bucket.upload(key, query.get('uploadId') ?? ''), parts, {
    onlyIfAbsent: one(request.headers['if-none-match']) === '*',
    bytes: size === undefined ? undefined : Number(size),
  });
  return {
    status: 200,
    body: document('CompleteMultipartUploadResult', `<Key>${escapeXml(key)}</Key><ETag>${escapeXml(object.etag)}</ETag>`),
  };
}

const CHECKSUM_ELEMENTS: readonly (readonly [ChecksumAlgorithm, string])[] = [
  ['CRC32', 'ChecksumCRC32'],
  ['CRC32C', 'ChecksumCRC32C'],
  ['SHA1', 'ChecksumSHA1'],
  ['SHA256', 'ChecksumSHA256'],
];

function listObjects(bucket: Bucket, { query }: Call): Answer {
  const prefix = query.get('prefix') ?? '';
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const limit = Math.min(Number(query.get('max-keys') ?? 1000), 1000);
  const keys = sorted([...bucket.objects.keys()].filter((key) => key.startsWith(prefix))).filter(
    (key) => compare(key, after) > 0,
  );
  const page = keys.slice(0, limit);
  const encode = query.get('encoding-type') === 'url' ? encodeURIComponent : escapeXml;
  const contents = page.map((key) => {
    const { bytes, etag, modifiedAt } = existing(bucket, key);
    return `<Contents><Key>${encode(key)}</Key><LastModified>${modifiedAt.toISOString()}</LastModified><ETag>${escapeXml(etag)}</ETag><Size>${bytes}</Size></Contents>`;
  });
  const isTruncated = keys.length > page.length;
  const next = isTruncated ? `<NextContinuationToken>${escapeXml(page.at(-1) ?? after)}</NextContinuationToken>` : '';
  return {
    status: 200,
    body: document(
      'ListBucketResult',
      `<KeyCount>${page.length}</KeyCount><IsTruncated>${isTruncated}</IsTruncated>${next}${contents.join('')}`,
    ),
  };
}

function listUploads(bucket: Bucket, { query }: Call): Answer {
  const prefix = query.get('prefix') ?? '';
  const limit = Math.min(Number(query.get('max-uploads') ?? 1000), 1000);
  const [keyMarker, idMarker] = [query.get('key-marker') ?? '', query.get('upload-id-marker') ?? ''];
  const all = [...bucket.uploads.values()]
    .filter(({ key }) => key.startsWith(prefix))
    .sort((a, b) => compare(a.key, b.key) || compare(a.id, b.id))
    .filter(({ key, id }) => compare(key, keyMarker) > 0 || (key === keyMarker && idMarker !== '' && compare(id, idMarker) > 0));
  const page = all.slice(0, limit);
  const uploads = page.map(
    ({ key, id, startedAt }) =>
      `<Upload><Key>${escapeXml(key)}</Key><UploadId>${id}</UploadId><Initiated>${startedAt.toISOString()}</Initiated></Upload>`,
  );
  const last = page.at(-1);
  const isTruncated = all.length > page.length;
  const next =
    isTruncated && last !== undefined
      ? `<NextKeyMarker>${escapeXml(last.key)}</NextKeyMarker><NextUploadIdMarker>${last.id}</NextUploadIdMarker>`
      : '';
  return {
    status: 200,
    body: document('ListMultipartUploadsResult', `<IsTruncated>${isTruncated}</IsTruncated>${next}${uploads.join('')}`),
  };
}

async function readObject(object: S3Object, request: IncomingMessage): Promise<Answer> {
  const whole = Buffer.concat(await Promise.all(object.blobs.map((blob) => blob.read())));
  const range = /^bytes=(\d*)-(\d*)$/.exec(one(request.headers.range) ?? '');
  if (range === null) return { status: 200, headers: objectHeaders(object, request), body: whole };
  const [, first = '', last = ''] = range;
  const start = first === '' ? Math.max(0, whole.length - Number(last)) : Number(first);
  const end = first === '' || last === '' ? whole.length - 1 : Math.min(Number(last), whole.length - 1);
  if (start > end) throw new S3Error('InvalidRange', 416);
  const { etag, ...headers } = objectHeaders(object, undefined);
  return {
    status: 206,
    headers: { ...headers, etag: etag ?? '', 'content-range': `bytes ${start}-${end}/${whole.length}` },
    body: whole.subarray(start, end + 1),
  };
}

/** The checksum only where the client asks for it, and never for a range: it is that of the whole. */
function objectHeaders(
  { headers, etag, checksum, modifiedAt }: S3Object,
  request: IncomingMessage | undefined,
): Record<string, string> {
  const wantsChecksum = one(request?.headers['x-amz-checksum-mode']) === 'ENABLED';
  return {
    etag,
    'last-modified': modifiedAt.toUTCString(),
    'accept-ranges': 'bytes',
    'content-type': headers.contentType ?? 'application/octet-stream',
    ...(headers.contentEncoding === undefined ? {} : { 'content-encoding': headers.contentEncoding }),
    ...Object.fromEntries(headers.metadata),
    ...(wantsChecksum ? checksumHeaders(checksum) : {}),
  };
}

function checksumHeaders(checksum: Checksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  const type = checksum.value.includes('-') ? 'COMPOSITE' : 'FULL_OBJECT';
  return { [`x-amz-checksum-${checksum.algorithm.toLowerCase()}`]: checksum.value, 'x-amz-checksum-type': type };
}

function headersOf({ headers }: IncomingMessage): ObjectHeaders {
  const encodings = (one(headers['content-encoding']) ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'aws-chunked');
  const metadata = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith('x-amz-meta-') ? [[name, one(value) ?? ''] as const] : [],
  );
  return {
    contentType: headers['content-type'],
    contentEncoding: encodings.length === 0 ? undefined : encodings.join(','),
    metadata: new Map(metadata),
  };
}

async function forget(bucket: Bucket, key: string): Promise<void> {
  const object = bucket.objects.get(key);
  bucket.objects.delete(key);
  await Promise.all((object?.blobs ?? []).map((blob) => blob.drop()));
}

function existing(bucket: Bucket, key: string): S3Object {
  const object = bucket.objects.get(key);
  if (object === undefined) throw new S3Error('NoSuchKey', 404);
  return object;
}

function isSigned(request: IncomingMessage, query: URLSearchParams): boolean {
  return (request.headers.authorization ?? '').startsWith('AWS4-HMAC-SHA256 ') || query.has('X-Amz-Signature');
}

function document(name: string, content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${name}>`;
}

function sorted(keys: readonly string[]): readonly string[] {
  return [...keys].sort(compare);
}

/** S3's order: by the bytes of UTF-8. */
function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
