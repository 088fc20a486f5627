import type { KeyBookmark } from '../../model/bookmark.ts';
import type { Connection } from './connection.ts';
import { quoteIdentifier } from './quote.ts';

/** What a bookmark remembers of the rows that may be read again. */
export type Boundary = NonNullable<KeyBookmark['boundary']>;

/**
 * Count and digest of rows, over the columns that are read, whatever their order: two sums of 64-bit hashes (60-bit before 11) of each row's text.
 * Equal ones mean the same rows for all practical purposes. Another version of the server may hash otherwise; then the rows are sent once more.
 */
export async function readBoundary(
  connection: Connection,
  rows: { readonly from: string; readonly columns: readonly string[]; readonly where: string },
  signal: AbortSignal,
): Promise<Boundary> {
  const row = `row(${rows.columns.map((column) => quoteIdentifier(column)).join(', ')})`;
  const [first, second] = connection.dialect.version >= 110_000 ? HASHES : MD5_HASHES;
  const sql = `
    select count(*) as rows, coalesce(sum(${first}), 0) || ':' || coalesce(sum(${second}), 0) as digest
      from (select ${row}::text collate pg_catalog."C" as r from ${rows.from} where ${rows.where} offset 0) as rows`;
  const [found] = await connection.query<{ readonly rows: string; readonly digest: string }>(sql, [], signal);
  return { rows: found?.rows ?? '0', digest: found?.digest ?? '0:0' };
}

const HASHES = ['hashtextextended(r, 0)', 'hashtextextended(r, 4660)'] as const;
const MD5_HASHES = [`('x' || substr(md5(r), 1, 15))::bit(60)::int8`, `('x' || substr(md5(r), 16, 15))::bit(60)::int8`] as const;
