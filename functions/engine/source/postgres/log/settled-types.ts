import { ReplicationError } from '../../../model/errors.ts';
import type { LogRequest, LogTable } from '../../log.ts';
import type { Connection } from '../connection.ts';
import { arrayLiteral } from '../quote.ts';

/** Whether messages of wal2json have to say of which type each value is. */
export type TypeOids = 'wanted' | 'known';

/** Type OIDs are a seventh of the server's work and of ours. Where less WAL than this is read, that is less than what the look costs. */
export const WORTH_A_LOOK_BYTES = 16n * 1024n * 1024n;
/** Beyond it the look itself would be large. */
const MOST_COLUMNS = 100_000;

/**
 * Whether all columns of the wanted tables had the types that the request says in everything that the slot has still to give. Then messages need not repeat them.
 *
 * Another type, name or schema is another row of `pg_attribute`, `pg_class` or `pg_namespace`. All transactions before `catalog_xmin` had ended before what the slot has confirmed
 * (https://www.postgresql.org/docs/current/view-pg-replication-slots.html): a row that is older was there for every change that is still to come. `request.to` was asked for before,
 * so that only a transaction that had committed by then and that nobody sees yet (it may wait for a replica) could be missed. What it does to a row is in that row's `xmax`, not older
 * than the oldest transaction that still counts as running; and it still holds its lock on the table. Locks are looked at first, since it may end in between.
 */
export async function settledTypes(
  sql: Connection,
  { slot, tables, from, to }: Pick<LogRequest, 'slot' | 'tables' | 'from' | 'to'>,
  signal: AbortSignal,
): Promise<TypeOids> {
  const columns = tables.flatMap(columnsOf);
  if (to - from < WORTH_A_LOOK_BYTES || columns.length > MOST_COLUMNS) return 'wanted';
  const names = [arrayLiteral(tables.map(({ schema }) => schema)), arrayLiteral(tables.map(({ table }) => table))];
  try {
    const [locked] = await sql.query<{ readonly tables: string }>(LOCKED, names, signal);
    if (locked?.tables !== '0') return 'wanted';
    const arrays = (['schema', 'table', 'column', 'type'] as const).map((part) =>
      arrayLiteral(columns.map((column) => column[part])),
    );
    const [row] = await sql.query<{ readonly settled: string | null }>(SETTLED, [...arrays, slot], signal);
    return row?.settled === 't' ? 'known' : 'wanted';
  } catch (error) {
    signal.throwIfAborted();
    // A service may refuse a look; a connection that is lost will tell again.
    if (error instanceof ReplicationError) return 'wanted';
    throw error;
  }
}

interface TypedColumn {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

function columnsOf({ schema, table, columns }: LogTable): readonly TypedColumn[] {
  return columns.map(({ name, type }) => ({ schema, table, column: name, type: type.name }));
}

const LOCKED = `
  select count(*) as tables
  from rows from (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) t(schema, name)
  join pg_catalog.pg_namespace n on n.nspname = t.schema::pg_catalog.name
  join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = t.name::pg_catalog.name
  join pg_catalog.pg_locks l on l.locktype = 'relation' and l.relation = c.oid and l.mode = 'AccessExclusiveLock' and l.granted
  join pg_catalog.pg_database d on d.oid = l.database and d.datname = pg_catalog.current_database()`;

/** A column that is not there is not settled. A domain stands for a type whose name we know it by, and cannot be given another one. */
const SETTLED = `
  select pg_catalog.bool_and(
           a.attrelid is not null
           and (ty.typtype = 'd' or ty.typname = t.type::pg_catalog.name)
           and least(pg_catalog.age(n.xmin), pg_catalog.age(c.xmin), pg_catalog.age(a.xmin)) > pg_catalog.age(s.catalog_xmin)
           and least(pg_catalog.age(n.xmax), pg_catalog.age(c.xmax), pg_catalog.age(a.xmax)) > pg_catalog.age(o.xid)) as settled
  from rows from (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]),
                  pg_catalog.unnest($3::pg_catalog.text[]), pg_catalog.unnest($4::pg_catalog.text[])) t(schema, name, col, type)
  cross join pg_catalog.pg_replication_slots s
  cross join (select (pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot()) & 4294967295)::text::pg_catalog.xid) o (xid)
  left join (pg_catalog.pg_namespace n
             join pg_catalog.pg_class c on c.relnamespace = n.oid
             join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
             join pg_catalog.pg_type ty on ty.oid = a.atttypid)
    on n.nspname = t.schema::pg_catalog.name and c.relname = t.name::pg_catalog.name and a.attname = t.col::pg_catalog.name
  where s.slot_name = $5`;
