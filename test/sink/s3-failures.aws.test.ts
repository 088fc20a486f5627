import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ReplicationError } from '../../functions/engine/model/errors.ts';
import type { Clock } from '../../functions/engine/runtime/clock.ts';
import { openS3Sink } from '../../functions/engine/sink/s3/s3-sink.ts';
import type { Sink } from '../../functions/engine/sink/sink.ts';
import { codeOf, keysOf } from '../contract/sink.suite.ts';
import { ACCESS_DENIED, CONFLICT, INTERNAL_ERROR, SLOW_DOWN } from '../support/mini-s3-faults.ts';
import type { Fault, S3Operation } from '../support/mini-s3-faults.ts';
import { startS3, testS3Client } from '../support/s3.ts';
import type { TestS3 } from '../support/s3.ts';

const MIB = 1024 * 1024;
const PART_BYTES = 5 * MIB;
const CONTENT = { contentType: 'application/x-ndjson', contentEncoding: 'gzip' } as const;
const POLL = { timeout: 30_000 } as const;
const never = new AbortController().signal;

let s3: TestS3;
let sink: Sink;
const slept: number[] = [];
const clock: Clock = { now: () => new Date(), sleep: async (ms) => void slept.push(ms) };

function open(
  options: { readonly prefix?: string; readonly uploadsInFlight?: number; readonly client?: TestS3['client'] } = {},
): Sink {
  return openS3Sink({
    url: 's3://landing/p',
    bucket: s3.bucket,
    prefix: 'p',
    client: s3.client,
    partBytes: PART_BYTES,
    clock,
    ...options,
  });
}

async function store(bytes: number, key = 'k'): Promise<Buffer> {
  const body = randomBytes(bytes);
  await using upload = await sink.create(key, CONTENT, never);
  await upload.write(body);
  await upload.complete();
  return body;
}

beforeEach(async () => {
  s3 = await startS3();
  sink = open();
  slept.length = 0;
});
afterEach(() => s3[Symbol.asyncDispose]());

