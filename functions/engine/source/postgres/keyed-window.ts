import type { Connection } from './connection.ts';
import type { KeyColumn } from './keyed-column.ts';
import { keyLiteral } from './keyed-column.ts';

/** Where a read begins: from the bookmark itself, behind what was sent, or at the lowest key. */
export type WindowStart =
  | { readonly kind: 'all' }
  | { readonly kind: 'from'; readonly value: string; /** What was sent before, and is sent again. */ readonly sentUpTo?: string }
  | { readonly kind: 'after'; readonly value: string };

/** Part of a stream to read now: up to and including `last`. */
export interface KeyWindow {
  readonly last: string;
  readonly more: boolean;
}

/** A table, quoted, and its key. */
interface Keys {
  readonly from: string;
  readonly key: KeyColumn;
}

/** The rows of a window, as an SQL condition. */
export function windowSql(key: KeyColumn, start: WindowStart, last: string): string {
  return [...startSql(key, start), `${key.name} <= ${keyLiteral(key, last)}`].join(' and ');
}

/** The highest key at or above `value` that can be a bookmark. */
export async function highestKey(
  connection: Connection,
  { from, key }: Keys,
  value: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  return keyOf(connection, highestKeySql({ from, key }, value), signal);
}

/** The query for it: the key as text, or no row. */
export function highestKeySql({ from, key }: Keys, value: string | undefined): string {
  const conditions = [key.isReadable, ...(value === undefined ? [] : [`${key.name} >= ${keyLiteral(key, value)}`])];
  return `${keyFrom(key, from)} where ${conditions.join(' and ')} order by source.${key.name} desc limit 1`;
}

/** The lowest key of a window; undefined when it is empty. */
export async function lowestKey(
  connection: Connection,
  { from, key }: Keys,
  where: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  return keyOf(connection, `${keyFrom(key, from)} where ${where} order by source.${key.name} limit 1`, signal);
}

/**
 * Ends a window after about `maxRows` rows, and all that share its last key, if the planner expects more than that. Rows that are sent again do not count:
 * else a region that changes all the time would never be left. Only with an index, since without one each window would read the whole table.
 */
export async function cutWindow(
  connection: Connection,
  { from, key }: Keys,
  window: { readonly start: WindowStart; readonly highest: string; readonly maxRows: number },
  signal: AbortSignal,
): Promise<KeyWindow> {
  const { start, highest, maxRows } = window;
  const uncut = { last: highest, more: false };
  const fresh: WindowStart =
    start.kind === 'from' && start.sentUpTo !== undefined ? { kind: 'after', value: start.sentUpTo } : start;
  const where = windowSql(key, fresh, highest);
  if ((await expectedRows(connection, `select 1 from ${from} where ${where}`, signal)) <= maxRows) return uncut;
  const sql = `${keyFrom(key, from)} where ${where} order by source.${key.name} offset ${Math.max(0, Math.floor(maxRows) - 1)} limit 1`;
  const last = await keyOf(connection, sql, signal);
  if (last === undefined) return uncut;
  const beyond = windowSql(key, { kind: 'after', value: last }, highest);
  return (await lowestKey(connection, { from, key }, beyond, signal)) === undefined ? uncut : { last, more: true };
}

/** `order by` must name the key with `source.`: a plain name could be the text that is selected here, which has another order. */
function keyFrom(key: KeyColumn, from: string): string {
  return `select source.${key.name}::text as key from ${from} as source`;
}

function startSql(key: KeyColumn, start: WindowStart): readonly string[] {
  switch (start.kind) {
    case 'all':
      return [];
    case 'from':
      return [`${key.name} >= ${keyLiteral(key, start.value)}`];
    case 'after':
      return [`${key.name} > ${keyLiteral(key, start.value)}`];
  }
}

async function keyOf(connection: Connection, sql: string, signal: AbortSignal): Promise<string | undefined> {
  const [row] = await connection.query<{ readonly key: string }>(sql, [], signal);
  return row?.key;
}

/** The planner's estimate. https://www.postgresql.org/docs/current/sql-explain.html */
async function expectedRows(connection: Connection, select: string, signal: AbortSignal): Promise<number> {
  const [row] = await connection.query<Record<string, string>>(`explain (format json) ${select}`, [], signal);
  const [plan] = JSON.parse(row?.['QUERY PLAN'] ?? '[]') as readonly [{ readonly Plan: { readonly 'Plan Rows': number } }?];
  return plan?.Plan['Plan Rows'] ?? 0;
}
