import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { createHash, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openS3Sink } from '../../functions/engine/sink/s3/s3-sink.ts';
import type { Sink } from '../../functions/engine/sink/sink.ts';
import { keysOf } from '../contract/sink.suite.ts';
import { startS3 } from '../support/s3.ts';
import type { TestS3 } from '../support/s3.ts';

const MIB = 1024 * 1024;
const PART_BYTES = 5 * MIB;
const CONTENT = { contentType: 'application/x-ndjson', contentEncoding: 'gzip' } as const;
const POLL = { timeout: 30_000 } as const;
const never = new AbortController().signal;

let s3: TestS3;
let sink: Sink;

function open(
  options: { readonly prefix?: string; readonly uploadsInFlight?: number; readonly client?: TestS3['client'] } = {},
): Sink {
  return openS3Sink({
    url: 's3://landing/p',
    bucket: s3.bucket,
    prefix: 'p',
    client: s3.client,
    partBytes: PART_BYTES,
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

function operations(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { operation } of s3.requests.all) counts[operation] = (counts[operation] ?? 0) + 1;
  return counts;
}

beforeEach(async () => {
  s3 = await startS3();
  sink = open();
});
afterEach(() => s3[Symbol.asyncDispose]());

describe('requests', () => {
  test.each([
    ['nothing', 0, { PutObject: 1 }],
    ['a byte', 1, { PutObject: 1 }],
    ['exactly a part', PART_BYTES, { PutObject: 1 }],
    ['one byte more', PART_BYTES + 1, { CreateMultipartUpload: 1, UploadPart: 2, CompleteMultipartUpload: 1 }],
    ['exactly three parts', 3 * PART_BYTES, { CreateMultipartUpload: 1, UploadPart: 3, CompleteMultipartUpload: 1 }],
  ])('%s needs no more than it must', async (_name, bytes, expected) => {
    const body = await store(bytes);

    expect(operations()).toEqual(expected);
    expect((await sink.read('k', never))?.equals(body)).toBe(true);
  });

  test.each([0, 10, 2 * PART_BYTES])('an object of %i bytes has its headers and a SHA-256 that S3 verified', async (bytes) => {
    const body = await store(bytes);

    const head = await s3.client.send(new HeadObjectCommand({ Bucket: s3.bucket, Key: 'p/k', ChecksumMode: 'ENABLED' }));
    const ofParts = (): string => {
      const digests = [body.subarray(0, PART_BYTES), body.subarray(PART_BYTES)].map((part) =>
        createHash('sha256').update(part).digest(),
      );
      return `${createHash('sha256').update(Buffer.concat(digests)).digest('base64')}-2`;
    };
    expect(head).toMatchObject({ ContentType: 'application/x-ndjson', ContentEncoding: 'gzip', ContentLength: bytes });
    expect(head.ChecksumSHA256).toBe(bytes > PART_BYTES ? ofParts() : createHash('sha256').update(body).digest('base64'));
  });

  test('an upload that is disposed of before it was large asks S3 nothing', async () => {
    await using upload = await sink.create('k', CONTENT, never);
    await upload.write(randomBytes(PART_BYTES));
    await upload[Symbol.asyncDispose]();

    expect(s3.requests.all).toEqual([]);
  });

  test('names have the prefix, with any slashes around it, or none', async () => {
    const names = ['p', '/p/', 'p/q/', '', '/'].map((prefix) => open({ prefix }).nameOf('t/k.gz'));
    await open({ prefix: '' }).put('top', Buffer.from('x'), CONTENT, never);

    expect(names).toEqual(['p/t/k.gz', 'p/t/k.gz', 'p/q/t/k.gz', 't/k.gz', 't/k.gz']);
    expect([...s3.store.objects.keys()]).toEqual(['top']);
  });

  test('lists and removes more than a page', async () => {
    const keys = Array.from({ length: 2_100 }, (_, n) => `many/${String(n).padStart(5, '0')}`);
    for (let start = 0; start < keys.length; start += 100) {
      await Promise.all(keys.slice(start, start + 100).map((key) => sink.put(key, Buffer.from('x'), CONTENT, never)));
    }
    const listed = await keysOf(sink, 'many/');
    s3.requests.clear();

    await sink.remove(keys, never);

    expect(listed).toEqual(keys);
    expect(operations()).toEqual({ DeleteObjects: 3 });
    expect(await keysOf(sink, '')).toEqual([]);
  });

  test('gives up more abandoned uploads than a page', async () => {
    const uploads = await Promise.all(
      Array.from({ length: 1_050 }, async (_, n) =>
        s3.store.begin(`p/a/${n}`, { contentType: '', contentEncoding: '', metadata: new Map() }, undefined),
      ),
    );

    expect(uploads).toHaveLength(1_050);
    expect(await sink.abandonUploads('a/', () => true, never)).toBe(1_050);
    expect(s3.store.uploads.size).toBe(0);
  });

  test.each([
    [4 * MIB, 2],
    [PART_BYTES + 0.5, 2],
    [PART_BYTES, 0],
  ])('refuses parts of %d bytes, %i at a time', (partBytes, uploadsInFlight) => {
    expect(() => openS3Sink({ url: 's3://b', bucket: 'b', prefix: '', client: s3.client, partBytes, uploadsInFlight })).toThrow(
      RangeError,
    );
  });
});

describe('memory', () => {
  test.each([1, 2, 3])('100 MB go through with %i parts under way and one being filled', async (uploadsInFlight) => {
    const bounded = open({ uploadsInFlight });
    const piece = randomBytes(300_000);
    let underWay = 0;
    let mostUnderWay = 0;
    s3.client.middlewareStack.add(
      (next, context) => async (args) => {
        if (context.commandName !== 'UploadPartCommand') return next(args);
        mostUnderWay = Math.max(mostUnderWay, ++underWay);
        return next(args).finally(() => underWay--);
      },
      { step: 'initialize', name: 'count-parts' },
    );
    let written = 0;
    let mostHeld = 0;
    let shipped = 0;

    await using upload = await bounded.create('flat', CONTENT, never);
    while (written < 100_000_000) {
      await upload.write(piece);
      written += piece.length;
      shipped = s3.requests.all.reduce((sum, { operation, bytes }) => sum + (operation === 'UploadPart' ? bytes : 0), 0);
      mostHeld = Math.max(mostHeld, written - shipped);
    }
    await upload.complete();

    expect(mostUnderWay).toBeLessThanOrEqual(uploadsInFlight);
    expect(mostHeld).toBeLessThanOrEqual(PART_BYTES * (uploadsInFlight + 1));
    expect(s3.store.objects.get('p/flat')?.bytes).toBe(written);
  });

  test('write waits while the parts that are allowed are under way, and goes on after', async () => {
    let release = (): void => undefined;
    const until = new Promise<void>((resolve) => (release = resolve));
    s3.faults.add('UploadPart', { kind: 'wait', until }, { times: 2 });
    await using upload = await sink.create('k', CONTENT, never);
    await upload.write(randomBytes(3 * PART_BYTES));
    let isThrough = false;

    const write = upload.write(Buffer.from('more')).then(() => (isThrough = true));
    await expect.poll(() => s3.requests.count('CreateMultipartUpload'), POLL).toBe(1);
    const before = isThrough;
    release();
    await write;
    await upload.complete();

    expect(before).toBe(false);
    expect(s3.store.objects.get('p/k')?.bytes).toBe(3 * PART_BYTES + 4);
  });
});
