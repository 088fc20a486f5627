import type { IntegrationConfig } from '../config/config.ts';
import type { ServerFlavour } from '../source/check-facts.ts';
import type { SetupDatabase } from './setup-targets.ts';
import { comment, identifier } from './sql-text.ts';

/** What SQL cannot do: lines of files, parameters of services. As comments. Pure. */
export function serverNotes(
  integration: IntegrationConfig,
  databases: readonly SetupDatabase[],
  flavour: ServerFlavour,
): readonly string[] {
  const isLogBased = databases.some(({ plugin }) => plugin !== null);
  const slots = String(databases.length + 5);
  const notes = [...accessNotes(integration, databases, flavour), ...(isLogBased ? logNotes(flavour, slots) : [])];
  return notes.length === 0 ? [] : [notes.map(comment).join('\n')];
}

function accessNotes(
  integration: IntegrationConfig,
  databases: readonly SetupDatabase[],
  flavour: ServerFlavour,
): readonly string[] {
  const { user, ssl } = integration.connection;
  if (flavour !== 'self-hosted') return [];
  const type = ssl.mode === 'disable' ? 'host' : 'hostssl';
  return [
    'pg_hba.conf, one line for each database and address that connects, then: select pg_reload_conf();',
    ...databases.map(({ name }) => `  ${type}  ${identifier(name)}  ${identifier(user)}  <address>/32  scram-sha-256`),
  ];
}

/** One slot and one replication connection a database, and room for others. */
function logNotes(flavour: ServerFlavour, slots: string): readonly string[] {
  switch (flavour) {
    case 'self-hosted':
      return [
        'postgresql.conf, then restart the server:',
        '  wal_level = logical',
        `  max_replication_slots = ${slots}`,
        `  max_wal_senders = ${slots}`,
        '  max_slot_wal_keep_size = 50GB      # 13 and newer: rather lose a slot than the server',
      ];
    case 'rds':
      return [
        'DB parameter group of the instance, then reboot it:',
        '  rds.logical_replication = 1',
        `  max_replication_slots = ${slots}, max_wal_senders = ${slots}`,
        '  max_slot_wal_keep_size = 51200     # 13 and newer, MB: rather lose a slot than the server',
        '  rds.iam_auth_for_replication = 1   # with IAM authentication',
      ];
    case 'aurora':
      return [
        'DB cluster parameter group, then reboot the writer; connect to the writer endpoint:',
        '  rds.logical_replication = 1',
        `  max_replication_slots = ${slots}, max_wal_senders = ${slots}`,
        '  rds.iam_auth_for_replication = 1   # with IAM authentication',
      ];
    case 'cloud-sql':
      return [
        'Flags of the instance; it restarts:',
        `  gcloud sql instances patch <instance> --database-flags=cloudsql.logical_decoding=on,max_replication_slots=${slots},max_wal_senders=${slots}`,
        '  (the command replaces all flags: add those that are set already)',
      ];
    case 'azure':
      return [
        'Server parameters, then restart the server:',
        '  az postgres flexible-server parameter set --resource-group <group> --server-name <server> --name wal_level --value logical',
        `  and in the same way max_replication_slots = ${slots}, max_wal_senders = ${slots}`,
      ];
    case 'heroku':
      return [];
  }
}
