import type { ServerInfo } from '../../model/catalog.ts';
import type { Dialect } from './dialect.ts';
import { logDialectOf } from './log/log-dialect.ts';

/** Parameters that decide whether jobs can run, and what they do to the server. */
const SETTINGS: readonly string[] = [
  'wal_level',
  'max_replication_slots',
  'max_wal_senders',
  'max_slot_wal_keep_size',
  'idle_replication_slot_timeout',
  'output_plugin_libraries',
  'wal_sender_timeout',
  'max_standby_streaming_delay',
  'max_standby_archive_delay',
  'hot_standby_feedback',
  'max_connections',
  'rds.logical_replication',
  'cloudsql.logical_decoding',
];

export const serverSettingsSql = `
  select name, setting, unit from pg_settings where name in (${SETTINGS.map((name) => `'${name}'`).join(', ')})`;

/** Not one of the schemas that are nobody's data: PostgreSQL's own (no other may begin with `pg_`), and the chunks of TimescaleDB. */
const NOT_SYSTEM = `!~ '^(pg_|_timescaledb_|information_schema$)'`;

export interface RoleRow {
  readonly name: string;
  readonly version_text: string;
  readonly is_superuser: string;
  readonly has_replication: string;
  readonly connection_limit: string;
  readonly has_rds_replication: string;
  readonly reads_all_stats: string;
  readonly reads_all_data: string;
  readonly flavour: string;
  readonly server_ms: string;
}

/** Roles and functions that services make tell them apart; what a role does not have is false, not an error. */
export const roleSql = `
  select current_user as name, current_setting('server_version') as version_text, r.rolsuper as is_superuser,
         r.rolreplication as has_replication, r.rolconnlimit as connection_limit,
         ${memberOf('rds_replication', 'rds_superuser')} as has_rds_replication,
         r.rolsuper or ${memberOf('pg_read_all_stats')} as reads_all_stats,
         r.rolsuper or ${memberOf('pg_read_all_data')} as reads_all_data,
         case when exists (select 1 from pg_proc where proname = 'aurora_version') then 'aurora'
              when exists (select 1 from pg_roles where rolname = 'rds_superuser') then 'rds'
              when exists (select 1 from pg_roles where rolname = 'cloudsqlsuperuser') then 'cloud-sql'
              when exists (select 1 from pg_roles where rolname = 'azure_pg_admin') then 'azure'
              else 'self-hosted' end as flavour,
         (extract(epoch from clock_timestamp()) * 1000)::int8 as server_ms
  from pg_roles r where r.rolname = current_user`;

function memberOf(...roles: readonly string[]): string {
  const names = roles.map((role) => `'${role}'`).join(', ');
  return `exists (select 1 from pg_roles g where g.rolname in (${names}) and pg_has_role(current_user, g.oid, 'USAGE'))`;
}

export interface SlotListRow {
  readonly name: string;
  readonly slot_type: string;
  readonly plugin: string | null;
  readonly database: string | null;
  readonly active: string;
  readonly is_temporary: string | null;
  readonly is_synced: string | null;
  readonly wal_status: string | null;
  readonly invalidation_reason: string | null;
  readonly retained_bytes: string | null;
  readonly safe_bytes: string | null;
}

/** All slots of the server; nobody needs a privilege to see them. Since 9.4. */
export function slotListSql(dialect: Dialect, server: ServerInfo): string {
  const { slot } = logDialectOf(server);
  const reason = `coalesce(${slot.invalidationReason}::text, case when ${slot.isConflicting}::boolean then 'conflict' end)`;
  return `
    select s.slot_name as name, s.slot_type, s.plugin, s.database, s.active, ${slot.isTemporary} as is_temporary, ${slot.isSynced} as is_synced,
           ${slot.walStatus} as wal_status, ${reason} as invalidation_reason,
           greatest(${dialect.currentLsn}::pg_lsn - s.restart_lsn, 0)::text as retained_bytes, ${slot.safeBytes}::text as safe_bytes
    from pg_replication_slots s
    order by s.slot_name`;
}

