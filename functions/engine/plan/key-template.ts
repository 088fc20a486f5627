import { parseKeyTemplate } from '../config/key-tokens.ts';
import type { KeyPiece, KeyToken } from '../config/key-tokens.ts';
import { ReplicationError } from '../model/errors.ts';

/** What makes an object: a range of a copy, a key-based read, or the log. */
export type KeyUnit = { readonly kind: 'copy'; readonly range: number } | { readonly kind: 'key' } | { readonly kind: 'log' };

/** The part of a key that is unique in a table version, as numbers. */
export interface ObjectName {
  readonly unit: KeyUnit;
  readonly batch: number;
  readonly fence: number;
  readonly part: number;
}

/** What an object's key is made of. */
export interface ObjectKeyParts extends ObjectName {
  /** In Stitch's tokens; absent: the default layout. */
  readonly template?: string | undefined;
  readonly integration: string;
  /** Destination name. */
  readonly table: string;
  readonly version: number;
  /** When the object is begun, for the template's `_loaded` tokens, which are in UTC. */
  readonly at: Date;
  /** With its dot: `.jsonl.gz`, `.jsonl.zst` or `.jsonl`. */
  readonly extension: string;
}

/** Widths that keep the order of names the order of loading. A fence may outgrow its own: of one batch, only one fence is ever committed. */
const RANGE_DIGITS = 6;
const BATCH_DIGITS = 12;
const FENCE_DIGITS = 6;
const PART_DIGITS = 4;
const PIECE_DIGITS = 6;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const MAX_KEY_BYTES = 1024;

const DEFAULT_PIECES: readonly KeyPiece[] = [
  { kind: 'token', token: 'integration_name' },
  { kind: 'text', text: '/' },
  { kind: 'token', token: 'table_name' },
  { kind: 'text', text: '/' },
  { kind: 'token', token: 'table_version' },
  { kind: 'text', text: '/' },
];

/**
 * The key of an object below the sink's prefix: by default `{integration}/{table}/{version}/` and then its unique name, such as
 * `copy-000003-000000000001-000002-0000.jsonl.gz` or `log-000000000007-000003-0000.jsonl.gz`, of which the numbers are range (copies only), batch, fence and part.
 * With a template the unique name follows what the template gives, so no two objects share a key.
 * Throws `key-too-long`, and RangeError for a number that its width cannot hold.
 */
export function objectKey(parts: ObjectKeyParts): string {
  const front = render(piecesOf(parts.template), parts);
  const key = `${front}${front.endsWith('/') ? '' : '-'}${uniqueName(parts)}${parts.extension}`;
  const bytes = Buffer.byteLength(key);
  if (bytes > MAX_KEY_BYTES)
    throw new ReplicationError('key-too-long', { integration: parts.integration, table: parts.table, bytes });
  return key;
}

/** A reader of keys that {@link objectKey} made for one integration and, if given, one table and version, at any time; undefined for every other key. */
export function objectKeyReader(of: {
  readonly template?: string | undefined;
  readonly integration: string;
  readonly table?: string | undefined;
  readonly version?: number | undefined;
}): (key: string) => ObjectName | undefined {
  const pieces = piecesOf(of.template);
  const front = pieces.map((piece) => (piece.kind === 'text' ? escape(piece.text) : tokenPattern(piece.token, of))).join('');
  const joint = endsWithSlash(pieces) ? '' : '-';
  const pattern = new RegExp(
    `^${front}${joint}(?:copy-(?<range>\\d{6})|(?<kind>key|log))-(?<batch>\\d{12})-(?<fence>\\d{6,})-(?<part>\\d{4})\\.jsonl(?:\\.gz|\\.zst)?$`,
  );
  return (key) => {
    const groups = pattern.exec(key)?.groups;
    if (groups === undefined) return undefined;
    const unit: KeyUnit =
      groups.kind === 'key' || groups.kind === 'log' ? { kind: groups.kind } : { kind: 'copy', range: Number(groups.range) };
    return { unit, batch: Number(groups.batch), fence: Number(groups.fence), part: Number(groups.part) };
  };
}

/** The longest beginning that all keys of an integration (and table, and version) share: what to list to find them. It may cover other keys too: see {@link objectKeyReader}. */
export function objectKeyPrefix(of: {
  readonly template?: string | undefined;
  readonly integration: string;
  readonly table?: string | undefined;
  readonly version?: number | undefined;
}): string {
  let prefix = '';
  for (const piece of piecesOf(of.template)) {
    const value = piece.kind === 'text' ? piece.text : fixedValue(piece.token, of);
    if (value === undefined) break;
    prefix += value;
  }
  return prefix;
}

