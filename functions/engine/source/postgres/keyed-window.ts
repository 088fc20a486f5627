import type { Connection } from './connection.ts';
import type { KeyColumn, KeyIndex } from './keyed-column.ts';
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
  /** What has the keys in their order. */
  readonly index: KeyIndex | undefined;
}

/** The rows of a window, as an SQL condition. */
export function windowSql(key: KeyColumn, start: WindowStart, last: string): string {
  return [...startSql(key, start), `${key.name} <= ${keyLiteral(key, last)}`].join(' and ');
}

/** The highest key at or above `value` that can be a bookmark. */
export async function highestKey(
  connection: Connection,
  keys: Keys,
  value: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  return keyOf(connection, `${smallSort(connection)}${highestKeySql(keys, value)}`, signal);
}

/** The query for it, to be run after {@link smallSort}: the key as text, or no row. */
export function highestKeySql(keys: Keys, value: string | undefined): string {
  const { key } = keys;
  const conditions = [key.isReadable, ...(value === undefined ? [] : [`${key.name} >= ${keyLiteral(key, value)}`])];
  return `${inOrder(keys, conditions.join(' and '), 'desc')} limit 1`;
}

/**
 * What to run in the transaction before a query for the first row of an order. Where no index has the order the server sorts, and needs memory for that one row only.
 * But 10 does not tell its parallel workers that it is one: each would sort all that it finds, on disk. (Older ones do not sort in workers, newer ones tell them.)
 */
export function smallSort({ dialect }: Connection): string {
  return dialect.version >= 100_000 && dialect.version < 110_000 ? 'set local enable_gathermerge = off; ' : '';
}

/** The lowest key of a window; undefined when it is empty. */
export async function lowestKey(
  connection: Connection,
  keys: Keys,
  where: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  return keyOf(connection, `${smallSort(connection)}${inOrder(keys, where, 'asc')} limit 1`, signal);
}

/**
 * Ends a window after about `maxRows` rows, and all that share its last key, if the planner expects more than that. Rows that are sent again do not count:
 * else a region that changes all the time would never be left. Only along an index, since without one each window would read the whole table, and sort it.
 */
export async function cutWindow(
  connection: Connection,
  keys: Keys,
  window: { readonly start: WindowStart; readonly highest: string; readonly maxRows: number },
  signal: AbortSignal,
): Promise<KeyWindow> {
  const { from, key, index } = keys;
  const { start, highest, maxRows } = window;
  const uncut = { last: highest, more: false };
  const fresh: WindowStart =
    start.kind === 'from' && start.sentUpTo !== undefined ? { kind: 'after', value: start.sentUpTo } : start;
  const where = windowSql(key, fresh, highest);
  if (index === undefined || (await expectedRows(connection, `select 1 from ${from} where ${where}`, signal)) <= maxRows)
    return uncut;
  const sql = `${inOrder(keys, where, 'asc')} offset ${Math.max(0, Math.floor(maxRows) - 1)} limit 1`;
  const last = await keyAlongIndex(connection, sql, signal);
  if (last === undefined) return uncut;
  const beyond = windowSql(key, { kind: 'after', value: last }, highest);
  return (await lowestKey(connection, keys, beyond, signal)) === undefined ? uncut : { last, more: true };
}

/**
 * The key that a query finds behind very many rows in the order of their keys; undefined, and the query is not run, where the server would sort for it.
 *
 * Where rows lie in another order than their keys, reading the table and sorting a whole window on disk looks cheaper to the planner than walking along the index.
 * With `enable_sort` off it prefers any plan without a sort to any with one, whatever the statistics say, or if there are none. (Before 18 by a cost that no walk comes
 * up to. `enable_incremental_sort` needs no care: it is for orders of several columns.) The walk reads nothing but the index where VACUUM has been since the last change.
 *
 * That setting forbids nothing, however: without another plan the server sorts all the same. An inheriting table may be without the index, a partition may have NULL at
 * the other end of its own, what an extension stores may have no order. No catalog tells all of this, but the plan does.
 *
 * Short steps along the index would be no safer, since the planner is as free at each of them, and would take as many round trips.
 *
 * `set local` works on replicas, and ends with the transaction: no pooler hands it on, and a statement that fails takes it along. What follows is planned as the server
 * is set up to do, since the condition of a policy for row security may be better off with a sort.
 */
async function keyAlongIndex(connection: Connection, sql: string, signal: AbortSignal): Promise<string | undefined> {
  const plan = await planOf(connection, `set local enable_sort = off; explain (format json) ${sql}`, signal);
  const key = plan === undefined || hasSort(plan) ? undefined : await keyOf(connection, sql, signal);
  await connection.query('set local enable_sort to default', [], signal);
  return key;
}

/** Keys as text, in their order. `order by` must name the key with `source.`: a plain name could be the text that is selected here, which has another order. */
function inOrder({ from, key, index }: Keys, where: string, direction: 'asc' | 'desc'): string {
  const nulls = index?.nulls === 'lowest' ? { asc: ' nulls first', desc: ' nulls last' }[direction] : '';
  return `select source.${key.name}::text as key from ${from} as source where ${where} order by source.${key.name} ${direction}${nulls}`;
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

/** A step of a plan, and the steps that it takes its rows from. https://www.postgresql.org/docs/current/sql-explain.html */
interface Plan {
  readonly 'Node Type': string;
  readonly 'Plan Rows': number;
  readonly Plans?: readonly Plan[];
}

async function planOf(connection: Connection, explain: string, signal: AbortSignal): Promise<Plan | undefined> {
  const [row] = await connection.query<Record<string, string>>(explain, [], signal);
  const [plan] = JSON.parse(row?.['QUERY PLAN'] ?? '[]') as readonly [{ readonly Plan: Plan }?];
  return plan?.Plan;
}

/** The planner's estimate. */
async function expectedRows(connection: Connection, select: string, signal: AbortSignal): Promise<number> {
  return (await planOf(connection, `explain (format json) ${select}`, signal))?.['Plan Rows'] ?? 0;
}

const SORTS: ReadonlySet<string> = new Set(['Sort', 'Incremental Sort']);

function hasSort(plan: Plan): boolean {
  return SORTS.has(plan['Node Type']) || (plan.Plans ?? []).some(hasSort);
}
