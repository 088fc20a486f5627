import { CreateBucketCommand } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { createS3Client } from '../../functions/engine/sink/s3/s3-client.ts';
import type { Faults, RequestLog } from './mini-s3-faults.ts';
import { startMiniS3 } from './mini-s3.ts';
import type { MiniS3Options } from './mini-s3.ts';
import type { Bucket } from './mini-s3-store.ts';

/** What no test needs to know: an emulator asks for some credentials but does not check them. */
export const DUMMY_CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' } as const;
export const TEST_BUCKET = 'landing';

/** An S3 with one bucket and a client that was made for it. */
export interface TestS3 extends AsyncDisposable {
  readonly endpoint: string;
  readonly client: S3Client;
  readonly bucket: string;
  readonly faults: Faults;
  readonly requests: RequestLog;
  /** What the bucket has, without the protocol. */
  readonly store: Bucket;
}

/** Starts a small S3 in this process; children reach it at `endpoint`. */
export async function startS3(options: Pick<MiniS3Options, 'directory' | 'encryption'> = {}): Promise<TestS3> {
  const server = await startMiniS3({ ...options, buckets: [TEST_BUCKET] });
  const client = testS3Client(server.endpoint);
  return {
    endpoint: server.endpoint,
    client,
    bucket: TEST_BUCKET,
    faults: server.faults,
    requests: server.requests,
    store: server.bucket(TEST_BUCKET),
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A client as the product makes it, for an emulator. */
export function testS3Client(endpoint: string, { maxAttempts = 3 }: { readonly maxAttempts?: number } = {}): S3Client {
  return createS3Client({ endpoint, region: 'us-east-1', credentials: DUMMY_CREDENTIALS, forcePathStyle: true, maxAttempts });
}

/** For emulators that start without buckets. */
export async function createBucket(client: S3Client, bucket: string): Promise<void> {
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
}
