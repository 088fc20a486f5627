import type { IntegrationConfig } from '../config/config.ts';
import { NOT_SYSTEM } from './setup-grants.ts';
import type { SetupDatabase, TablePlace } from './setup-targets.ts';
import { comment, dollarQuoted, identifier, literal } from './sql-text.ts';

/** Replica identities, publication and slot of one database. Nothing where nothing is log-based. Pure. */
export function logBlocks(integration: IntegrationConfig, database: SetupDatabase): readonly string[] {
  const { plugin, slotName } = database;
  if (plugin === null) return [];
  const wanted = wantedTables(integration, database);
  return [
    identities(wanted),
    ...(plugin === 'pgoutput' ? [publication(slotName, wanted)] : []),
    integration.logBased.createSlot
      ? comment(
          `The first job makes the slot ${slotName} by itself (createSlot). From then on the server keeps WAL until a job has read it.`,
        )
      : slot(slotName, plugin),
  ];
}

/** SQL that is true of the log-based tables: roots of partitions, not their leaves. */
function wantedTables(integration: IntegrationConfig, database: SetupDatabase): string {
  if (!integration.selectAll) {
    const logBased = database.tables.filter(({ setting }) => setting.method === 'LOG_BASED');
    return `(n.nspname::text, c.relname::text) in (${pairs(logBased)})`;
  }
  const without = database.apart.length === 0 ? '' : ` and (n.nspname::text, c.relname::text) not in (${pairs(database.apart)})`;
  return `${NOT_SYSTEM} and c.relpersistence = 'p' and not (to_jsonb(c) @> '{"relispartition": true}')${without}`;
}

function pairs(tables: readonly TablePlace[]): string {
  return tables.map(({ schema, table }) => `(${literal(schema)}, ${literal(table)})`).join(', ');
}

/** Tables that hold rows, for which updates and deletes need an identity: the selected ones, and partitions of these. */
function identities(wanted: string): string {
  const body = `
declare
  item record;
begin
  for item in
    with recursive tree(oid) as (
      select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and ${wanted}
      union
      select i.inhrelid from tree join pg_catalog.pg_class p on p.oid = tree.oid and p.relkind = 'p' join pg_catalog.pg_inherits i on i.inhparent = p.oid
    )
    select c.oid::regclass as relation from tree join pg_catalog.pg_class c on c.oid = tree.oid
    where c.relkind = 'r' and not case c.relreplident
      when 'f' then true
      when 'd' then exists (select 1 from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisprimary and i.indisvalid and i.indimmediate)
      when 'i' then exists (select 1 from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisreplident and i.indisvalid)
      else false end
  loop
    raise notice 'replica identity full: %', item.relation;
    execute format('alter table %s replica identity full', item.relation);
  end loop;
end`;
  return [
    comment(
      'Tables without a primary key need a replica identity: else their updates and deletes are not in the log, and fail once they are published.',
    ),
    comment('A primary key is better: with FULL each update and delete writes the whole old row to the WAL.'),
    `do ${dollarQuoted(body.trim())};`,
  ].join('\n');
}

/** Before PostgreSQL 13 leaves are published in place of partitioned tables. */
function publication(name: string, wanted: string): string {
  const quoted = identifier(name);
  const body = `
declare
  item record;
  publishes_roots constant boolean := current_setting('server_version_num')::int >= 130000;
begin
  if not exists (select 1 from pg_catalog.pg_publication where pubname = ${literal(name)}) then
    execute ${literal(`create publication ${quoted}`)} || case
      when current_setting('server_version_num')::int >= 180000 then ' with (publish_via_partition_root = true, publish_generated_columns = stored)'
      when publishes_roots then ' with (publish_via_partition_root = true)' else '' end;
  end if;
  for item in
    with recursive tree(oid) as (
      select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and ${wanted}
      union
      select i.inhrelid from tree join pg_catalog.pg_class p on p.oid = tree.oid and p.relkind = 'p' and not publishes_roots
      join pg_catalog.pg_inherits i on i.inhparent = p.oid
    )
    select c.oid::regclass as relation from tree join pg_catalog.pg_class c on c.oid = tree.oid
    where (c.relkind = 'r' or publishes_roots)
      and not exists (select 1 from pg_catalog.pg_publication p where p.pubname = ${literal(name)} and p.puballtables)
      and not exists (
        select 1 from pg_catalog.pg_publication p join pg_catalog.pg_publication_rel r on r.prpubid = p.oid
        where p.pubname = ${literal(name)} and r.prrelid = c.oid)
  loop
    execute format('alter publication %I add table %s', ${literal(name)}, item.relation);
  end loop;
end`;
  return [comment('What pgoutput sends; it has to be there before the slot.'), `do ${dollarQuoted(body.trim())};`].join('\n');
}

function slot(name: string, plugin: string): string {
  return [
    comment('From here on the server keeps WAL until a job has read it. Not inside of a transaction.'),
    `select pg_catalog.pg_create_logical_replication_slot(${literal(name)}, ${literal(plugin)})`,
    `where not exists (select 1 from pg_catalog.pg_replication_slots where slot_name = ${literal(name)});`,
  ].join('\n');
}
