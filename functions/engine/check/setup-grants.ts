import type { IntegrationConfig } from '../config/config.ts';
import type { SetupDatabase, SetupTable } from './setup-targets.ts';
import { comment, dollarQuoted, identifier, literal, relationName } from './sql-text.ts';

/** Leave to connect, to use schemas, and to read what is selected of one database. Pure. */
export function grantBlocks(integration: IntegrationConfig, database: SetupDatabase): readonly string[] {
  const role = identifier(integration.connection.user);
  const connect = `grant connect on database ${identifier(database.name)} to ${role};`;
  const schemas = [...new Set(database.tables.map(({ schema }) => schema))];
  return [
    connect,
    ...(integration.selectAll
      ? [everything(database, role), tablesToCome(role)]
      : schemas.map((schema) => `grant usage on schema ${identifier(schema)} to ${role};`)),
    ...database.tables.map((table) => grantTable(table, role)),
  ];
}

/** SQL for "not PostgreSQL's own"; no other schema may begin with pg_. */
export const NOT_SYSTEM = `n.nspname !~ '^(pg_|_timescaledb_|information_schema$)'`;

function grantTable(table: SetupTable, role: string): string {
  const { columns } = table.setting;
  return columns.kind === 'all' ? `grant select on ${relationName(table)} to ${role};` : grantColumns(table, role);
}

/** Which columns there are shows where the script runs; keys are always among them, and what says where a row lies (ctid, xmin), which a copy in ranges asks for. */
function grantColumns({ setting, ...place }: SetupTable, role: string): string {
  const { columns, replicationKey } = setting;
  const named = columns.kind === 'all' ? [] : columns.names;
  const list = (names: readonly string[]): string => `array[${names.map(literal).join(', ')}]::text[]`;
  const keys = [...setting.primaryKey, ...(replicationKey === undefined ? [] : [replicationKey])];
  const wanted = columns.kind === 'include' ? `a.attname = any (${list(named)})` : `a.attname <> all (${list(named)})`;
  const body = `
declare
  names text;
begin
  select string_agg(quote_ident(a.attname), ', ' order by a.attnum) into strict names
  from pg_catalog.pg_attribute a
  join pg_catalog.pg_class c on c.oid = a.attrelid
  where a.attrelid = ${literal(relationName(place))}::regclass and not a.attisdropped
    and (a.attnum > 0 and (${wanted} or a.attname = any (${list(keys)})
           or exists (select 1 from pg_catalog.pg_index i where i.indrelid = a.attrelid and i.indisprimary and a.attnum = any (i.indkey)))
         or a.attname in ('ctid', 'xmin') and c.relkind in ('r', 'm'));
  execute format('grant select (%s) on %s to %s', names, ${literal(relationName(place))}, ${literal(role)});
end`;
  return `do ${dollarQuoted(body.trim())};`;
}

/** Under Select All: every table but those that are deselected or have a grant of their own. */
function everything(database: SetupDatabase, role: string): string {
  const own = database.tables.map(({ schema, table }) => ({ schema, table }));
  const apart = [...database.apart, ...own].map(({ schema, table }) => `(${literal(schema)}, ${literal(table)})`);
  const without =
    apart.length === 0 ? '' : `\n      and (n.nspname::text, c.relname::text) not in (${[...new Set(apart)].join(', ')})`;
  const body = `
declare
  item record;
begin
  for item in
    select distinct n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and ${NOT_SYSTEM}
  loop
    execute format('grant usage on schema %I to %s', item.nspname, ${literal(role)});
  end loop;
  for item in
    select c.oid::regclass as relation from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and c.relpersistence = 'p' and ${NOT_SYSTEM}${without}
  loop
    execute format('grant select on %s to %s', item.relation, ${literal(role)});
  end loop;
end`;
  return [comment('selectAll: every table that there is.'), `do ${dollarQuoted(body.trim())};`].join('\n');
}

/** Default privileges are those of the role that makes a table: each owner has its own. */
function tablesToCome(role: string): string {
  const body = `
declare
  item record;
begin
  for item in
    select distinct o.rolname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace join pg_catalog.pg_roles o on o.oid = c.relowner
    where c.relkind in ('r', 'p') and ${NOT_SYSTEM}
    union select current_user
  loop
    begin
      execute format('alter default privileges for role %I grant select on tables to %s', item.rolname, ${literal(role)});
      if current_setting('server_version_num')::int >= 100000 then
        execute format('alter default privileges for role %I grant usage on schemas to %s', item.rolname, ${literal(role)});
      end if;
    exception when insufficient_privilege then
      raise notice 'tables that % makes will have to be granted by hand', item.rolname;
    end;
  end loop;
end`;
  return [
    comment('selectAll: tables and schemas to come, of everybody who owns tables now.'),
    `do ${dollarQuoted(body.trim())};`,
  ].join('\n');
}
