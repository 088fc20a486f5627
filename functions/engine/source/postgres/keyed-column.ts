import type { Column, Table } from '../../model/catalog.ts';
import { ReplicationError } from '../../model/errors.ts';
import { streamId } from '../../model/stream.ts';
import type { Connection } from './connection.ts';
import { quoteIdentifier, quoteLiteral } from './quote.ts';

/** A replication key as SQL sees it. */
export interface KeyColumn {
  readonly column: Column;
  /** Quoted. */
  readonly name: string;
  /** What its values are cast to: with the precision of the column, since that is how future values are rounded too. */
  readonly type: string;
  /** What orders it decides how far behind the highest key a bookmark has to stay. */
  readonly family: 'time' | 'number' | 'other';
  /** Condition that excludes NULL, and what lies above every other value and would stop a bookmark for ever. */
  readonly isReadable: string;
  /** The lowest of the values above all others (infinity, NaN), as SQL; absent for types that have none. */
  readonly top?: string;
}

const FAMILIES: Readonly<Record<string, KeyColumn['family']>> = {
  int2: 'number',
  int4: 'number',
  int8: 'number',
  numeric: 'number',
  date: 'time',
  timestamp: 'time',
  timestamptz: 'time',
  uuid: 'other',
  text: 'other',
  varchar: 'other',
  bpchar: 'other',
};

/**
 * The replication key of a table. Throws `column-missing`, and `replication-key-unsuitable` for what is not an integer, numeric, date, timestamp, uuid or
 * text of PostgreSQL's own (the types of extensions order by operators that an empty search_path does not find).
 */
export function keyColumn(connection: Connection, table: Table, name: string): KeyColumn {
  const column = table.columns.find((one) => one.name === name);
  const stream = streamId(table.name);
  if (column === undefined)
    throw new ReplicationError('column-missing', { column: name, stream, setting: 'replicationKey', hint: '' });
  const family = isOwnType(column) ? FAMILIES[column.type.name] : undefined;
  if (family === undefined)
    throw new ReplicationError('replication-key-unsuitable', { column: name, stream, type: column.sqlType });
  const quoted = quoteIdentifier(name);
  const base = `pg_catalog.${column.type.name}`;
  const top = topOf(column.type.name, connection.dialect.version);
  const bound = top === undefined ? undefined : `'${top}'::${base}`;
  return {
    column,
    name: quoted,
    type: column.domain === undefined ? column.sqlType : base,
    family,
    isReadable: bound === undefined ? `${quoted} is not null` : `${quoted} < ${bound}`,
    ...(bound === undefined ? {} : { top: bound }),
  };
}

/** A key value as SQL. Parameters are impossible in COPY, so it is a literal everywhere. */
export function keyLiteral(key: KeyColumn, value: string): string {
  return `${quoteLiteral(value)}::${key.type}`;
}

/**
 * An index along which rows can be read in the order of their keys: a valid, full btree that begins with the key, in its own order or the reverse of it.
 * A table that others inherit from may have one that they do not have.
 */
export interface KeyIndex {
  /** What NULL counts as in it. No NULL is ever asked for, and yet the planner takes an index only for an order that has NULL at the same end. */
  readonly nulls: 'highest' | 'lowest';
}

/** Such an index of a table, if it has one. */
export async function keyIndex(
  connection: Connection,
  table: Table,
  key: KeyColumn,
  signal: AbortSignal,
): Promise<KeyIndex | undefined> {
  return (await keyIndexes(connection, [table], signal)).get(keyId(table, key));
}

/** The same of many tables in one query, by {@link keyId}. */
export async function keyIndexes(
  connection: Connection,
  tables: readonly Table[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, KeyIndex>> {
  const oids = `{${tables.map(({ oid }) => String(oid)).join(',')}}`;
  const rows = await connection.query<{ readonly id: string; readonly nulls: KeyIndex['nulls'] }>(KEY_INDEXES, [oids], signal);
  return new Map(rows.map(({ id, nulls }) => [id, { nulls }]));
}

/** Names a column among those of all tables. */
export function keyId(table: Table, key: KeyColumn): string {
  return `${String(table.oid)}:${String(key.column.position)}`;
}

/** `indoption` has 1 for DESC and 2 for NULLS FIRST: with neither, or both, NULL is the highest value, as in an ORDER BY that does not mention it. */
const KEY_INDEXES = `
    select i.indrelid || ':' || a.attnum as id, case when bool_or(i.indoption[0] in (0, 3)) then 'highest' else 'lowest' end as nulls
      from pg_catalog.pg_index i
      join pg_catalog.pg_class c on c.oid = i.indexrelid
      join pg_catalog.pg_am am on am.oid = c.relam and am.amname = 'btree'
      join pg_catalog.pg_opclass o on o.oid = i.indclass[0] and o.opcdefault
      join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] and a.attcollation = i.indcollation[0]
     where i.indrelid = any ($1::pg_catalog.oid[]) and i.indisvalid and i.indisready and i.indpred is null
     group by i.indrelid, a.attnum`;

/** Conditions, as SQL, that rows have which are never read, but counted. */
export function unreadableSql(key: KeyColumn): readonly string[] {
  return [
    ...(key.column.nullable ? [`${key.name} is null`] : []),
    ...(key.top === undefined ? [] : [`${key.name} >= ${key.top}`]),
  ];
}

/** A table without an index on its key is read as a whole to look for a few rows only if it is no larger than this. */
const SMALL_TABLE_BYTES = 16 * 1024 * 1024;

/** Whether it may be read as a whole to look for a few rows. */
export function isSmallTable({ kind, bytes }: Table): boolean {
  const isTable = kind === 'table' || kind === 'partitioned-table' || kind === 'materialized-view';
  return isTable && bytes <= SMALL_TABLE_BYTES;
}

function isOwnType({ type }: Column): boolean {
  return type.kind !== 'array' && type.kind !== 'composite' && !(type.kind === 'text' && type.enumLabels !== undefined);
}

function topOf(typeName: string, version: number): string | undefined {
  switch (typeName) {
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return 'infinity';
    case 'numeric':
      // 14 has infinities, and NaN above them.
      return version >= 140_000 ? 'Infinity' : 'NaN';
    default:
      return undefined;
  }
}
