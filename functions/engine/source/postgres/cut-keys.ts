import type { CopyRange } from '../../model/bookmark.ts';
import type { Column, Table } from '../../model/catalog.ts';
import type { Connection } from './connection.ts';
import { keyNumbers } from './cut-key-numbers.ts';
import { quoteIdentifier, quoteRelation } from './quote.ts';

/** Types with a total order whose statistics are plain literals. `name` in `pg_catalog` is the name of the type, without a modifier that could round. */
const RANGE_TYPES: ReadonlySet<string> = new Set([
  'int2',
  'int4',
  'int8',
  'numeric',
  'date',
  'timestamp',
  'timestamptz',
  'uuid',
  'text',
  'varchar',
]);

/**
 * About `count` ranges of the first primary key column, from what ANALYZE knows of it: the most common values and the bounds of the histogram.
 * Integers and UUIDs are also cut inside a bound of the histogram, or, without statistics, between their lowest and highest value.
 * Empty where there is no good cut. A bound that the statistics got wrong makes a range larger or smaller, never wrong: the ranges are disjoint and
 * leave nothing out as long as their bounds grow in the column's own order, by which they are sorted here.
 */
export async function keyRanges(
  connection: Connection,
  table: Table,
  count: number,
  signal: AbortSignal,
): Promise<readonly CopyRange[]> {
  const column = table.columns.find(({ name }) => name === table.primaryKey[0]);
  if (column === undefined || !RANGE_TYPES.has(column.type.name)) return [];
  const type = `pg_catalog.${column.type.name}`;
  const known = await knownPoints(connection, table, column, signal);
  const points = known.length >= 2 ? known : await ends(connection, table, column, signal);
  const bounds = boundsOf(refine(points, column.type.name, count), count);
  return [undefined, ...bounds].map((from, index) => {
    const to = bounds[index];
    return {
      kind: 'keys',
      column: column.name,
      type,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
    };
  });
}

/** A key and the share of the rows that lies between it and the next point. */
export interface KeyPoint {
  readonly value: string;
  readonly weight: number;
}

/** Cuts between points that are far apart, where keys can be counted: the histogram has 101 bounds by default, a large table wants more ranges. */
export function refine(points: readonly KeyPoint[], typeName: string, count: number): readonly KeyPoint[] {
  const numbers = keyNumbers(typeName);
  if (numbers === undefined) return points;
  const total = points.reduce((sum, { weight }) => sum + weight, 0);
  return points.flatMap((point, index) => {
    const next = points[index + 1];
    const pieces = Math.floor((point.weight / total) * count * 2);
    if (next === undefined || pieces < 2) return [point];
    const [low, high] = [numbers.parse(point.value), numbers.parse(next.value)];
    const cuts = Array.from({ length: pieces }, (_, piece) => low + ((high - low) * BigInt(piece)) / BigInt(pieces));
    return [...new Set(cuts)].map((cut, _, all) => ({ value: numbers.print(cut), weight: point.weight / all.length }));
  });
}

/** At most `count - 1` bounds with about the same weight between them. */
export function boundsOf(points: readonly KeyPoint[], count: number): readonly string[] {
  const total = points.reduce((sum, { weight }) => sum + weight, 0);
  const bounds: string[] = [];
  let passed = 0;
  for (const { value, weight } of points) {
    // A hair less than the share, for what adding up fractions loses. Where nothing lies behind a point there is nothing to cut off.
    const isDue = passed > 0 && passed >= (total / count) * (bounds.length + 1) * ALMOST;
    if (isDue && passed < total * ALMOST && bounds.length < count - 1) bounds.push(value);
    passed += weight;
  }
  return bounds;
}

const ALMOST = 1 - 1e-9;

async function knownPoints(
  connection: Connection,
  table: Table,
  column: Column,
  signal: AbortSignal,
): Promise<readonly KeyPoint[]> {
  const type = `pg_catalog.${column.type.name}`;
  const order = await collationOf(connection, table, column, signal);
  // pg_stats gives arrays of "any" type, whose text is the only way to a type; it shows what this role may read. A value is weighed with the rows that
  // have it, a bound with those up to the next one.
  const sql = `
    with stats as (
      select s.histogram_bounds::text::${type}[] as bounds, s.most_common_vals::text::${type}[] as vals, s.most_common_freqs as freqs
        from pg_catalog.pg_stats s
       where s.schemaname = $1 and s.tablename = $2 and s.attname = $3 and s.inherited = exists (select 1 from pg_catalog.pg_inherits i where i.inhparent = $4)
    ), points as (
      select u.value, u.weight::float8 as weight from stats, unnest(stats.vals, stats.freqs) as u (value, weight)
      union all
      select u.value, greatest(1 - coalesce((select sum(f) from unnest(stats.freqs) f), 0), 0)::float8 / greatest(array_length(stats.bounds, 1) - 1, 1)
        from stats, unnest(stats.bounds) as u (value)
    )
    select value::text as value, sum(weight)::float8 as weight from points group by value order by points.value ${order}`;
  const rows = await connection.query<{ readonly value: string; readonly weight: string }>(
    sql,
    [table.name.schema, table.name.table, column.name, table.oid],
    signal,
  );
  return rows.map(({ value, weight }) => ({ value, weight: Number(weight) }));
}

/** The column's own collation, by which the server compares `column >= bound`. */
async function collationOf(connection: Connection, table: Table, column: Column, signal: AbortSignal): Promise<string> {
  const sql = `
    select n.nspname as schema, l.collname as name
      from pg_catalog.pg_attribute a
      join pg_catalog.pg_collation l on l.oid = a.attcollation
      join pg_catalog.pg_namespace n on n.oid = l.collnamespace
     where a.attrelid = $1 and a.attnum = $2`;
  const [row] = await connection.query<{ readonly schema: string; readonly name: string }>(
    sql,
    [table.oid, column.position],
    signal,
  );
  return row === undefined ? '' : `collate ${quoteIdentifier(row.schema)}.${quoteIdentifier(row.name)}`;
}

/** Lowest and highest key, through the primary key's index: a cut for a table that was never analyzed, where keys can be counted. */
async function ends(connection: Connection, table: Table, column: Column, signal: AbortSignal): Promise<readonly KeyPoint[]> {
  if (keyNumbers(column.type.name) === undefined) return [];
  const name = quoteIdentifier(column.name);
  // Qualified: a plain name in `order by` would be the text that is selected.
  const one = (direction: 'asc' | 'desc'): string =>
    `(select source.${name}::text from ${quoteRelation(table.name)} as source order by source.${name} ${direction} limit 1)`;
  const [row] = await connection.query<{ readonly low: string | null; readonly high: string | null }>(
    `select ${one('asc')} as low, ${one('desc')} as high`,
    [],
    signal,
  );
  if (row === undefined || row.low === null || row.high === null || row.low === row.high) return [];
  return [
    { value: row.low, weight: 1 },
    { value: row.high, weight: 0 },
  ];
}