/** What to list to find the objects of one batch: exact in the default layout, all of the version's objects under a template. */
export function batchKeyPrefix(of: {
  readonly template?: string | undefined;
  readonly integration: string;
  readonly table: string;
  readonly version: number;
  readonly unit: KeyUnit;
  readonly batch: number;
}): string {
  const front = objectKeyPrefix(of);
  return of.template === undefined ? `${front}${batchName(of.unit, of.batch)}-` : front;
}

/** Where a table's schema, keys and active version are written. */
export function tableInfoKey(of: { readonly integration: string; readonly table: string }): string {
  return `${of.integration}/${of.table}/_table.json`;
}

/** Where an earlier schema of a table stays. */
export function tableSchemaKey(of: { readonly integration: string; readonly table: string; readonly hash: string }): string {
  return `${of.integration}/${of.table}/_table-${of.hash}.json`;
}

/** Where the loading report of a job is written, by the UTC day of its start. */
export function reportKey(of: { readonly integration: string; readonly job: string; readonly startedAt: Date }): string {
  const [year = '', month = '', day = ''] = of.startedAt.toISOString().slice(0, 10).split('-');
  return `${of.integration}/_reports/${year}/${month}/${day}/${of.job}.json`;
}

/** Where a job leaves what its workers on other machines need to know of it. */
export function handoverKey(of: { readonly integration: string; readonly job: string }): string {
  return `${of.integration}/_jobs/${of.job}.json.gz`;
}

/** Where all pieces of a job's extraction log are. */
export function logPrefix(of: { readonly integration: string; readonly job: string }): string {
  return `${of.integration}/_logs/${of.job}/`;
}

/** Where a piece of a job's extraction log is written: pieces of one writer sort in order. */
export function logKey(of: {
  readonly integration: string;
  readonly job: string;
  readonly writer: string;
  readonly piece: number;
}): string {
  return `${logPrefix(of)}${of.writer.replaceAll(/[^A-Za-z0-9._-]/g, '_')}-${padded('piece', of.piece, PIECE_DIGITS)}.jsonl`;
}

function uniqueName({ unit, batch, fence, part }: ObjectName): string {
  const back = `${String(natural('fence', fence)).padStart(FENCE_DIGITS, '0')}-${padded('part', part, PART_DIGITS)}`;
  return `${batchName(unit, batch)}-${back}`;
}

function batchName(unit: KeyUnit, batch: number): string {
  const front = unit.kind === 'copy' ? `copy-${padded('range', unit.range, RANGE_DIGITS)}` : unit.kind;
  return `${front}-${padded('batch', batch, BATCH_DIGITS)}`;
}

function padded(what: string, value: number, digits: number): string {
  if (natural(what, value) >= 10 ** digits)
    throw new RangeError(`${what} ${value} has more than ${digits} digits, so names would not sort`);
  return String(value).padStart(digits, '0');
}

function natural(what: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${what} ${value} is not a whole number from 0`);
  return value;
}

function piecesOf(template: string | undefined): readonly KeyPiece[] {
  if (template === undefined) return DEFAULT_PIECES;
  const pieces = parseKeyTemplate(template);
  if ('problem' in pieces) throw new TypeError('the key template was not checked');
  return pieces;
}

function endsWithSlash(pieces: readonly KeyPiece[]): boolean {
  const last = pieces.at(-1);
  return last?.kind === 'text' && last.text.endsWith('/');
}

function render(pieces: readonly KeyPiece[], parts: ObjectKeyParts): string {
  return pieces.map((piece) => (piece.kind === 'text' ? piece.text : valueOf(piece.token, parts))).join('');
}

function valueOf(token: KeyToken, { integration, table, version, at }: ObjectKeyParts): string {
  const time = at.toISOString();
  switch (token) {
    case 'integration_name':
      return integration;
    case 'table_name':
      return table;
    case 'table_version':
      return String(version);
    case 'timestamp_loaded':
      return String(at.getTime());
    case 'year_loaded':
      return time.slice(0, 4);
    case 'month_loaded':
      return time.slice(5, 7);
    case 'day_loaded':
      return time.slice(8, 10);
    case 'hour_loaded':
      return time.slice(11, 13);
  }
}

interface Known {
  readonly integration: string;
  readonly table?: string | undefined;
  readonly version?: number | undefined;
}

function fixedValue(token: KeyToken, known: Known): string | undefined {
  if (token === 'integration_name') return known.integration;
  if (token === 'table_name') return known.table;
  return token === 'table_version' ? known.version?.toString() : undefined;
}

function tokenPattern(token: KeyToken, known: Known): string {
  const fixed = fixedValue(token, known);
  if (fixed !== undefined) return escape(fixed);
  return token === 'table_name' ? '[a-z0-9_]+' : '\\d+';
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
