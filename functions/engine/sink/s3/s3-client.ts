import { S3Client } from '@aws-sdk/client-s3';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { reuseSha256 } from './s3-checksums.ts';

/** Where S3 is and who we are; what is absent comes from the environment, as the SDK finds it. */
export type S3ClientOptions = Pick<S3ClientConfig, 'region' | 'endpoint' | 'credentials' | 'forcePathStyle' | 'maxAttempts'>;

/**
 * A client for the sink: five attempts per request, and a limit for each, since a connection that died while a Lambda was frozen answers never and fails never.
 * A bucket of another region is found by S3's redirect.
 */
export function createS3Client(options: S3ClientOptions = {}): S3Client {
  const client = new S3Client({
    maxAttempts: 5,
    followRegionRedirects: true,
    // A part of 5 MiB in 60 s is 0.09 MB/s: slower than that is a dead connection.
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 60_000, throwOnRequestTimeout: true },
    ...options,
  });
  client.middlewareStack.add(
    (next) => (args) => {
      reuseSha256(args.request);
      return next(args);
    },
    // The last step before signing that sees the headers of the command.
    { step: 'build', priority: 'low', name: 'reuseSha256' },
  );
  return client;
}
