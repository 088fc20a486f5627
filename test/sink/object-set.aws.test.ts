import { afterEach, beforeEach, expect, test } from 'vitest';
import { openObjectSet } from '../../functions/engine/sink/object-set.ts';
import { openS3Sink } from '../../functions/engine/sink/s3/s3-sink.ts';
import type { Sink } from '../../functions/engine/sink/sink.ts';
import { codeOf } from '../contract/sink.suite.ts';
import { ACCESS_DENIED } from '../support/mini-s3-faults.ts';
import { startS3 } from '../support/s3.ts';
import type { TestS3 } from '../support/s3.ts';
import { block, setOptions, verifiedIds } from './object-set.suite.ts';

const PART_BYTES = 5 * 1024 * 1024;
/** About 1.2 MB of JSON that compresses to about 0.9 MB. */
const BLOCK = block(1_000, { width: 1_150 });

let s3: TestS3;
let sink: Sink;

beforeEach(async () => {
  s3 = await startS3();
  sink = openS3Sink({ url: 's3://landing/p', bucket: s3.bucket, prefix: 'p', client: s3.client, partBytes: PART_BYTES });
});
afterEach(() => s3[Symbol.asyncDispose]());

test('objects of many parts are whole, and named with the prefix', async () => {
  await using set = openObjectSet(setOptions(sink, { rotateBytes: 10_000_000 }));
  for (let n = 0; n < 20; n++) await set.write(BLOCK);

  const objects = await set.finish();

  let rows = 0;
  for (const object of objects) rows += (await verifiedIds(sink, object, object.key.slice(2))).length;
  expect(rows).toBe(20_000);
  expect(objects.map(({ key }) => key)).toEqual([0, 1, 2].map((part) => `p/t/1/copy-000${part}.jsonl.gz`));
  expect(s3.requests.count('UploadPart')).toBe(4);
  expect(s3.store.objects.get('p/t/1/copy-0000.jsonl.gz')?.headers).toMatchObject({
    contentType: 'application/x-ndjson',
    contentEncoding: 'gzip',
  });
});

test('an object is completed while the next one is written', async () => {
  let release = (): void => undefined;
  const until = new Promise<void>((resolve) => (release = resolve));
  s3.faults.add('CompleteMultipartUpload', { kind: 'wait', until });
  await using set = openObjectSet(setOptions(sink, { rotateBytes: 10_000_000 }));

  for (let n = 0; n < 12; n++) await set.write(BLOCK);
  const before = s3.store.objects.size;
  release();
  const objects = await set.finish();

  expect(before).toBe(0);
  expect(objects.map(({ rows }) => rows)).toEqual([8_000, 4_000]);
});

test('what is written but not with S3 stays bounded while S3 does not answer', async () => {
  let release = (): void => undefined;
  const until = new Promise<void>((resolve) => (release = resolve));
  s3.faults.add('UploadPart', { kind: 'wait', until }, { times: Infinity });
  await using set = openObjectSet(setOptions(sink, { rotateBytes: 1_000_000_000 }));
  let written = 0;
  const writing = (async () => {
    for (let n = 0; n < 60; n++) {
      await set.write(BLOCK);
      written += BLOCK.bytes.length;
    }
  })();

  const stalledAt = await valueAtRest(() => written);
  release();
  await writing;
  const [object] = await set.finish();

  expect(stalledAt).toBeGreaterThan(2 * PART_BYTES);
  expect(stalledAt).toBeLessThan(40_000_000);
  expect(object?.jsonBytes).toBe(60 * BLOCK.bytes.length);
});

test('a failed part surfaces while writing goes on, and the set leaves no object and no upload', async () => {
  s3.faults.add('UploadPart', ACCESS_DENIED, { after: 2 });
  let blocks = 0;
  const code = await codeOf(
    (async () => {
      await using set = openObjectSet(setOptions(sink, { rotateBytes: 10_000_000 }));
      for (; blocks < 500; blocks++) await set.write(BLOCK);
      await set.finish();
    })(),
  );

  expect(code).toBe('sink-forbidden');
  expect(blocks).toBeLessThan(100);
  expect([s3.store.objects.size, s3.store.uploads.size]).toEqual([0, 0]);
});

test('an object that cannot be completed surfaces at the end, and the completed ones are taken back', async () => {
  s3.faults.add('CompleteMultipartUpload', ACCESS_DENIED, { after: 1 });
  const code = await codeOf(
    (async () => {
      await using set = openObjectSet(setOptions(sink, { rotateBytes: 10_000_000 }));
      for (let n = 0; n < 16; n++) await set.write(BLOCK);
      await set.finish();
    })(),
  );

  expect(code).toBe('sink-forbidden');
  expect(s3.requests.count('DeleteObjects')).toBe(1);
  expect([s3.store.objects.size, s3.store.uploads.size]).toEqual([0, 0]);
});

/** The value once it has not changed for a while. */
async function valueAtRest(value: () => number): Promise<number> {
  let last = value();
  let same = 0;
  await expect
    .poll(
      () => {
        same = value() === last && last > 0 ? same + 1 : 0;
        last = value();
        return same;
      },
      { timeout: 60_000, interval: 20 },
    )
    .toBeGreaterThan(50);
  return last;
}
