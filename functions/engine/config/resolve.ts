import { dirname, resolve as resolvePath } from 'node:path';
import type {
  ColumnFilter,
  Config,
  ConnectionConfig,
  DestinationConfig,
  IntegrationConfig,
  ScheduleConfig,
  SecretRef,
  SslConfig,
  TableSetting,
} from './config.ts';
import { parseCron } from './cron.ts';
import { resolveAws, resolveIntegrationAws } from './schema-aws.ts';
import type { ConnectionDocument, ReferenceDocument } from './schema-connection.ts';
import { parseSinkUrl, parseStateUrl } from './schema-destination.ts';
import type { DestinationDocument } from './schema-destination.ts';
import type { IntegrationDocument } from './schema-integration.ts';
import type { ConfigDocument } from './schema.ts';
import { resolvePressure } from './schema-pressure.ts';
import { parseTableName } from './table-name.ts';
import { parseLookBack, parseStatementTimeout } from './time-settings.ts';
import { parseDuration, parseSize } from './units.ts';

/** Turns a checked file into what the engine works with: units resolved, relative paths made absolute against the file's folder. Throws on what `crossCheck` refuses. */
export function resolveConfig(document: ConfigDocument, file: string): Config {
  const folder = dirname(resolvePath(file));
  const state = valid(parseStateUrl(document.state.url));
  return {
    destination: resolveDestination(document.destination, folder),
    state: {
      url: document.state.url,
      location: state.kind === 'file' ? { kind: 'file', folder: resolvePath(folder, state.path) } : state,
    },
    integrations: document.integrations.map((integration) => resolveIntegration(integration, folder)),
    ...(document.aws === undefined ? {} : { aws: resolveAws(document.aws) }),
  };
}

function resolveDestination(document: DestinationDocument, folder: string): DestinationConfig {
  const url = valid(parseSinkUrl(document.url));
  return {
    url: document.url,
    location: url.kind === 'file' ? { kind: 'file', folder: resolvePath(folder, url.path) } : url,
    compression: document.compression,
    gzipLevel: document.gzipLevel,
    rotateBytes: present(parseSize(document.rotateBytes)),
    ...(document.keyTemplate === undefined ? {} : { keyTemplate: document.keyTemplate }),
    jsonColumns: document.jsonColumns,
    profile: document.profile,
  };
}

function resolveIntegration(document: IntegrationDocument, folder: string): IntegrationConfig {
  const { defaultReplicationMethod, logBased, schedule } = document;
  const { slot, ...log } = logBased;
  return {
    name: document.name,
    connection: resolveConnection(document.connection, folder, `integrations.${document.name}.connection`),
    connections: document.connections,
    ...(defaultReplicationMethod === undefined ? {} : { defaultReplicationMethod }),
    logBased: { ...log, ...(slot === undefined ? {} : { slot }) },
    includeSchemaInTableName: document.includeSchemaInTableName,
    selectAll: document.selectAll,
    tables: document.tables.map((table) => resolveTable(table, document)),
    ...(schedule === undefined ? {} : { schedule: resolveSchedule(schedule) }),
    statementTimeoutMs: present(parseStatementTimeout(document.statementTimeout)),
    pressure: resolvePressure(document.pressure),
    rangeBytes: present(parseSize(document.rangeBytes)),
    ...(document.aws === undefined ? {} : { aws: resolveIntegrationAws(document.aws) }),
  };
}

function resolveConnection(document: ConnectionDocument, folder: string, where: string): ConnectionConfig {
  const { password, databases, ssh } = document;
  const secret = (value: string | ReferenceDocument, name: string): SecretRef =>
    resolveReference(value, { folder, where: `${where}.${name}` });
  return {
    host: document.host,
    port: document.port,
    database: document.database,
    ...(databases === undefined ? {} : { databases: [...new Set(databases)] }),
    user: document.user,
    auth:
      document.auth === 'iam'
        ? { kind: 'iam' }
        : {
            kind: 'password',
            ...(password === undefined
              ? {}
              : {
                  password:
                    typeof password === 'string' ? literalSecret(password, `${where}.password`) : secret(password, 'password'),
                }),
          },
    ssl: resolveSsl(document, secret),
    ...(ssh === undefined
      ? {}
      : {
          ssh: {
            host: ssh.host,
            port: ssh.port,
            user: ssh.user,
            privateKey: secret(ssh.privateKey, 'ssh.privateKey'),
            ...(ssh.passphrase === undefined ? {} : { passphrase: secret(ssh.passphrase, 'ssh.passphrase') }),
            hostKeys: [ssh.hostKey ?? []].flat().map((fingerprint) => fingerprint.replace(/=$/, '')),
          },
        }),
  };
}