export interface ActivityRow {
  readonly senders: string;
  readonly oldest_seconds: string | null;
  readonly oldest_pid: string | null;
  readonly hidden: string;
  readonly prepared: string;
  readonly oldest_prepared_seconds: string | null;
  readonly oldest_prepared_gid: string | null;
}

/** What is open on the server; our own sessions are left out. Sessions of others show their transactions to members of pg_read_all_stats only. */
export const activitySql = `
  with others as (
    select pid, extract(epoch from clock_timestamp() - xact_start) as seconds, query = '<insufficient privilege>' as is_hidden
    from pg_stat_activity where datname is not null and usename is distinct from current_user
  ), prepared as (
    select gid, extract(epoch from clock_timestamp() - prepared) as seconds from pg_prepared_xacts
  )
  select (select count(*) from pg_stat_replication) as senders,
         (select max(seconds)::int8 from others) as oldest_seconds,
         (select pid from others where seconds is not null order by seconds desc limit 1) as oldest_pid,
         (select count(*) from others where is_hidden) as hidden,
         (select count(*) from prepared) as prepared,
         (select max(seconds)::int8 from prepared) as oldest_prepared_seconds,
         (select gid from prepared order by seconds desc limit 1) as oldest_prepared_gid`;

export interface DatabaseRow {
  readonly encoding: string;
  readonly may_create: string;
}

export const databaseSql = `
  select current_setting('server_encoding') as encoding, has_database_privilege(current_database(), 'CREATE') as may_create`;

export interface RelationFactsRow {
  readonly oid: string;
  readonly schema: string;
  readonly table: string;
  readonly kind: string;
  readonly is_partition: string;
  readonly is_unlogged: string;
  readonly is_owned: string;
  readonly may_use_schema: string;
  readonly may_select: string;
  readonly may_select_any: string;
  readonly hides_rows: string;
  readonly replica_identity: string;
  readonly has_identity: string;
}

/** Every relation, whether it may be read or not: names and privileges are in catalogs that all can read. */
export function relationFactsSql(dialect: Dialect): string {
  const { hasPartitions, hasRowSecurity, hasReplicaIdentity } = dialect;
  // PostgreSQL takes neither a deferrable nor an invalid key as the default identity: RelationGetIndexList() in src/backend/utils/cache/relcache.c.
  const identity = `
    case c.relreplident
      when 'f' then true
      when 'd' then exists (select 1 from pg_index i where i.indrelid = c.oid and i.indisprimary and i.indisvalid and i.indimmediate)
      when 'i' then exists (select 1 from pg_index i where i.indrelid = c.oid and i.indisreplident and i.indisvalid)
      else false end`;
  return `
    select c.oid, n.nspname as schema, c.relname as table, c.relkind as kind, ${hasPartitions ? 'c.relispartition' : 'false'} as is_partition,
           c.relpersistence = 'u' as is_unlogged, pg_has_role(c.relowner, 'USAGE') as is_owned,
           has_schema_privilege(n.oid, 'USAGE') as may_use_schema, has_table_privilege(c.oid, 'SELECT') as may_select,
           has_any_column_privilege(c.oid, 'SELECT') as may_select_any,
           ${hasRowSecurity ? 'c.relrowsecurity and row_security_active(c.oid)' : 'false'} as hides_rows,
           ${hasReplicaIdentity ? 'c.relreplident' : `'d'`} as replica_identity, ${hasReplicaIdentity ? identity : 'false'} as has_identity
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence in ('p', 'u') and n.nspname ${NOT_SYSTEM}
    order by n.nspname, c.relname`;
}

export interface UnreadableRow {
  readonly relation: string;
  readonly column: string;
}

