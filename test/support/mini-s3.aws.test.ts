import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ACCESS_DENIED, INTERNAL_ERROR, SLOW_DOWN } from './mini-s3-faults.ts';
import { startS3, testS3Client } from './s3.ts';
import type { TestS3 } from './s3.ts';

const MIB = 1024 * 1024;

describe.each(['memory', 'disk'])('the small S3 of the tests, bodies in %s', (kind) => {
  let directory: string | undefined;
  let s3: TestS3;
  const at = (Key: string): { readonly Bucket: string; readonly Key: string } => ({ Bucket: s3.bucket, Key });

  beforeAll(async () => {
    directory = kind === 'disk' ? await mkdtemp(join(tmpdir(), 'mini-s3-')) : undefined;
    s3 = await startS3(directory === undefined ? {} : { directory });
  });
  afterEach(() => s3.faults.clear());
  afterAll(async () => {
    await s3[Symbol.asyncDispose]();
    if (directory !== undefined) await rm(directory, { recursive: true });
  });

  async function codeOf(work: Promise<unknown>): Promise<string> {
    const error: unknown = await work.then(
      () => undefined,
      (caught: unknown) => caught,
    );
    return error instanceof S3ServiceException ? `${error.$metadata.httpStatusCode ?? 0} ${error.name}` : String(error);
  }

  async function bytesOf(Key: string): Promise<Buffer> {
    const { Body } = await s3.client.send(new GetObjectCommand(at(Key)));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  }

  test('stores a body and its headers as they were sent', async () => {
    const body = randomBytes(100_000);

    await s3.client.send(
      new PutObjectCommand({
        ...at('a/b ü+&.gz'),
        Body: body,
        ContentType: 'x/y',
        ContentEncoding: 'gzip',
        Metadata: { k: 'v' },
      }),
    );

    const got = await s3.client.send(new GetObjectCommand(at('a/b ü+&.gz')));
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
    expect(got).toMatchObject({ ContentType: 'x/y', ContentEncoding: 'gzip', Metadata: { k: 'v' }, ContentLength: body.length });
    expect(got.ETag).toBe(`"${createHash('md5').update(body).digest('hex')}"`);
  });

  test('takes the framing of a streamed body off, and keeps its other encodings', async () => {
    const body = randomBytes(200_000);

    await s3.client.send(
      new PutObjectCommand({
        ...at('streamed'),
        Body: Readable.from([body.subarray(0, 70_000), body.subarray(70_000)]),
        ContentLength: body.length,
        ContentEncoding: 'gzip',
      }),
    );

    expect((await bytesOf('streamed')).equals(body)).toBe(true);
    const head = await s3.client.send(new HeadObjectCommand(at('streamed')));
    expect(head).toMatchObject({ ContentEncoding: 'gzip', ContentLength: body.length });
  });

  test.each(['CRC32', 'CRC32C', 'SHA1', 'SHA256'] as const)(
    'verifies %s as a header and as a trailer, and tells it',
    async (ChecksumAlgorithm) => {
      const body = randomBytes(50_000);

      await s3.client.send(new PutObjectCommand({ ...at('sum'), Body: body, ChecksumAlgorithm }));
      const asHeader = await s3.client.send(new HeadObjectCommand({ ...at('sum'), ChecksumMode: 'ENABLED' }));
      await s3.client.send(
        new PutObjectCommand({ ...at('sum'), Body: Readable.from([body]), ContentLength: body.length, ChecksumAlgorithm }),
      );
      const asTrailer = await s3.client.send(new HeadObjectCommand({ ...at('sum'), ChecksumMode: 'ENABLED' }));

      const field = `Checksum${ChecksumAlgorithm}` as const;
      expect(asHeader[field]).toMatch(/^[A-Za-z0-9+/]+=*$/);
      expect(asTrailer[field]).toBe(asHeader[field]);
      expect(asHeader.ChecksumType).toBe('FULL_OBJECT');
    },
  );

  test.each([
    ['CRC32', { ChecksumCRC32: 'AAAAAA==' }, '400 BadDigest'],
    ['CRC32C', { ChecksumCRC32C: 'AAAAAA==' }, '400 BadDigest'],
    ['SHA1', { ChecksumSHA1: Buffer.alloc(20).toString('base64') }, '400 BadDigest'],
    ['SHA256', { ChecksumSHA256: Buffer.alloc(32).toString('base64') }, '400 BadDigest'],
    ['MD5', { ContentMD5: Buffer.alloc(16).toString('base64') }, '400 BadDigest'],
    ['SHA256 of a wrong length', { ChecksumSHA256: 'AAAA' }, '400 InvalidRequest'],
  ])('refuses a wrong %s and stores nothing', async (_name, checksum, expected) => {
    const code = await codeOf(s3.client.send(new PutObjectCommand({ ...at('wrong'), Body: 'body', ...checksum })));

    expect(code).toBe(expected);
    expect(s3.store.objects.has('wrong')).toBe(false);
  });

  test('knows the digest of RFC 3720 for CRC32C and of everyone for CRC32', async () => {
    await s3.client.send(new PutObjectCommand({ ...at('check'), Body: '123456789', ChecksumCRC32C: '4waSgw==' }));
    await s3.client.send(new PutObjectCommand({ ...at('check'), Body: '123456789', ChecksumCRC32: 'y/Q5Jg==' }));

    expect(s3.store.objects.get('check')?.checksum).toEqual({ algorithm: 'CRC32', value: 'y/Q5Jg==' });
  });

  test('lets one of twenty writers at the same time create an object', async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        codeOf(s3.client.send(new PutObjectCommand({ ...at('race'), Body: `writer ${n}`, IfNoneMatch: '*' }))),
      ),
    );

    expect(results.filter((code) => code === 'undefined')).toHaveLength(1);
    expect(results.filter((code) => code === '412 PreconditionFailed')).toHaveLength(19);
  });

  test('gives ranges', async () => {
    await s3.client.send(new PutObjectCommand({ ...at('ranged'), Body: '0123456789' }));
    const ranges = ['bytes=2-4', 'bytes=7-', 'bytes=-3', 'bytes=8-99'];

    const texts = await Promise.all(
      ranges.map(async (Range) =>
        (await s3.client.send(new GetObjectCommand({ ...at('ranged'), Range }))).Body?.transformToString(),
      ),
    );

    expect(texts).toEqual(['234', '789', '789', '89']);
    expect(await codeOf(s3.client.send(new GetObjectCommand({ ...at('ranged'), Range: 'bytes=10-' })))).toBe('416 InvalidRange');
  });

  test('lists in the order of bytes, by pages, below a prefix, after a key', async () => {
    for (const name of ['l/b', 'l/a-', 'l/a/1', 'l/ä', 'l/B', 'm'])
      await s3.client.send(new PutObjectCommand({ ...at(name), Body: name }));
    const keys: (string | undefined)[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await s3.client.send(
        new ListObjectsV2Command({ Bucket: s3.bucket, Prefix: 'l/', MaxKeys: 2, ContinuationToken }),
      );
      keys.push(...(page.Contents ?? []).map(({ Key }) => Key));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    const after = await s3.client.send(new ListObjectsV2Command({ Bucket: s3.bucket, Prefix: 'l/', StartAfter: 'l/a/1' }));

    expect(keys).toEqual(['l/B', 'l/a-', 'l/a/1', 'l/b', 'l/ä']);
    expect(after.Contents?.map(({ Key, Size }) => [Key, Size])).toEqual([
      ['l/b', 3],
      ['l/ä', 4],
    ]);
  });

  test('deletes one and many, missing ones too, and reports those that it may not', async () => {
    for (const name of ['d/1', 'd/2', 'd/<3>&']) await s3.client.send(new PutObjectCommand({ ...at(name), Body: name }));
    await s3.client.send(new DeleteObjectCommand(at('d/1')));
    s3.faults.add('DeleteObject', ACCESS_DENIED);

    const many = await s3.client.send(
      new DeleteObjectsCommand({
        Bucket: s3.bucket,
        Delete: { Quiet: true, Objects: [{ Key: 'd/2' }, { Key: 'd/<3>&' }, { Key: 'd/none' }] },
      }),
    );

    expect(many.Deleted).toBeUndefined();
    expect(many.Errors).toMatchObject([{ Key: 'd/2', Code: 'AccessDenied' }]);
    expect([...s3.store.objects.keys()].filter((key) => key.startsWith('d/'))).toEqual(['d/2']);
  });

  describe('multipart', () => {
    async function begin(Key: string): Promise<{ Bucket: string; Key: string; UploadId: string }> {
      const { UploadId = '' } = await s3.client.send(
        new CreateMultipartUploadCommand({ ...at(Key), ChecksumAlgorithm: 'SHA256', ContentEncoding: 'gzip' }),
      );
      return { ...at(Key), UploadId };
    }

    async function part(upload: { Bucket: string; Key: string; UploadId: string }, PartNumber: number, Body: Buffer) {
      const { ETag, ChecksumSHA256 } = await s3.client.send(
        new UploadPartCommand({ ...upload, PartNumber, Body, ChecksumAlgorithm: 'SHA256' }),
      );
      return { PartNumber, ETag, ChecksumSHA256 };
    }

    test('joins parts in order, with composite ETag and checksum, visible only then', async () => {
      const bodies = [randomBytes(5 * MIB), randomBytes(1000)];
      const upload = await begin('m/joined');
      const second = await part(upload, 2, bodies[1] ?? Buffer.alloc(0));
      const first = await part(upload, 1, bodies[0] ?? Buffer.alloc(0));
      const before = await codeOf(s3.client.send(new HeadObjectCommand(at('m/joined'))));

      await s3.client.send(
        new CompleteMultipartUploadCommand({
          ...upload,
          MultipartUpload: { Parts: [first, second] },
          MpuObjectSize: 5 * MIB + 1000,
          IfNoneMatch: '*',
        }),
      );

      const head = await s3.client.send(new HeadObjectCommand({ ...at('m/joined'), ChecksumMode: 'ENABLED' }));
      const digests = bodies.map((body) => createHash('sha256').update(body).digest());
      const md5s = bodies.map((body) => createHash('md5').update(body).digest());
      expect(before).toBe('404 NotFound');
      expect(head.ChecksumSHA256).toBe(`${createHash('sha256').update(Buffer.concat(digests)).digest('base64')}-2`);
      expect(head.ETag).toBe(`"${createHash('md5').update(Buffer.concat(md5s)).digest('hex')}-2"`);
      expect(head).toMatchObject({ ContentEncoding: 'gzip', ContentLength: 5 * MIB + 1000, ChecksumType: 'COMPOSITE' });
      expect((await bytesOf('m/joined')).equals(Buffer.concat(bodies))).toBe(true);
      expect(await codeOf(s3.client.send(new AbortMultipartUploadCommand(upload)))).toBe('404 NoSuchUpload');
    });

    test('refuses what S3 refuses', async () => {
      await s3.client.send(new PutObjectCommand({ ...at('m/taken'), Body: 'old' }));
      const upload = await begin('m/taken');
      const small = await part(upload, 1, Buffer.from('small'));
      const last = await part(upload, 2, Buffer.from('last'));
      const complete = (Parts: object[], more: object = {}): Promise<string> =>
        codeOf(s3.client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts }, ...more })));

      expect(await complete([small, last])).toBe('400 EntityTooSmall');
      expect(await complete([last, small])).toBe('400 InvalidPartOrder');
      expect(await complete([{ ...small, ETag: '"0"' }])).toBe('400 InvalidPart');
      expect(await complete([{ ...small, ChecksumSHA256: last.ChecksumSHA256 }])).toBe('400 InvalidPart');
      expect(await complete([{ ...small, ChecksumSHA256: undefined }])).toBe('400 InvalidRequest');
      expect(await complete([small], { MpuObjectSize: 6 })).toBe('400 InvalidRequest');
      expect(await complete([small], { IfNoneMatch: '*' })).toBe('412 PreconditionFailed');
      expect(await complete([small], { UploadId: 'other' })).toBe('404 NoSuchUpload');
      expect((await bytesOf('m/taken')).toString()).toBe('old');
      expect(
        await codeOf(
          s3.client.send(
            new UploadPartCommand({ ...upload, PartNumber: 3, Body: 'x', ChecksumSHA256: Buffer.alloc(32).toString('base64') }),
          ),
        ),
      ).toBe('400 BadDigest');
      await s3.client.send(new AbortMultipartUploadCommand(upload));
    });

    test('lists uploads by pages and forgets aborted ones with their parts', async () => {
      const uploads = [await begin('u/1'), await begin('u/1'), await begin('u/2'), await begin('v')];
      await part(uploads[0] ?? (await begin('u/x')), 1, Buffer.from('bytes'));
      const found: (string | undefined)[] = [];
      let position: { KeyMarker: string | undefined; UploadIdMarker: string | undefined } | undefined;
      do {
        const page = await s3.client.send(
          new ListMultipartUploadsCommand({ Bucket: s3.bucket, Prefix: 'u/', MaxUploads: 1, ...position }),
        );
        found.push(...(page.Uploads ?? []).map(({ Key }) => Key));
        position =
          page.IsTruncated === true ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined;
      } while (position !== undefined);

      for (const upload of uploads) await s3.client.send(new AbortMultipartUploadCommand(upload));

      expect(found).toEqual(['u/1', 'u/1', 'u/2']);
      expect([...s3.store.uploads.values()].filter(({ key }) => key.startsWith('u/'))).toEqual([]);
    });
  });

  test('has the buckets that it was told to have', async () => {
    await s3.client.send(new HeadBucketCommand({ Bucket: s3.bucket }));

    expect(await codeOf(s3.client.send(new HeadBucketCommand({ Bucket: 'none' })))).toBe('404 NotFound');
    expect(await codeOf(s3.client.send(new GetObjectCommand({ Bucket: 'none', Key: 'k' })))).toBe('404 NoSuchBucket');
    expect(await codeOf(s3.client.send(new CreateBucketCommand({ Bucket: s3.bucket })))).toBe('409 BucketAlreadyOwnedByYou');
    expect(await codeOf(s3.client.send(new GetObjectCommand(at('none'))))).toBe('404 NoSuchKey');
  });

  test('refuses requests without a signature', async () => {
    const answer = await fetch(`${s3.endpoint}/${s3.bucket}/unsigned`, { method: 'PUT', body: 'x' });

    expect(answer.status).toBe(403);
    expect(s3.store.objects.has('unsigned')).toBe(false);
  });

  test('fails as it is told, as often as it is told, and keeps a log', async () => {
    const client = testS3Client(s3.endpoint, { maxAttempts: 1 });
    const put = (): Promise<string> => codeOf(client.send(new PutObjectCommand({ ...at('faulty'), Body: 'x' })));
    s3.requests.clear();
    s3.faults.add('PutObject', SLOW_DOWN, { after: 1 });
    s3.faults.add('PutObject', INTERNAL_ERROR);
    s3.faults.add('PutObject', { kind: 'reset' });
    s3.faults.add('GetObject', { kind: 'reset' });

    const results = [await put(), await put(), await put()];
    const lost = await put();
    await client.send(new DeleteObjectCommand(at('faulty')));
    s3.faults.add('PutObject', { kind: 'lose-response' });
    const done = await put();
    client.destroy();

    expect(results).toEqual(['500 InternalError', '503 SlowDown', expect.stringContaining('ECONNRESET')]);
    expect([lost, done]).toEqual(['undefined', expect.stringContaining('ECONNRESET')]);
    expect(s3.store.objects.has('faulty')).toBe(true);
    expect(s3.requests.all.filter(({ operation }) => operation === 'PutObject').map(({ status }) => status)).toEqual([
      500, 503, 0, 200, 0,
    ]);
    expect(s3.requests.count('PutObject')).toBe(5);
  });

  test('does not answer while it hangs, and lets go of clients that leave', async () => {
    s3.faults.add('GetObject', { kind: 'hang' });
    const leave = new AbortController();
    s3.requests.clear();

    const hanging = codeOf(s3.client.send(new GetObjectCommand(at('check')), { abortSignal: leave.signal }));
    await expect.poll(() => s3.requests.count('GetObject'), { timeout: 30_000 }).toBe(1);
    leave.abort();

    expect(await hanging).toContain('AbortError');
  });
});

test('keeps bodies in files where it is told to, and removes them with their objects', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mini-s3-'));
  try {
    await using s3 = await startS3({ directory });
    const target = { Bucket: s3.bucket, Key: 'k' };
    await s3.client.send(new PutObjectCommand({ ...target, Body: 'x' }));
    const before = await readdir(directory);
    await s3.client.send(new DeleteObjectCommand(target));

    expect(before).toHaveLength(1);
    expect(await readdir(directory)).toEqual([]);
  } finally {
    await rm(directory, { recursive: true });
  }
});
