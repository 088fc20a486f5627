import { readFile } from 'node:fs/promises';
import type { IntegrationConfig, SecretRef, SslConfig } from './engine/config/config.ts';
import { resolveSecret } from './engine/config/secrets.ts';
import { ReplicationError } from './engine/model/errors.ts';
import { openPostgresSource } from './engine/source/postgres/postgres-source.ts';
import type { TlsSettings } from './engine/source/postgres/tls.ts';
import type { Source } from './engine/source/source.ts';

/** A whole connection attempt, tunnel and TLS included; Stitch's figure. */
const CONNECT_TIMEOUT_MS = 30_000;

/** Reads the secret behind a reference. Throws `secret-missing`. */
export type ReadSecret = (reference: SecretRef) => Promise<string>;

/** Secrets from this process's environment, from files, and (when first needed) from Secrets Manager. */
export function secretsOf(env: Readonly<Record<string, string | undefined>>, signal: AbortSignal): ReadSecret {
  return (reference) =>
    resolveSecret(reference, {
      env,
      readFile: (path, readSignal) => readFile(path, { encoding: 'utf8', signal: readSignal }),
      fetchSecret: async (id, fetchSignal) => (await import('./fetch-secret.ts')).fetchSecret(id, fetchSignal),
      signal,
    });
}

/**
 * The source of one integration for one job. Nothing is connected before it is first used; TLS material is read now, the password at each login.
 * Throws `secret-missing`, `not-available-here`.
 */
export async function openSource(integration: IntegrationConfig, request: { readonly job: string; readonly readSecret: ReadSecret }): Promise<Source> {
  const { connection } = integration;
  const { readSecret, job } = request;
  if (connection.ssh !== undefined) throw notYet('An SSH tunnel', 'Connect directly, or through a tunnel of your own.');
  if (connection.auth.kind === 'iam') throw notYet('IAM database authentication', 'Use a password.');
  const { password } = connection.auth;
  return openPostgresSource({
    connection: {
      endpoint: { host: connection.host, port: connection.port, user: connection.user },
      database: connection.database,
      ...(password === undefined ? {} : { password: () => readSecret(password) }),
      tls: await tlsOf(connection.ssl, readSecret),
      applicationName: `backstitch ${integration.name} ${job}`,
      statementTimeoutMs: integration.statementTimeoutMs,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      maxConnections: integration.connections,
    },
    ...(connection.databases === undefined ? {} : { databases: connection.databases }),
  });
}

async function tlsOf(ssl: SslConfig, readSecret: ReadSecret): Promise<TlsSettings> {
  const { mode, ca, cert, key } = ssl;
  if (mode === 'disable') return { mode };
  if (ca?.kind === 'rds') throw notYet('ssl.ca: rds', 'Download the bundle of Amazon RDS and give its path as ssl.ca.');
  return {
    mode,
    ...(ca === undefined ? {} : { ca: await readSecret(ca) }),
    ...(cert === undefined || key === undefined ? {} : { client: { certificate: await readSecret(cert), key: await readSecret(key) } }),
  };
}

function notYet(what: string, instead: string): ReplicationError<'not-available-here'> {
  return new ReplicationError('not-available-here', { what, instead });
}
