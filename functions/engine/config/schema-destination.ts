import type { z } from 'zod';
import { choice, mapping, readBy, size, wholeNumber } from './schema-parts.ts';
import { parseKeyTemplate } from './key-tokens.ts';

/** Bucket names: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; prefix: the characters S3 calls safe, and `=` for Hive. */
const S3_URL = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([A-Za-z0-9!_.*'()=/-]*))?$/;
const FILE_URL = /^file:([^\0?#]+)$/;
/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html */
const DYNAMODB_URL = /^dynamodb:\/\/([A-Za-z0-9_.-]{3,255})$/;
const MAX_PREFIX = 400;

export type SinkUrl =
  { readonly kind: 's3'; readonly bucket: string; readonly prefix: string } | { readonly kind: 'file'; readonly path: string };
export type StateUrl = { readonly kind: 'dynamodb'; readonly table: string } | { readonly kind: 'file'; readonly path: string };

/** Reads `s3://bucket/prefix` or `file:path`; the prefix without slashes around it. */
export function parseSinkUrl(url: string): SinkUrl | { readonly problem: string } {
  const file = parseFileUrl(url);
  if (file !== undefined) return file;
  const match = S3_URL.exec(url);
  if (match === null) return { problem: 's3://bucket/prefix or file:path' };
  const prefix = (match[2] ?? '').replace(/\/+$/, '');
  if (prefix.length > MAX_PREFIX) return { problem: `a prefix of at most ${MAX_PREFIX} characters` };
  if (prefix !== '' && prefix.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    return { problem: 'a prefix without empty, "." or ".." parts' };
  }
  return { kind: 's3', bucket: match[1] ?? '', prefix };
}

/** Reads `dynamodb://table` or `file:path`. */
export function parseStateUrl(url: string): StateUrl | { readonly problem: string } {
  const file = parseFileUrl(url);
  if (file !== undefined) return file;
  const match = DYNAMODB_URL.exec(url);
  return match === null ? { problem: 'dynamodb://table or file:path' } : { kind: 'dynamodb', table: match[1] ?? '' };
}

/** `file:./out`, `file:/srv/out` and `file:///srv/out`; a host between the slashes is refused. */
function parseFileUrl(url: string): { readonly kind: 'file'; readonly path: string } | undefined {
  const path = FILE_URL.exec(url)?.[1];
  if (path === undefined || /^\/\/[^/]/.test(path)) return undefined;
  return { kind: 'file', path: path.replace(/^\/+/, '/') };
}

const KIB = 2 ** 10;
const GIB = 2 ** 30;

export const destination = mapping({
  url: readBy('s3://bucket/prefix or file:path', parseSinkUrl).describe(
    'Where objects go: `s3://bucket/prefix`, or `file:path` for a folder (relative to this file).',
  ),
  compression: choice(['gzip', 'zstd', 'none'])
    .default('gzip')
    .describe('How objects are compressed; it decides their ending: `.jsonl.gz`, `.jsonl.zst` or `.jsonl`.'),
  gzipLevel: wholeNumber(1, 9).default(1).describe('Effort of gzip, from 1 (fastest) to 9 (smallest).'),
  rotateBytes: size(KIB, 64 * GIB, '1 KiB to 64 GiB')
    .default('128 MiB')
    .describe('JSON before compression after which a new object is begun. A row is never split.'),
  keyTemplate: readBy("a template of Stitch's tokens", parseKeyTemplate)
    .optional()
    .describe(
      "Layout of object keys in Stitch's tokens, such as `[integration_name]/[table_name]/[table_version]_[timestamp_loaded].jsonl`. Required: `[integration_name]`, `[table_name]`, `[table_version]`, " +
        '`[timestamp_loaded]` (epoch milliseconds); optional: `[year_loaded]`, `[month_loaded]`, `[day_loaded]`, `[hour_loaded]` (UTC). At most 500 characters, no spaces, none of `!@#$%^&*`. ' +
        'A unique name is appended, so that no object is ever overwritten. Absent: `{integration}/{table}/{version}/{unique name}`.',
    ),
  jsonColumns: choice(['string', 'nested'])
    .default('string')
    .describe(
      '`json` and `jsonb` values: `string` gives their text as a string, as Stitch does; `nested` puts the value in place.',
    ),
  profile: choice(['default', 'stitch'])
    .default('default')
    .describe(
      "Forms of values: `default` loses nothing; `stitch` reproduces Stitch's where they differ (dates as date-times, infinities clamped, NaN null, NULL arrays `[]`, unsupported types left out).",
    ),
}).describe('Where records go, and in which form.');

export const state = mapping({
  url: readBy('dynamodb://table or file:path', parseStateUrl).describe(
    'Where bookmarks, leases and reports are kept: `dynamodb://table`, or `file:path` for a folder (relative to this file). One store may serve many integrations.',
  ),
}).describe('Where the position of every stream is kept.');

export type DestinationDocument = z.output<typeof destination>;
