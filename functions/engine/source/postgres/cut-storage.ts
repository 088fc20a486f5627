import type { Table } from '../../model/catalog.ts';
import type { Connection } from './connection.ts';
import { failureOn } from './copy-transaction.ts';
import { quoteRelation } from './quote.ts';

/** One physical table of a stream as it is now. */
export interface CurrentStorage {
  readonly schema: string;
  readonly table: string;
  /** `oid:filenode`: another one means that rows may have moved, or that it is another table of that name. */
  readonly identity: string;
  readonly filenode: string;
  /** Below the relation that the stream names: a partition, or a child of classic inheritance. */
  readonly isLeaf: boolean;
  readonly pages: number;
  /** Main fork and TOAST. */
  readonly bytes: bigint;
  /** Whether its rows are row versions with `ctid` and `xmin`, and this role may see those of the stream's relation. */
  readonly isHeap: boolean;
  /** Whether reading it directly gives the same rows as reading it through its root. */
  readonly isReadable: boolean;
}

/** What keeps the rows that `select ... from` the table gives: itself, and the leaves or children below it, in the order of their oids. Throws `structure-changed` if it is gone. */
export async function currentStorage(
  connection: Connection,
  table: Table,
  signal: AbortSignal,
): Promise<readonly CurrentStorage[]> {
  const sql = storageSql(connection);
  try {
    const rows = await connection.query<StorageRow>(sql, [quoteRelation(table.name)], signal);
    return rows.map((row) => ({
      schema: row.schema,
      table: row.table,
      identity: `${row.oid}:${row.filenode ?? ''}`,
      filenode: row.filenode ?? '',
      isLeaf: row.is_leaf === 't',
      pages: Number(row.pages),
      bytes: BigInt(row.bytes),
      isHeap: row.is_heap === 't',
      isReadable: row.is_readable === 't',
    }));
  } catch (error) {
    throw failureOn(connection, table.name, error);
  }
}

interface StorageRow {
  readonly schema: string;
  readonly table: string;
  readonly oid: string;
  readonly filenode: string | null;
  readonly is_leaf: string;
  readonly pages: string;
  readonly bytes: string;
  readonly is_heap: string;
  readonly is_readable: string;
}

function storageSql({ dialect }: Connection): string {
  // A foreign table or another access method (columnar) has no row versions that tell their age, nor has a compressed chunk of TimescaleDB.
  // System columns need the right to read the whole table.
  const isHeap = `
    c.relkind in ('r', 'm') and coalesce(am.amname, 'heap') = 'heap' and pg_relation_filenode(c.oid) is not null
    and n.nspname !~ '^_timescaledb_' and has_table_privilege($1::pg_catalog.regclass, 'select')`;
  const isReadable = `
    has_table_privilege(c.oid, 'select') and has_schema_privilege(n.oid, 'usage')
    ${dialect.hasRowSecurity ? 'and (not tree.is_leaf or not row_security_active(c.oid))' : ''}`;
  const attached = dialect.hasDetachPending ? 'and not i.inhdetachpending' : '';
  return `
    with recursive tree (oid, is_leaf) as (
      select $1::pg_catalog.regclass::oid, false
      union
      select i.inhrelid, true from tree join pg_catalog.pg_inherits i on i.inhparent = tree.oid ${attached}
    )
    select n.nspname as schema, c.relname as table, c.oid, pg_relation_filenode(c.oid) as filenode, tree.is_leaf,
           coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int8 as pages,
           coalesce(pg_relation_size(c.oid), 0) + coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0) as bytes,
           ${isHeap} as is_heap,
           ${isReadable} as is_readable
      from tree
      join pg_catalog.pg_class c on c.oid = tree.oid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      left join pg_catalog.pg_am am on am.oid = c.relam
     where c.relkind <> 'p'
     order by c.oid`;
}
