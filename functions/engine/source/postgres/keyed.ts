import type { KeyBookmark } from '../../model/bookmark.ts';
import type { Table } from '../../model/catalog.ts';
import { ReplicationError } from '../../model/errors.ts';
import type { KeyedRead, LookBack, ReadRequest } from '../source.ts';
import type { Connection } from './connection.ts';
import { copyOut } from './copy-out.ts';
import { selectFrom } from './copy-select.ts';
import { beginRead, failureOn } from './copy-transaction.ts';
import type { ReadTransaction } from './copy-transaction.ts';
import { readBoundary } from './keyed-boundary.ts';
import type { Boundary } from './keyed-boundary.ts';
import { boundSql } from './keyed-bound.ts';
import { isSmallTable, keyColumn, keyIndex, keyLiteral, unreadableSql } from './keyed-column.ts';
import type { KeyColumn } from './keyed-column.ts';
import { cutWindow, highestKey, lowestKey, windowSql } from './keyed-window.ts';
import type { WindowStart } from './keyed-window.ts';
import { readHorizon } from './look-back.ts';
import type { Horizon } from './look-back.ts';
import { quoteRelation } from './quote.ts';
import { startOfCopy } from './start.ts';

/** What `SourceSession.keyed` is asked for. */
export type KeyedRequest = ReadRequest & { readonly from: KeyBookmark; readonly lookBack: LookBack; readonly maxRows: number };

/**
 * Looks at what a stream has beyond its bookmark, in the snapshot that `read` will use. See `SourceSession.keyed`.
 *
 * Everything up to the highest key is read now. The bookmark's `value` stays at or below the first key that an open transaction may still commit; what
 * was delivered beyond it is remembered as count and digest. At the next read, if the rows from `value` to `sentUpTo` are the same, only higher keys are
 * read; if not, one was committed late (or changed), and all from `value` on are read again.
 *
 * NULL keys, and `infinity` or `NaN` at the upper end (which no later key can exceed, so that the bookmark would stay there), are never read, but counted.
 */
export async function keyedRead(connection: Connection, request: KeyedRequest, signal: AbortSignal): Promise<KeyedRead> {
  const { table, from: bookmark, lookBack } = request;
  const key = keyColumn(connection, table, bookmark.column);
  // The order of these three is what makes the bookmark safe: see readHorizon.
  const { sequence, at } = await startOfCopy(connection, signal);
  const horizon = key.family === 'time' ? await readHorizon(connection, lookBack, signal) : undefined;
  const transaction = await beginSnapshot(connection, table, signal);
  try {
    const reading = { connection, request, key, horizon, signal };
    const found = await lookBeyond(reading);
    const nullKeys = await countUnreadable(reading, found.hasIndex);
    const where = found.where;
    return {
      sequence,
      at,
      hasRows: where !== undefined,
      more: found.more,
      next: found.next,
      ...(found.range === undefined ? {} : { range: found.range }),
      ...(nullKeys === undefined ? {} : { nullKeys }),
      warnings: horizon?.warnings ?? [],
      read: async (encoder, out, readSignal) => {
        if (where === undefined) return { rows: 0 };
        const sql = `copy (${selectFrom(request.columns, quoteRelation(table.name), where)}) to stdout`;
        return copyOut(connection, { sql, stream: table.name }, encoder, out, readSignal);
      },
      [Symbol.asyncDispose]: () => transaction[Symbol.asyncDispose](),
    };
  } catch (error) {
    await transaction[Symbol.asyncDispose]();
    throw failureOn(connection, table.name, error);
  }
}

interface Reading {
  readonly connection: Connection;
  readonly request: KeyedRequest;
  readonly key: KeyColumn;
  readonly horizon: Horizon | undefined;
  readonly signal: AbortSignal;
}

interface Found {
  readonly next: KeyBookmark;
  readonly more: boolean;
  readonly hasIndex: boolean;
  /** The rows to read; undefined when there are none. */
  readonly where?: string;
  readonly range?: { readonly min: string; readonly max: string };
}

