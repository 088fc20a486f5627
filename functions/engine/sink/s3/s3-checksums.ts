import { createHash } from 'node:crypto';
import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';

/** SHA-256 in base64, as `x-amz-checksum-sha256` has it. */
export function sha256Base64(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}

/** What S3 says of an object if it is the one that we sent. */
export interface ObjectIdentity {
  readonly bytes: number;
  readonly checksumSha256: string;
  /** Worked out only where a store keeps no SHA-256: MD5 is not available everywhere. */
  readonly etag: () => string;
}

/** Identity of an object that was put at once. Its ETag is the MD5 of the bytes, unless it is encrypted with a KMS key. */
export function identityOfBody(body: Uint8Array): ObjectIdentity {
  return { bytes: body.length, checksumSha256: sha256Base64(body), etag: () => createHash('md5').update(body).digest('hex') };
}

/**
 * Identity of a multipart object: SHA-256 of the parts' SHA-256 and, for stores without checksums, MD5 of the parts' ETags; each with the number of parts.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
 */
export function identityOfParts(
  parts: readonly { readonly bytes: number; readonly checksumSha256: string; readonly etag: string }[],
): ObjectIdentity {
  const sha256 = createHash('sha256');
  for (const part of parts) sha256.update(Buffer.from(part.checksumSha256, 'base64'));
  return {
    bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
    checksumSha256: `${sha256.digest('base64')}-${parts.length}`,
    etag: () => {
      const md5 = createHash('md5');
      for (const part of parts) md5.update(Buffer.from(unquoted(part.etag), 'hex'));
      return `${md5.digest('hex')}-${parts.length}`;
    },
  };
}

/** Whether the object that S3 has is this one: by its SHA-256, or by the ETag where the store keeps no SHA-256. */
export function isSameObject(head: HeadObjectCommandOutput, identity: ObjectIdentity): boolean {
  if (head.ContentLength !== identity.bytes) return false;
  if (head.ChecksumSHA256 !== undefined) return head.ChecksumSHA256 === identity.checksumSha256;
  return head.ETag !== undefined && unquoted(head.ETag) === identity.etag();
}

function unquoted(etag: string): string {
  return etag.replaceAll('"', '');
}

/**
 * Tells S3's signature the SHA-256 of a body whose SHA-256 is in its headers already: the SDK would read all of it once more for the same. `request` is one of the SDK's before it
 * is signed; others are left alone. https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function reuseSha256(request: unknown): void {
  if (!isBytesRequest(request)) return;
  const checksum = request.headers['x-amz-checksum-sha256'];
  if (checksum === undefined) return;
  request.headers['x-amz-content-sha256'] = Buffer.from(checksum, 'base64').toString('hex');
}

interface BytesRequest {
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

function isBytesRequest(request: unknown): request is BytesRequest {
  return (
    typeof request === 'object' &&
    request !== null &&
    'headers' in request &&
    'body' in request &&
    request.body instanceof Uint8Array
  );
}
