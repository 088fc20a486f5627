import { loadConfigText } from '../../functions/engine/config/load.ts';
import type { LoadedConfig } from '../../functions/engine/config/load.ts';
import { ReplicationError } from '../../functions/engine/model/errors.ts';

/** A file that uses every setting. */
export const EXAMPLE = `destination: { url: "s3://acme-landing/postgres" }
state: { url: "dynamodb://backstitch" }
integrations:
  - name: shop
    connection:
      host: db.internal
      port: 5433
      database: shop
      databases: [shop, billing]
      user: backstitch
      password: { env: SHOP_PASSWORD }
      ssl: { mode: verify-full, ca: rds }
      ssh:
        host: bastion
        user: tunnel
        privateKey: { secret: prod/bastion }
        passphrase: { file: keys/passphrase }
        hostKey: "SHA256:${'a'.repeat(43)}"
    connections: 8
    defaultReplicationMethod: LOG_BASED
    logBased: { plugin: auto, consume: auto, slot: backstitch_shop, createSlot: true }
    includeSchemaInTableName: true
    selectAll: true
    tables:
      - { table: public.orders, method: INCREMENTAL, replicationKey: updated_at, lookBack: 10 minutes }
      - { table: public.users, columns: { exclude: [ssn] } }
      - { table: public.audit, selected: false }
      - { view: public.daily_sales, primaryKey: [day], method: FULL_TABLE }
    schedule: { every: 6 hours, anchor: "2026-01-01T02:00:00+01:00" }
    statementTimeout: 2 hours
    rangeBytes: 1 GiB
    pressure: { enabled: true, checkEvery: 30 seconds, maxActiveBackends: 24, minFreeConnections: 20, maxReplicaLag: 5 minutes }
`;

/** A small valid file with the given lines in its one integration. */
export function withIntegration(lines: string, connection = '{ host: db, database: shop, user: u, ssl: { ca: rds } }'): string {
  const body = lines
    .split('\n')
    .map((line) => `    ${line}\n`)
    .join('');
  return `destination: { url: "file:out" }\nstate: { url: "file:state" }\nintegrations:\n  - name: shop\n    connection: ${connection}\n${body}`;
}

/** The error lines of a file without the file's name and the summary; empty if it is valid. */
export function problemsOf(text: string): readonly string[] {
  const outcome = tryLoad(text);
  if (!(outcome instanceof ReplicationError)) return [];
  return outcome.message
    .split('\n')
    .slice(1)
    .map((line) => line.replace('/etc/backstitch.yaml:', ''));
}

/** What loading comes to; throws anything that is not an operator's error. */
export function tryLoad(text: string): LoadedConfig | ReplicationError {
  try {
    return loadConfigText(text, '/etc/backstitch.yaml');
  } catch (error) {
    if (error instanceof ReplicationError) return error as ReplicationError;
    throw error;
  }
}
