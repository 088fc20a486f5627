import { ReplicationError } from '../model/errors.ts';

/** Names beginning so are unfinished objects of a folder sink: no key may have such a part. Readers that skip names beginning with `_` skip them. */
export const TEMPORARY_PREFIX = '_tmp-';

/** The longest file name that common file systems take, in bytes of UTF-8. */
const MAX_PART_BYTES = 255;
/** The longest key of S3, prefix included, in bytes of UTF-8. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const MAX_KEY_BYTES = 1024;

/**
 * Refuses keys that not every sink can hold, or that would lead out of a folder: `..`, absolute or empty parts, control characters, names over 255 bytes,
 * keys over 1,024 bytes. The same rules for all sinks, so what was tried in a folder works in S3. Throws `key-unsuitable`.
 */
export function checkKey(key: string, url: string): void {
  const problem = problemOf(key);
  if (problem !== undefined) throw new ReplicationError('key-unsuitable', { key: printable(key), url, reason: problem });
}

function problemOf(key: string): string | undefined {
  if (key === '') return 'it is empty';
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `it is longer than ${MAX_KEY_BYTES} bytes`;
  if (/[\u0000-\u001f\u007f]/.test(key)) return 'it has a control character';
  if (key.includes('\\')) return 'it has a backslash, which is a folder separator on some systems';
  if (/\p{Surrogate}/u.test(key)) return 'it is not valid Unicode';
  for (const part of key.split('/')) {
    if (part === '') return 'it begins or ends with "/" or has "//"';
    if (part === '.' || part === '..') return `it has a part "${part}"`;
    if (part.startsWith(TEMPORARY_PREFIX)) return `names beginning with "${TEMPORARY_PREFIX}" are unfinished objects`;
    if (Buffer.byteLength(part) > MAX_PART_BYTES) return `a part of it is longer than ${MAX_PART_BYTES} bytes`;
  }
  return undefined;
}

function printable(key: string): string {
  const text = JSON.stringify(key.slice(0, 200)).slice(1, -1);
  return key.length > 200 ? `${text}...` : text;
}
