import type { IntegrationConfig } from '../config/config.ts';
import { insertsPublicationName } from '../plan/slot-name.ts';
import type { ServerFlavour } from '../source/check-facts.ts';
import type { SetupDatabase } from './setup-targets.ts';
import { comment, connectTo, dollarQuoted, identifier, literal, relationName } from './sql-text.ts';

/** Undoes what the script of the same configuration did, in the opposite order. Can be run again. Pure. */
export function revokeSql(
  integration: IntegrationConfig,
  databases: readonly SetupDatabase[],
  flavour: ServerFlavour,
): readonly string[] {
  const { host, user } = integration.connection;
  return [
    [
      comment(
        `Takes away from ${host} what the integration "${integration.name}" of Backstitch needed. Stop its jobs and its schedule first.`,
      ),
      comment('Slots are gone for good: a later start copies all log-based tables anew.'),
    ].join('\n'),
    '\\set ON_ERROR_STOP on',
    ...[...databases].reverse().flatMap((database) => [connectTo(database.name), ...logBlocks(database), dropGrants(user)]),
    flavour === 'heroku'
      ? comment('heroku pg:credentials:destroy --name backstitch')
      : `drop role if exists ${identifier(user)};`,
  ];
}

function logBlocks({ plugin, slotName, tables }: SetupDatabase): readonly string[] {
  if (plugin === null) return [];
  const logBased = tables.filter(({ setting }) => setting.method === 'LOG_BASED');
  return [
    [
      'select pg_catalog.pg_drop_replication_slot(slot_name) from pg_catalog.pg_replication_slots',
      `where slot_name = ${literal(slotName)} and database = current_database();`,
    ].join('\n'),
    ...(plugin === 'pgoutput'
      ? [`drop publication if exists ${identifier(slotName)}, ${identifier(insertsPublicationName(slotName))};`]
      : []),
    ...(logBased.length === 0
      ? []
      : [
          [
            comment('Replica identities stay; of a table that had none, and for which nobody else needs it:'),
            ...logBased.map((table) => comment(`  alter table ${relationName(table)} replica identity default;`)),
          ].join('\n'),
        ]),
  ];
}

/** DROP OWNED takes away every privilege and default privilege in this database, and drops what the role owns: so it must own no relation. */
function dropGrants(user: string): string {
  const role = identifier(user);
  const body = `
begin
  if not exists (select 1 from pg_catalog.pg_roles where rolname = ${literal(user)}) then
    return;
  end if;
  if exists (select 1 from pg_catalog.pg_class c join pg_catalog.pg_roles r on r.oid = c.relowner where r.rolname = ${literal(user)}) then
    raise exception 'the role % owns tables or views in %: give them to another owner first', ${literal(user)}, current_database();
  end if;
  drop owned by ${role};
end`;
  return `do ${dollarQuoted(body.trim())};`;
}