/** Columns without SELECT of relations of which some columns may be read. */
export const unreadableColumnsSql = `
  select a.attrelid as relation, a.attname as column
  from unnest($1::oid[]) r(oid)
  join pg_attribute a on a.attrelid = r.oid
  where a.attnum > 0 and not a.attisdropped and not has_column_privilege(a.attrelid, a.attnum, 'SELECT')
  order by a.attrelid, a.attnum`;

export interface IndexRow {
  readonly relation: string;
  readonly column: string;
  /** Place among the columns of the primary key from 0; null for the first column of another index. */
  readonly key_place: string | null;
}

/** Columns of primary keys, and first columns of indexes that can give rows in order. */
export function indexSql(dialect: Dialect): string {
  const keyColumns = dialect.hasIncludedColumns ? 'i.indnkeyatts' : 'i.indnatts';
  return `
    select i.indrelid as relation, a.attname as column, case when i.indisprimary then p.place end as key_place
    from pg_index i
    join pg_class c on c.oid = i.indrelid and c.relkind in ('r', 'p', 'm')
    join pg_namespace n on n.oid = c.relnamespace and n.nspname ${NOT_SYSTEM}
    join pg_class x on x.oid = i.indexrelid
    join pg_am m on m.oid = x.relam and m.amname = 'btree'
    cross join lateral (select g.place, i.indkey[g.place] as attnum from generate_series(0, ${keyColumns} - 1) g(place)) p
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = p.attnum
    where i.indisvalid and i.indpred is null and (p.place = 0 or i.indisprimary)
    order by i.indrelid, i.indexrelid, p.place`;
}

export interface ParentRow {
  readonly child: string;
  readonly parent: string;
}

/** Declarative partitions and what they are attached to. Since 10. */
export const partitionsSql = `
  select i.inhrelid as child, i.inhparent as parent from pg_inherits i join pg_class c on c.oid = i.inhrelid where c.relispartition`;

export interface PublicationRow {
  readonly name: string;
  readonly all_tables: string;
  readonly publishes_insert: string;
  readonly publishes_update: string;
  readonly publishes_delete: string;
  readonly publishes_truncate: string;
  readonly is_owned: string;
}

/** Since 10; TRUNCATE since 11. */
export function publicationsSql(version: number): string {
  return `
    select p.pubname as name, p.puballtables as all_tables, p.pubinsert as publishes_insert, p.pubupdate as publishes_update,
           p.pubdelete as publishes_delete, ${version >= 110_000 ? 'p.pubtruncate' : 'true'} as publishes_truncate,
           pg_has_role(p.pubowner, 'USAGE') as is_owned
    from pg_publication p order by p.pubname`;
}

export interface PublishedRow {
  readonly publication: string;
  readonly schema: string;
  readonly table: string;
}

export const publishedTablesSql = `
  select t.pubname as publication, t.schemaname as schema, t.tablename as table from pg_publication_tables t where t.pubname = any ($1::text[])`;

export interface OwnerRow {
  readonly owner: string;
  readonly schema: string;
}

/** Owners of tables that give this role no SELECT on tables to come, by the schemas where that is so. Namespace 0 is a default for all schemas. */
export const closedOwnersSql = `
  select distinct o.rolname as owner, n.nspname as schema
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace and n.nspname ${NOT_SYSTEM}
  join pg_roles o on o.oid = c.relowner
  where c.relkind in ('r', 'p') and c.relpersistence = 'p' and not pg_has_role(c.relowner, 'USAGE')
    and not exists (
      select 1 from pg_default_acl d, aclexplode(d.defaclacl) a
      where d.defaclrole = c.relowner and d.defaclobjtype = 'r' and d.defaclnamespace in (0, c.relnamespace)
        and a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_has_role(a.grantee, 'USAGE')))
  order by 1, 2`;

export interface NullKeyRow {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly share: string;
}

/** What ANALYZE has seen; only of columns that this role may read. */
export const nullKeysSql = `
  select schemaname as schema, tablename as table, attname as column, null_frac as share
  from pg_stats where attname = any ($1::text[]) and null_frac > 0 and not inherited and schemaname ${NOT_SYSTEM}`;
