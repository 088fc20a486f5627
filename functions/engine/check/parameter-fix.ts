import type { ServerFlavour } from '../source/check-facts.ts';
import type { Fix } from './finding.ts';
import { literal } from './sql-text.ts';

/** How a parameter of the server is set where it runs. `restart`: it takes effect with the next start only. */
export function parameterFix(
  name: string,
  value: string,
  { flavour, takesEffect }: { readonly flavour: ServerFlavour; readonly takesEffect: 'at-reload' | 'at-restart' },
): Fix {
  const restart = takesEffect === 'at-restart';
  const setting = `${name} = ${value}`;
  switch (flavour) {
    case 'self-hosted':
      return restart
        ? {
            kind: 'parameter',
            text: `${setting} (in postgresql.conf, or: alter system set ${name} = ${literal(value)};), then restart the server`,
          }
        : { kind: 'sql', text: `alter system set ${name} = ${literal(value)};\nselect pg_catalog.pg_reload_conf();` };
    case 'rds':
      return { kind: 'parameter', text: `${setting} in the DB parameter group${restart ? ', then reboot the instance' : ''}` };
    case 'aurora':
      return {
        kind: 'parameter',
        text: `${setting} in the DB cluster parameter group${restart ? ', then reboot the writer' : ''}`,
      };
    case 'cloud-sql':
      return { kind: 'parameter', text: `the database flag ${name}=${value}${restart ? ' (the instance restarts)' : ''}` };
    case 'azure':
      return { kind: 'parameter', text: `the server parameter ${setting}${restart ? ', then restart the server' : ''}` };
    case 'heroku':
      return { kind: 'parameter', text: `${setting}: Heroku sets it; ask its support` };
  }
}

/** What turns on logical decoding. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.FeatureSupport.LogicalReplication.html */
export function walLevelFix(flavour: ServerFlavour): Fix {
  const restart = { flavour, takesEffect: 'at-restart' } as const;
  switch (flavour) {
    case 'rds':
    case 'aurora':
      return parameterFix('rds.logical_replication', '1', restart);
    case 'cloud-sql':
      return parameterFix('cloudsql.logical_decoding', 'on', restart);
    case 'heroku':
      return { kind: 'config', text: 'method: INCREMENTAL or FULL_TABLE; Heroku Postgres offers no logical replication' };
    default:
      return parameterFix('wal_level', 'logical', restart);
  }
}

/** What lets a role use replication slots. */
export function replicationRightSql(role: string, flavour: ServerFlavour): string {
  return flavour === 'rds' || flavour === 'aurora' ? `grant rds_replication to ${role};` : `alter role ${role} replication;`;
}
