import type { KeyBookmark } from '../../model/bookmark.ts';
import type { Connection } from './connection.ts';
import { quoteIdentifier } from './quote.ts';

/** What a bookmark remembers of the rows that may be read again. */
export type Boundary = NonNullable<KeyBookmark['boundary']>;

/** Rows whose count and digest are wanted. */
export interface BoundaryRows {
  /** Quoted. */
  readonly from: string;
  readonly columns: readonly string[];
  /** SQL. */
  readonly where: string;
  /** No more of them are looked at than this. @default all */
  readonly limit?: bigint;
}

/**
 * Count and digest of rows, over the columns that are read, whatever their order: two sums of 64-bit hashes (60-bit before 11) of each row's text.
 * Equal ones mean the same rows for all practical purposes. Another version of the server may hash otherwise; then the rows are sent once more.
 */
export async function readBoundary(connection: Connection, rows: BoundaryRows, signal: AbortSignal): Promise<Boundary> {
  const [found] = await connection.query<{ readonly rows: string; readonly digest: string }>(
    boundarySql(connection, rows),
    [],
    signal,
  );
  return { rows: found?.rows ?? '0', digest: found?.digest ?? '0:0' };
}

/** The query for it: one row of `rows` and `digest`. */
export function boundarySql(connection: Connection, { from, columns, where, limit }: BoundaryRows): string {
  const row = `row(${columns.map((column) => quoteIdentifier(column)).join(', ')})`;
  const [first, second] = connection.dialect.version >= 110_000 ? HASHES : MD5_HASHES;
  // Without a limit, OFFSET 0 keeps the text of a row from being made twice.
  const end = limit === undefined ? 'offset 0' : `limit ${String(limit)}`;
  return `
    select count(*) as rows, coalesce(sum(${first}), 0) || ':' || coalesce(sum(${second}), 0) as digest
      from (select ${row}::text collate pg_catalog."C" as r from ${from} where ${where} ${end}) as rows`;
}

const HASHES = ['hashtextextended(r, 0)', 'hashtextextended(r, 4660)'] as const;
const MD5_HASHES = [`('x' || substr(md5(r), 1, 15))::bit(60)::int8`, `('x' || substr(md5(r), 16, 15))::bit(60)::int8`] as const;
