import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { reuseSha256, sha256Base64 } from '../../functions/engine/sink/s3/s3-checksums.ts';
import { createS3Client } from '../../functions/engine/sink/s3/s3-client.ts';
import { startMiniS3 } from '../support/mini-s3.ts';

const BODY = Buffer.from('the body');
const HEX = createHash('sha256').update(BODY).digest('hex');

test('the signature gets the SHA-256 that the headers have, in hex', () => {
  const headers: Record<string, string> = { 'x-amz-checksum-sha256': sha256Base64(BODY) };

  reuseSha256({ headers, body: BODY });

  expect(headers['x-amz-content-sha256']).toBe(HEX);
});

test.each([
  ['without a checksum', { headers: { host: 'bucket' }, body: BODY }],
  ['without a body', { headers: { 'x-amz-checksum-sha256': sha256Base64(BODY) } }],
  ['with a body of text', { headers: { 'x-amz-checksum-sha256': sha256Base64(BODY) }, body: 'the body' }],
])('a request %s is left alone', (_what, request) => {
  const before = { ...request.headers };

  reuseSha256(request);

  expect(request.headers).toEqual(before);
});

test('what is no request is left alone', () => {
  expect(() => reuseSha256(undefined)).not.toThrow();
});

test('the SDK does not hash a body whose checksum it was given', async () => {
  await using s3 = await startMiniS3({ buckets: ['bucket'] });
  let hashed = 0;
  class Counting {
    readonly #hash = createHash('sha256');

    update(bytes: Uint8Array): void {
      hashed += bytes.length;
      this.#hash.update(bytes);
    }

    digest(): Promise<Uint8Array> {
      return Promise.resolve(this.#hash.digest());
    }

    reset(): void {
      throw new TypeError('not needed');
    }
  }
  const options = {
    region: 'eu-central-1',
    endpoint: s3.endpoint,
    forcePathStyle: true,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-real-secret' },
    sha256: Counting,
  };
  const client = createS3Client(options);
  const Body = Buffer.alloc(1_000_000, 'x');

  await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'known', Body, ChecksumSHA256: sha256Base64(Body) }));
  const known = hashed;
  await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'unknown', Body }));
  client.destroy();

  // The signature itself hashes what it signs.
  expect(known).toBeLessThan(10_000);
  expect(hashed - known).toBeGreaterThan(1_000_000);
});
