import type { IntegrationConfig } from '../config/config.ts';
import type { ServerFlavour } from '../source/check-facts.ts';
import { replicationRightSql } from './parameter-fix.ts';
import { revokeSql } from './revoke-sql.ts';
import { grantBlocks } from './setup-grants.ts';
import { logBlocks } from './setup-log.ts';
import { serverNotes } from './setup-notes.ts';
import { setupDatabases } from './setup-targets.ts';
import type { SetupDatabase, SetupRequest } from './setup-targets.ts';
import { comment, connectTo, dollarQuoted, identifier, literal } from './sql-text.ts';

/**
 * The script for psql that prepares a server for an integration, or undoes that: role, grants of what is selected and no more, replication right, publications, slots.
 * Can be run again and again. Holds no secret. Statements are apart by empty lines. Pure.
 */
export function setupSql(integration: IntegrationConfig, request: SetupRequest): string {
  const flavour = request.flavour ?? request.facts?.server.flavour ?? 'self-hosted';
  const databases = setupDatabases(integration, request.facts);
  const blocks =
    request.direction === 'revoke'
      ? revokeSql(integration, databases, flavour)
      : [
          ...header(integration, request),
          ...roleBlocks(integration, databases, { ...request, flavour }),
          ...serverNotes(integration, databases, flavour),
          ...databases.flatMap((database) => databaseBlocks(integration, database)),
        ];
  return `${blocks.join('\n\n')}\n`;
}

function header(integration: IntegrationConfig, { password, facts }: SetupRequest): readonly string[] {
  const { host, database, user } = integration.connection;
  const run = `psql -h <host> -U <dba> -d ${/^[\w.-]+$/.test(database) ? database : '<database>'}${password === 'variable' ? ' -v password=...' : ''} -f setup.sql`;
  return [
    [
      comment(`Prepares ${host} for the integration "${integration.name}" of Backstitch, which connects as "${user}".`),
      comment('Run it with psql as a superuser, or as the administrator that a service gives; it can be run again at any time:'),
      comment(`  ${run}`),
      ...(facts === undefined
        ? [
            comment(
              'Made from the configuration alone: names without a schema are taken to be in public. --connect looks them up.',
            ),
          ]
        : []),
    ].join('\n'),
    '\\set ON_ERROR_STOP on',
  ];
}

function roleBlocks(
  integration: IntegrationConfig,
  databases: readonly SetupDatabase[],
  { flavour, password }: { readonly flavour: ServerFlavour; readonly password: SetupRequest['password'] },
): readonly string[] {
  const { user, auth } = integration.connection;
  const role = identifier(user);
  const isLogBased = databases.some(({ plugin }) => plugin !== null);
  const isKeyBased = integration.tables.some((table) => table.selected && table.method === 'INCREMENTAL');
  if (flavour === 'heroku') {
    return [
      [
        comment('Heroku makes roles by itself; this needs a Standard plan or higher:'),
        comment('  heroku pg:credentials:create --name backstitch'),
        comment(
          `Then put the user of that credential into connection.user (now "${user}"), and run the grants below through: heroku pg:psql`,
        ),
        ...(isLogBased ? [comment('Heroku Postgres has no logical replication: LOG_BASED is not possible there.')] : []),
      ].join('\n'),
    ];
  }
  const isIam = auth.kind === 'iam';
  const initial = password === 'placeholder' && !isIam ? " password '<put the password here>'" : '';
  return [
    ifMissing(`select 1 from pg_catalog.pg_roles where rolname = ${literal(user)}`, `create role ${role} login${initial};`),
    ...(isIam || password === 'placeholder'
      ? []
      : [['\\if :{?password}', `alter role ${role} login password :'password';`, '\\endif'].join('\n')]),
    ...(isIam ? [`grant rds_iam to ${role};`] : []),
    ...(isLogBased ? [replicationRightSql(role, flavour)] : []),
    ...(isKeyBased ? [readStats(role)] : []),
  ];
}

function ifMissing(query: string, statement: string): string {
  return `do ${dollarQuoted(`begin\n  if not exists (${query}) then\n    ${statement}\n  end if;\nend`)};`;
}

/** Not everybody may grant it; jobs run without it, and say what they cannot see. */
function readStats(role: string): string {
  const body = [
    'begin',
    "  if exists (select 1 from pg_catalog.pg_roles where rolname = 'pg_read_all_stats') then",
    `    grant pg_read_all_stats to ${role};`,
    '  end if;',
    'exception when insufficient_privilege then',
    "  raise notice 'pg_read_all_stats was not granted: %', sqlerrm;",
    'end',
  ];
  return [
    comment('To see the open transactions of others, which key-based replication has to wait for.'),
    `do ${dollarQuoted(body.join('\n'))};`,
  ].join('\n');
}

function databaseBlocks(integration: IntegrationConfig, database: SetupDatabase): readonly string[] {
  return [
    connectTo(database.name),
    "set lock_timeout = '10s';",
    ...grantBlocks(integration, database),
    ...logBlocks(integration, database),
  ];
}
