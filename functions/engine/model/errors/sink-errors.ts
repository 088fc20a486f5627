import type { ErrorSpec } from './error-spec.ts';

/** Errors of the destination. In the order of a job. */
export const SINK_ERRORS = {
  'sink-missing': {
    summary: 'The destination {url} does not exist.',
    remedy: 'Create the bucket (or mount the folder), or correct destination.url.',
    retry: 'after-fix',
  },
  'sink-forbidden': {
    summary: 'The destination {url} refuses {operation} ({reason}).',
    remedy:
      'Grant s3:PutObject, s3:GetObject, s3:ListBucket, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListBucketMultipartUploads on it (or write permission on the folder).',
    retry: 'after-fix',
  },
  'sink-full': {
    summary: 'There is no space left in the destination {url}.',
    remedy: 'Free space; the next run continues from the last checkpoint.',
    retry: 'next-run',
  },
  'sink-failed': {
    summary: 'The destination {url} failed at {operation} ({reason}).',
    remedy: 'The next run continues from the last checkpoint; if it repeats, check the service and the network.',
    retry: 'next-run',
  },
  'key-unsuitable': {
    summary: 'The name "{key}" cannot be used for an object in {url}: {reason}.',
    remedy: 'Correct the key template or the prefix of the destination.',
    retry: 'after-fix',
  },
  'object-exists': {
    summary: 'The object {key} exists already although this worker alone may write it.',
    remedy: 'Check that no other installation writes under the same prefix with a state store of its own.',
    retry: 'after-fix',
  },
} as const satisfies Record<string, ErrorSpec>;
