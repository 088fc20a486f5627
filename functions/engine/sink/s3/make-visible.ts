import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { ReplicationError } from '../../model/errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import { isSameObject } from './s3-checksums.ts';
import type { ObjectIdentity } from './s3-checksums.ts';
import { s3Failure, toSinkError } from './s3-errors.ts';

const CONFLICT_TRIES = 5;
const CONFLICT_DELAY_MS = 200;

/** The one request that makes an object visible under a key that nobody has. */
export interface VisibleStep {
  readonly client: S3Client;
  readonly url: string;
  readonly target: { readonly Bucket: string; readonly Key: string };
  /** As the caller knows it, for messages. */
  readonly key: string;
  readonly operation: 'PutObject' | 'CompleteMultipartUpload';
  readonly identity: ObjectIdentity;
  readonly send: () => Promise<unknown>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Makes an object visible, or finds out that an earlier try of ours did: its answer may have been lost, and the next try then meets our own object (412), a
 * conflict with a try that is still under way (409), or an upload that is gone (404). Throws `object-exists` if the object is not the one that we sent.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
export async function makeVisible(step: VisibleStep): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await step.send();
      return;
    } catch (error) {
      step.signal.throwIfAborted();
      const { status, reason, attempts } = s3Failure(error);
      // The first try of the first request cannot have met an object of ours.
      const isUnclear = tries > 1 || attempts > 1 || status === undefined || status >= 500 || status === 409;
      if (isUnclear && (await isThere(step))) return;
      if (status === 412) throw new ReplicationError('object-exists', { key: step.key }, { cause: error });
      if (reason !== 'ConditionalRequestConflict' || tries === CONFLICT_TRIES) throw toSinkError(error, step);
      await step.clock.sleep(CONFLICT_DELAY_MS * 2 ** (tries - 1), step.signal);
    }
  }
}

async function isThere({ client, target, identity, signal }: VisibleStep): Promise<boolean> {
  try {
    const command = new HeadObjectCommand({ ...target, ChecksumMode: 'ENABLED' });
    return isSameObject(await client.send(command, { abortSignal: signal }), identity);
  } catch {
    // Not there, or not to be known: what led here is reported.
    return false;
  }
}