async function lookBeyond(reading: Reading): Promise<Found> {
  const { connection, request, key, signal } = reading;
  const { table, from: bookmark, maxRows } = request;
  const index = await keyIndex(connection, table, key, signal);
  const hasIndex = index !== undefined;
  const keys = { from: quoteRelation(table.name), key, index };
  const highest = await highestKey(connection, keys, bookmark.value, signal);
  if (highest === undefined) return { next: await emptyBookmark(reading), more: false, hasIndex };
  const start = await startOf(reading);
  const window = Number.isFinite(maxRows)
    ? await cutWindow(connection, keys, { start, highest, maxRows }, signal)
    : { last: highest, more: false };
  const where = windowSql(key, start, window.last);
  const min = await lowestKey(connection, keys, where, signal);
  const next = await nextBookmark(reading, window.last, highest);
  const rows = min === undefined ? {} : { where, range: { min, max: window.last } };
  return { next, more: window.more, hasIndex, ...rows };
}

/** Behind what was sent if that is unchanged, else from the bookmark. */
async function startOf(reading: Reading): Promise<WindowStart> {
  const { value, boundary, sentUpTo = value } = reading.request.from;
  if (value === undefined || sentUpTo === undefined) return { kind: 'all' };
  if (boundary === undefined) return { kind: 'from', value };
  const now = await boundaryOf(reading, value, sentUpTo);
  const isUnchanged = now.rows === boundary.rows && now.digest === boundary.digest;
  return isUnchanged ? { kind: 'after', value: sentUpTo } : { kind: 'from', value, sentUpTo };
}

async function nextBookmark(reading: Reading, last: string, highest: string): Promise<KeyBookmark> {
  const { connection, request, key, horizon, signal } = reading;
  const { column, value: from } = request.from;
  const bound = boundSql({
    key,
    lookBack: request.lookBack,
    last,
    highest,
    ...(horizon === undefined ? {} : { horizon }),
    ...(from === undefined ? {} : { from }),
  });
  const value = bound === undefined ? last : await textOf(connection, bound, signal);
  return {
    column,
    type: key.type,
    value,
    ...(value === last ? {} : { sentUpTo: last }),
    boundary: await boundaryOf(reading, value, last),
  };
}

/** Nothing at or above the bookmark: what was sent beyond it was deleted, and what comes there is new. */
async function emptyBookmark(reading: Reading): Promise<KeyBookmark> {
  const { column, value } = reading.request.from;
  const { type } = reading.key;
  return value === undefined ? { column, type } : { column, type, value, boundary: await boundaryOf(reading, value, value) };
}

async function boundaryOf({ connection, request, key, signal }: Reading, low: string, high: string): Promise<Boundary> {
  const where = `${key.name} >= ${keyLiteral(key, low)} and ${key.name} <= ${keyLiteral(key, high)}`;
  return readBoundary(connection, { from: quoteRelation(request.table.name), columns: request.columns, where }, signal);
}

async function countUnreadable({ connection, request, key, signal }: Reading, hasIndex: boolean): Promise<number | undefined> {
  const { table } = request;
  const conditions = unreadableSql(key);
  if (conditions.length === 0) return 0;
  if (!hasIndex && !isSmallTable(table)) return undefined;
  const counts = conditions.map((condition) => `(select count(*) from ${quoteRelation(table.name)} where ${condition})`);
  const [row] = await connection.query<{ readonly count: string }>(`select ${counts.join(' + ')} as count`, [], signal);
  return Number(row?.count ?? 0);
}

/**
 * A snapshot that is younger than the lock on the table, so that a table which was rewritten or truncated a moment ago is not seen as empty, in part or whole.
 * LOCK TABLE alone can wait without taking a snapshot. It is refused for foreign tables and materialized views, for views before 11, and with rights
 * on some columns only: those are read without it.
 */
async function beginSnapshot(connection: Connection, table: Table, signal: AbortSignal): Promise<ReadTransaction> {
  const isolation = 'repeatable read';
  try {
    return await beginRead(
      connection,
      { isolation, lock: `lock table ${quoteRelation(table.name)} in access share mode` },
      signal,
    );
  } catch (error) {
    if (!isRefusal(error)) throw failureOn(connection, table.name, error);
    return beginRead(connection, { isolation }, signal);
  }
}

function isRefusal(error: unknown): boolean {
  if (!(error instanceof ReplicationError)) return false;
  const { code } = error as ReplicationError;
  return code === 'privilege-missing' || code === 'structure-changed' || code === 'query-failed';
}

async function textOf(connection: Connection, expression: string, signal: AbortSignal): Promise<string> {
  const [row] = await connection.query<{ readonly text: string }>(`select ${expression} as text`, [], signal);
  if (row === undefined) throw new ReplicationError('unexpected', { what: 'no row for an expression' });
  return row.text;
}