function resolveSsl(
  { ssl, host }: ConnectionDocument,
  secret: (value: string | ReferenceDocument, name: string) => SecretRef,
): SslConfig {
  const fallback = host.startsWith('/') ? 'disable' : ssl.ca === undefined ? 'require' : 'verify-full';
  return {
    mode: ssl.mode ?? fallback,
    ...(ssl.ca === undefined ? {} : { ca: ssl.ca === 'rds' ? { kind: 'rds' } : secret(ssl.ca, 'ssl.ca') }),
    ...(ssl.cert === undefined ? {} : { cert: secret(ssl.cert, 'ssl.cert') }),
    ...(ssl.key === undefined ? {} : { key: secret(ssl.key, 'ssl.key') }),
  };
}

function resolveReference(
  value: string | ReferenceDocument,
  { folder, where }: { readonly folder: string; readonly where: string },
): SecretRef {
  if (typeof value === 'string') return { kind: 'file', path: resolvePath(folder, value), where };
  if (value.env !== undefined) return { kind: 'env', name: value.env, where };
  if (value.file !== undefined) return { kind: 'file', path: resolvePath(folder, value.file), where };
  const field = value.field ?? where.slice(where.lastIndexOf('.') + 1);
  return { kind: 'secret', id: present(value.secret), field, where };
}

/** A password that stands in the configuration itself. */
function literalSecret(value: string, where: string): SecretRef {
  return { kind: 'literal', reveal: () => value, where };
}

function resolveTable(document: IntegrationDocument['tables'][number], integration: IntegrationDocument): TableSetting {
  const kind = document.view === undefined ? 'table' : 'view';
  const text = present(document[kind]);
  const name = present(parseTableName(text));
  if (!document.selected) return { selected: false, kind, name, text };
  const { replicationKey, lookBack, primaryKey, destinationTable } = document;
  return {
    selected: true,
    kind,
    name,
    text,
    method: present(document.method ?? integration.defaultReplicationMethod),
    ...(replicationKey === undefined ? {} : { replicationKey }),
    lookBack: lookBack === undefined ? { kind: 'auto' } : present(parseLookBack(lookBack)),
    columns: resolveColumns(document.columns),
    primaryKey: primaryKey === undefined || primaryKey === 'none' ? [] : [...new Set(primaryKey)],
    ...(destinationTable === undefined ? {} : { destinationTable }),
  };
}

function resolveColumns(document: IntegrationDocument['tables'][number]['columns']): ColumnFilter {
  if (document?.include !== undefined) return { kind: 'include', names: [...new Set(document.include)] };
  if (document?.exclude !== undefined) return { kind: 'exclude', names: [...new Set(document.exclude)] };
  return { kind: 'all' };
}

function resolveSchedule(document: NonNullable<IntegrationDocument['schedule']>): ScheduleConfig {
  if (document.cron !== undefined) {
    return {
      kind: 'cron',
      expression: document.cron,
      fields: valid(parseCron(document.cron)),
      timezone: document.timezone ?? 'UTC',
    };
  }
  const minutes = present(parseDuration(present(document.every))) / 60;
  return {
    kind: 'every',
    minutes,
    ...(document.anchor === undefined ? {} : { anchor: new Date(document.anchor).toISOString() }),
  };
}

function valid<T extends object>(result: T | { readonly problem: string }): T {
  if ('problem' in result) throw new TypeError('the configuration was not checked');
  return result;
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('the configuration was not checked');
  return value;
}
