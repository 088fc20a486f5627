import type { Table } from '../../../model/catalog.ts';
import { ReplicationError } from '../../../model/errors.ts';
import { streamId } from '../../../model/stream.ts';
import type { Connection } from '../connection.ts';
import { beginRead, failureOn } from '../copy-transaction.ts';
import { arrayLiteral, quoteIdentifier, quoteRelation } from '../quote.ts';

/** The columns of a primary key, and the operators of its index. */
interface KeyColumn {
  readonly name: string;
  /** With its schema where it needs one: `search_path` is empty. */
  readonly type: string;
  /** `pg_catalog.=`, or that of an extension's type, whose schema is not in the search path either. */
  readonly operator: string;
}

const MOST_KEYS = 1_000;
/** A planner with old statistics, or none, might read the whole table for a few keys. */
const BY_INDEX = `select ${['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin'].map((name) => `pg_catalog.set_config('${name}', 'off', true)`).join(', ')}`;

/** See `LogSession.rowsByKey`. Keys are compared by the operator of the primary key's index, so that it is used whatever their types. */
export async function rowsByKey(
  connection: Connection,
  table: Table,
  columns: readonly string[],
  keys: readonly (readonly string[])[],
  signal: AbortSignal,
): Promise<readonly (readonly (string | null)[])[]> {
  if (keys.length === 0) return [];
  if (keys.length > MOST_KEYS) throw new RangeError(`at most ${MOST_KEYS} keys at once`);
  await using _ = await beginRead(connection, { isolation: 'read committed' }, signal);
  try {
    await connection.query(BY_INDEX, [], signal);
    const key = await keyColumns(connection, table, signal);
    const rows = await connection.query<Record<string, string | null>>(
      selectSql(table, columns, key),
      table.primaryKey.map((_name, at) => arrayLiteral(keys.map((values) => values[at] ?? ''))),
      signal,
    );
    return rows.map((row) => columns.map((_column, at) => row[`c${at}`] ?? null));
  } catch (error) {
    throw failureOn(connection, table.name, error);
  }
}

async function keyColumns(connection: Connection, table: Table, signal: AbortSignal): Promise<readonly KeyColumn[]> {
  const rows = await connection.query<{
    readonly name: string;
    readonly type: string;
    readonly schema: string;
    readonly operator: string;
  }>(
    `select a.attname as name, pg_catalog.format_type(a.atttypid, a.atttypmod) as type, n.nspname as schema, o.oprname as operator
     from pg_catalog.pg_index i
     cross join lateral pg_catalog.generate_subscripts(i.indclass, 1) k(at)
     join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[k.at]
     join pg_catalog.pg_opclass c on c.oid = i.indclass[k.at]
     join pg_catalog.pg_amop m on m.amopfamily = c.opcfamily and m.amoplefttype = c.opcintype and m.amoprighttype = c.opcintype and m.amopstrategy = 3
     join pg_catalog.pg_operator o on o.oid = m.amopopr
     join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
     where i.indrelid = $1::pg_catalog.oid and i.indisprimary`,
    [table.oid],
    signal,
  );
  const found = new Map(
    rows.map((row) => [row.name, { name: row.name, type: row.type, operator: `${quoteIdentifier(row.schema)}.${row.operator}` }]),
  );
  return table.primaryKey.map((name) => {
    const column = found.get(name);
    // The primary key was changed since the structure sync.
    if (column === undefined)
      throw new ReplicationError('structure-changed', { stream: streamId(table.name), sqlstate: 'another primary key' });
    return column;
  });
}

function selectSql(table: Table, columns: readonly string[], key: readonly KeyColumn[]): string {
  // Children that inherit from a plain table may have rows of the same key; a partitioned table has no rows but those of its leaves.
  const from = table.kind === 'partitioned-table' ? quoteRelation(table.name) : `only ${quoteRelation(table.name)}`;
  const list = columns.map((column, at) => `t.${quoteIdentifier(column)} as c${at}`).join(', ');
  const arrays = key.map((_column, at) => `$${at + 1}::pg_catalog.text[]`).join(', ');
  const names = key.map((_column, at) => `k${at}`).join(', ');
  const matches = key
    .map(({ name, type, operator }, at) => `t.${quoteIdentifier(name)} operator(${operator}) w.k${at}::${type}`)
    .join(' and ');
  return `select ${list} from unnest(${arrays}) w(${names}) join ${from} t on ${matches}`;
}
