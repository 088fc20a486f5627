import type { Dialect } from './dialect.ts';

/** A relation that the role may read, all or some columns of it. */
export interface RelationRow {
  readonly oid: string;
  readonly schema: string;
  readonly table: string;
  readonly kind: string;
  readonly replica_identity: string;
  readonly estimated_rows: string;
  readonly pages: string;
  /** Whether all columns may be read. */
  readonly whole: string;
  readonly row_security: string;
  readonly has_children: string;
}

export interface ColumnRow {
  readonly relation: string;
  readonly position: string;
  readonly name: string;
  readonly type: string;
  readonly modifier: string;
  readonly sql_type: string;
  readonly domain: string | null;
  readonly not_null: string;
  readonly generated: string;
  readonly identity: string;
  readonly toastable: string;
}

export interface KeyRow {
  readonly relation: string;
  /** Attribute numbers in key order, with a blank between. */
  readonly positions: string;
  readonly length: string;
}

/** A partition or inheriting table at any depth below `root`. */
export interface DescendantRow {
  readonly root: string;
  readonly oid: string;
  readonly schema: string;
  readonly table: string;
  readonly kind: string;
  readonly estimated_rows: string;
  readonly pages: string;
  /** Whether the role may read it by its own name, and gets the rows that it gets through the root. */
  readonly readable: string;
}

/**
 * What can be a stream. Left out: PostgreSQL's own and temporary schemas (no other schema may begin with `pg_`), the chunks of TimescaleDB
 * (their hypertable is the stream), partitions (their root is), and on a replica unlogged tables, which cannot be read there.
 */
export function relationsSql(dialect: Dialect, inRecovery: boolean): string {
  return `
    select c.oid, n.nspname as schema, c.relname as table, c.relkind as kind,
           ${dialect.hasReplicaIdentity ? 'c.relreplident' : `'d'`} as replica_identity,
           c.reltuples::int8 as estimated_rows, c.relpages as pages,
           has_table_privilege(c.oid, 'SELECT') as whole,
           ${rowSecurity(dialect)} as row_security,
           c.relhassubclass as has_children
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
      and c.relpersistence in ('p'${inRecovery ? '' : `, 'u'`})
      ${dialect.hasPartitions ? 'and not c.relispartition' : ''}
      and n.nspname !~ '^(pg_|_timescaledb_|information_schema$)'
      and has_schema_privilege(n.oid, 'USAGE')
      and (has_table_privilege(c.oid, 'SELECT') or has_any_column_privilege(c.oid, 'SELECT'))
    order by n.nspname, c.relname`;
}

/** Columns that the role may read, of relations `$1`; `$2` says which of them are readable as a whole. */
export function columnsSql(dialect: Dialect): string {
  const isUnproven = dialect.hasUnvalidatedNotNull
    ? `and not exists (select from pg_constraint k
                       where k.conrelid = a.attrelid and k.contype = 'n' and k.conkey[1] = a.attnum and not k.convalidated)`
    : '';
  return `
    select a.attrelid as relation, a.attnum as position, a.attname as name, a.atttypid as type, a.atttypmod as modifier,
           format_type(a.atttypid, a.atttypmod) as sql_type,
           case when t.typtype = 'd' then format_type(t.oid, null) end as domain,
           a.attnotnull ${isUnproven} as not_null,
           ${dialect.hasGenerated ? 'a.attgenerated' : `''`} as generated,
           ${dialect.hasIdentity ? `a.attidentity <> ''` : 'false'} as identity,
           a.attlen = -1 and a.attstorage <> 'p' as toastable
    from (select unnest($1::oid[]) as oid, unnest($2::boolean[]) as whole) r
    join pg_attribute a on a.attrelid = r.oid
    join pg_type t on t.oid = a.atttypid
    where a.attnum > 0 and not a.attisdropped and (r.whole or has_column_privilege(a.attrelid, a.attnum, 'SELECT'))
    order by a.attrelid, a.attnum`;
}

/** Primary keys of relations `$1`. One on a partitioned table that is not valid yet does not hold for all partitions. */
export function keysSql(dialect: Dialect): string {
  return `
    select i.indrelid as relation, i.indkey::text as positions, ${dialect.hasIncludedColumns ? 'i.indnkeyatts' : 'i.indnatts'} as length
    from unnest($1::oid[]) r(oid)
    join pg_index i on i.indrelid = r.oid
    where i.indisprimary and i.indisvalid`;
}

/** All that partitions or inherits from relations `$1`, at any depth. */
export function descendantsSql(dialect: Dialect): string {
  const isAttached = dialect.hasDetachPending ? 'and not i.inhdetachpending' : '';
  return `
    with recursive tree(root, oid) as (
      select i.inhparent, i.inhrelid from unnest($1::oid[]) r(oid) join pg_inherits i on i.inhparent = r.oid ${isAttached}
      union
      select tree.root, i.inhrelid from tree join pg_inherits i on i.inhparent = tree.oid ${isAttached}
    )
    select tree.root, c.oid, n.nspname as schema, c.relname as table, c.relkind as kind, c.reltuples::int8 as estimated_rows, c.relpages as pages,
           c.relkind = 'r' and n.nspname !~ '^_timescaledb_'
             and has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT') and not ${rowSecurity(dialect)} as readable
    from tree
    join pg_class c on c.oid = tree.oid
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind <> 'p'
    order by tree.root, n.nspname, c.relname`;
}

/**
 * Sizes of tables `$1` in blocks. pg_relation_size() takes a lock for a moment, so it waits behind a schema change:
 * tables that are held or wanted exclusively are left out.
 */
export const pagesSql = `
  select r.oid, pg_relation_size(r.oid::regclass) / current_setting('block_size')::int8 as pages
  from unnest($1::oid[]) r(oid)
  where not exists (
    select from pg_locks l
    where l.locktype = 'relation' and l.relation = r.oid and l.mode = 'AccessExclusiveLock'
      and l.database = (select d.oid from pg_database d where d.datname = current_database())
  )`;

/** Every database of the server and whether the role may use it. `datconnlimit` is -2 where a DROP DATABASE was interrupted. */
export const databasesSql = `
  select d.datname as name,
         d.datallowconn and d.datconnlimit <> -2 and pg_catalog.has_database_privilege(d.oid, 'CONNECT') as may_connect,
         d.datistemplate as is_template
  from pg_catalog.pg_database d
  order by d.datname`;

function rowSecurity(dialect: Dialect): string {
  return dialect.hasRowSecurity ? '(c.relrowsecurity and row_security_active(c.oid))' : 'false';
}