describe('when S3 fails', () => {
  const passing: readonly (readonly [string, S3Operation, Fault])[] = [
    ['a part', 'UploadPart', SLOW_DOWN],
    ['a part', 'UploadPart', INTERNAL_ERROR],
    ['a part', 'UploadPart', { kind: 'reset' }],
    ['a part', 'UploadPart', { kind: 'lose-response' }],
    ['the beginning', 'CreateMultipartUpload', INTERNAL_ERROR],
    ['the beginning', 'CreateMultipartUpload', { kind: 'lose-response' }],
    ['the completion', 'CompleteMultipartUpload', INTERNAL_ERROR],
    ['the completion', 'CompleteMultipartUpload', CONFLICT],
    ['the completion', 'CompleteMultipartUpload', { kind: 'reset' }],
    ['the completion', 'CompleteMultipartUpload', { kind: 'lose-response' }],
  ];

  test.each(passing)('%s that fails once is tried again: %s %o', async (_name, operation, fault) => {
    s3.faults.add(operation, fault);

    const body = await store(2 * PART_BYTES + 10);

    expect((await sink.read('k', never))?.equals(body)).toBe(true);
    expect(s3.store.uploads.size).toBe(0);
  });

  test.each([SLOW_DOWN, CONFLICT, { kind: 'reset' }, { kind: 'lose-response' }] as const)(
    'a small object whose request fails once is tried again: %o',
    async (fault) => {
      s3.faults.add('PutObject', fault);

      const body = await store(1000);

      expect((await sink.read('k', never))?.equals(body)).toBe(true);
    },
  );

  test.each([
    [10, 's3'],
    [2 * PART_BYTES, 's3'],
    // Then the ETag says nothing of the bytes.
    [10, 'kms'],
    [2 * PART_BYTES, 'kms'],
  ] as const)(
    'a lost answer to the last allowed try is still found to be a success (%i bytes, keys of %s)',
    async (bytes, encryption) => {
      await s3[Symbol.asyncDispose]();
      s3 = await startS3({ encryption });
      sink = open();
      s3.faults.add('PutObject', { kind: 'lose-response' });
      s3.faults.add('PutObject', { kind: 'reset' }, { times: 2 });
      s3.faults.add('CompleteMultipartUpload', { kind: 'lose-response' });
      s3.faults.add('CompleteMultipartUpload', { kind: 'reset' }, { times: 2 });

      const body = await store(bytes);

      expect((await sink.read('k', never))?.equals(body)).toBe(true);
    },
  );

  test('an answer that was lost does not make an object of somebody else ours', async () => {
    for (const bytes of [10, 2 * PART_BYTES]) {
      await sink.put('taken', randomBytes(bytes), CONTENT, never);
      s3.faults.add('PutObject', { kind: 'reset' });
      s3.faults.add('CompleteMultipartUpload', { kind: 'reset' });

      expect(await codeOf(store(bytes, 'taken'))).toBe('object-exists');
    }
  });

  test('an object that exists is refused at the first answer, even one with the same bytes', async () => {
    const body = await store(10);
    await using upload = await sink.create('k', CONTENT, never);
    await upload.write(body);

    expect(await codeOf(upload.complete())).toBe('object-exists');
    expect(s3.requests.count('HeadObject')).toBe(0);
  });

  test('a store without SHA-256 tells its objects by ETag', async () => {
    s3.client.middlewareStack.add(
      (next, context) => async (args) => {
        const result = await next(args);
        if (context.commandName === 'HeadObjectCommand') Object.assign(result.output, { ChecksumSHA256: undefined });
        return result;
      },
      { step: 'initialize', name: 'no-checksums' },
    );
    s3.faults.add('PutObject', { kind: 'lose-response' });
    s3.faults.add('CompleteMultipartUpload', { kind: 'lose-response' });

    await store(10, 'small');
    await store(2 * PART_BYTES, 'large');

    expect([...s3.store.objects.keys()]).toEqual(['p/small', 'p/large']);
  });

  test.each(['ListObjectsV2', 'GetObject', 'CreateMultipartUpload', 'AbortMultipartUpload', 'ListMultipartUploads'] as const)(
    'the check of the bucket outlives a lost answer to %s',
    async (operation) => {
      s3.faults.add(operation, { kind: 'lose-response' });

      await sink.check(never);

      expect(s3.store.objects.size).toBe(0);
    },
  );

  test('a conflict is waited for, longer each time, and not for ever', async () => {
    s3.faults.add('PutObject', CONFLICT, { times: Infinity });

    expect(await codeOf(store(10))).toBe('sink-failed');
    expect(slept).toEqual([200, 400, 800, 1600]);
  });

  test.each([
    ['a part', 'UploadPart', ACCESS_DENIED, 'sink-forbidden'],
    ['a part', 'UploadPart', { kind: 'error', code: 'NoSuchBucket', status: 404 }, 'sink-missing'],
    ['a part', 'UploadPart', { kind: 'error', code: 'XMinioStorageFull', status: 507 }, 'sink-full'],
    ['a part', 'UploadPart', { kind: 'error', code: 'NoSuchUpload', status: 404 }, 'sink-failed'],
    ['a part', 'UploadPart', { kind: 'reset' }, 'sink-failed'],
    ['the beginning', 'CreateMultipartUpload', ACCESS_DENIED, 'sink-forbidden'],
    ['the completion', 'CompleteMultipartUpload', ACCESS_DENIED, 'sink-forbidden'],
    ['the completion', 'CompleteMultipartUpload', { kind: 'error', code: 'ExpiredToken', status: 400 }, 'sink-forbidden'],
    ['the completion', 'CompleteMultipartUpload', SLOW_DOWN, 'sink-failed'],
  ] as const)('%s that fails for good surfaces and leaves nothing: %s %o', async (_name, operation, fault, code) => {
    s3.faults.add(operation, fault, { times: Infinity });

    expect(await codeOf(store(5 * PART_BYTES))).toBe(code);
    expect([s3.store.objects.size, s3.store.uploads.size]).toEqual([0, 0]);
  });

  test('a failed part surfaces at the next write, and at completion', async () => {
    s3.faults.add('UploadPart', ACCESS_DENIED);
    await using upload = await sink.create('k', CONTENT, never);
    await upload.write(randomBytes(PART_BYTES + 1));
    await expect.poll(() => s3.requests.count('UploadPart'), POLL).toBe(1);

    await expect.poll(() => codeOf(upload.write(Buffer.from('x'))), POLL).toBe('sink-forbidden');
    expect(await codeOf(upload.complete())).toBe('sink-forbidden');
  });

  test('errors name the destination, the operation and the reason, and nothing else', async () => {
    s3.faults.forbid('PutObject');

    const error: unknown = await store(10).catch((caught: unknown) => caught);

    expect(error).toBeInstanceOf(ReplicationError);
    expect(String(error)).toBe('ReplicationError: The destination s3://landing/p refuses PutObject (AccessDenied).');
  });

  test('a beginning whose answer was lost leaves no second upload, whether it ends well or not', async () => {
    s3.faults.add('CreateMultipartUpload', { kind: 'lose-response' });
    await store(PART_BYTES + 1, 'well');
    s3.faults.add('CreateMultipartUpload', { kind: 'lose-response' }, { times: 3 });
    const code = await codeOf(store(PART_BYTES + 1, 'not well'));

    expect(code).toBe('sink-failed');
    expect(s3.store.uploads.size).toBe(0);
  });

  test('disposing does not throw over the error that led to it', async () => {
    s3.faults.add('UploadPart', ACCESS_DENIED);
    s3.faults.forbid('AbortMultipartUpload');
    s3.faults.forbid('ListMultipartUploads');

    expect(await codeOf(store(3 * PART_BYTES))).toBe('sink-forbidden');
    expect(s3.store.uploads.size).toBe(1);
    s3.faults.clear();
    expect(await sink.abandonUploads('', () => true, never)).toBe(1);
  });

  test('a signal ends requests that S3 does not answer, and leaves nothing', async () => {
    const abort = new AbortController();
    const reason = new Error('out of time');
    s3.faults.add('UploadPart', { kind: 'hang' }, { times: 2 });
    const upload = await sink.create('k', CONTENT, abort.signal);
    await upload.write(randomBytes(3 * PART_BYTES));
    const waiting = upload.write(Buffer.from('x'));
    await expect.poll(() => s3.requests.count('UploadPart'), POLL).toBe(2);

    abort.abort(reason);

    await expect(waiting).rejects.toBe(reason);
    await upload[Symbol.asyncDispose]();
    expect([s3.store.objects.size, s3.store.uploads.size]).toEqual([0, 0]);
  });

  test('a signal ends a small object that S3 does not answer', async () => {
    const abort = new AbortController();
    const reason = new Error('out of time');
    s3.faults.add('PutObject', { kind: 'hang' });
    await using upload = await sink.create('k', CONTENT, abort.signal);
    await upload.write(Buffer.from('x'));

    const completing = upload.complete();
    await expect.poll(() => s3.requests.count('PutObject'), POLL).toBe(1);
    abort.abort(reason);

    await expect(completing).rejects.toBe(reason);
  });

  test('a read that breaks off is tried again; one that is refused is not', async () => {
    await sink.put('k', Buffer.from('body'), CONTENT, never);
    s3.faults.add('GetObject', { kind: 'reset' });
    expect((await sink.read('k', never))?.toString()).toBe('body');

    s3.faults.forbid('GetObject');
    s3.requests.clear();
    expect(await codeOf(sink.read('k', never))).toBe('sink-forbidden');
    expect(s3.requests.count('GetObject')).toBe(1);
  });

  test('objects that are not deleted are an error', async () => {
    await sink.put('k', Buffer.from('x'), CONTENT, never);
    s3.faults.add('DeleteObject', ACCESS_DENIED);
    expect(await codeOf(sink.remove(['k'], never))).toBe('sink-forbidden');
    s3.faults.add('DeleteObject', INTERNAL_ERROR);
    expect(await codeOf(sink.remove(['k'], never))).toBe('sink-failed');
    expect(await keysOf(sink, '')).toEqual(['k']);
  });
});

describe('check', () => {
  test.each(['ListObjectsV2', 'GetObject', 'CreateMultipartUpload', 'AbortMultipartUpload', 'ListMultipartUploads'] as const)(
    'finds that %s is refused',
    async (operation) => {
      s3.faults.forbid(operation);

      const error: unknown = await sink.check(never).catch((caught: unknown) => caught);

      expect(String(error)).toBe(`ReplicationError: The destination s3://landing/p refuses ${operation} (AccessDenied).`);
    },
  );

  test('finds a bucket that is missing and a service that is not there', async () => {
    await using gone = await startS3();
    const client = testS3Client(gone.endpoint, { maxAttempts: 1 });
    await gone[Symbol.asyncDispose]();

    const error: unknown = await open({ client })
      .check(never)
      .catch((caught: unknown) => caught);
    client.destroy();

    expect(await codeOf(openS3Sink({ url: 's3://none', bucket: 'none', prefix: '', client: s3.client }).check(never))).toBe(
      'sink-missing',
    );
    expect(String(error)).toBe('ReplicationError: The destination s3://landing/p failed at ListObjectsV2 (ECONNREFUSED).');
  });
});
