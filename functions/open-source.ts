import { readFile } from 'node:fs/promises';
import type { ConnectionConfig, IntegrationConfig, SecretRef, SslConfig } from './engine/config/config.ts';
import { resolveSecret } from './engine/config/secrets.ts';
import { applicationName } from './engine/source/application-name.ts';
import { openPostgresSource } from './engine/source/postgres/postgres-source.ts';
import type { Tunnel } from './engine/source/postgres/tunnel.ts';
import type { TlsSettings } from './engine/source/postgres/tls.ts';
import type { Source } from './engine/source/source.ts';

/** A whole connection attempt, tunnel and TLS included; Stitch's figure. */
const CONNECT_TIMEOUT_MS = 30_000;
/** The login on an SSH server, a part of it. */
const SSH_TIMEOUT_MS = 20_000;

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
 * The source of one integration for one job. Nothing is connected before it is first used; TLS material is read now, passwords and SSH keys at each login.
 * Throws `secret-missing`.
 */
export async function openSource(
  integration: IntegrationConfig,
  request: { readonly job: string; readonly readSecret: ReadSecret },
): Promise<Source> {
  const { connection } = integration;
  const { readSecret, job } = request;
  const password = await passwordOf(connection, readSecret);
  const tls = await tlsOf(connection.ssl, readSecret);
  const tunnel = await tunnelOf(connection, readSecret);
  return openPostgresSource({
    connection: {
      endpoint: { host: connection.host, port: connection.port, user: connection.user },
      database: connection.database,
      ...(password === undefined ? {} : { password }),
      tls,
      applicationName: applicationName(integration.name, job),
      statementTimeoutMs: integration.statementTimeoutMs,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      maxConnections: integration.connections,
      ...(tunnel === undefined ? {} : { openSocket: (signal) => tunnel.openSocket(signal) }),
    },
    ...(tunnel === undefined ? {} : { tunnel }),
    ...(connection.databases === undefined ? {} : { databases: connection.databases }),
  });
}

async function passwordOf(
  { auth, host, port, user }: ConnectionConfig,
  readSecret: ReadSecret,
): Promise<(() => Promise<string>) | undefined> {
  switch (auth.kind) {
    case 'password': {
      const { password } = auth;
      return password === undefined ? undefined : () => readSecret(password);
    }
    case 'iam': {
      const { iamTokens } = await import('./iam-token.ts');
      return iamTokens({ host, port, user }, process.env);
    }
  }
}

async function tunnelOf({ ssh, host, port }: ConnectionConfig, readSecret: ReadSecret): Promise<Tunnel | undefined> {
  if (ssh === undefined) return undefined;
  const { openTunnel } = await import('./engine/source/postgres/tunnel.ts');
  const { privateKey, passphrase, hostKeys } = ssh;
  return openTunnel({
    endpoint: { host: ssh.host, port: ssh.port, user: ssh.user },
    key: async () => ({
      privateKey: await readSecret(privateKey),
      ...(passphrase === undefined ? {} : { passphrase: await readSecret(passphrase) }),
    }),
    hostKeys,
    target: { host, port },
    connectTimeoutMs: SSH_TIMEOUT_MS,
  });
}

async function tlsOf(ssl: SslConfig, readSecret: ReadSecret): Promise<TlsSettings> {
  const { mode, ca, cert, key } = ssl;
  if (mode === 'disable') return { mode };
  return {
    mode,
    ...(ca === undefined ? {} : { ca: await authorities(ca, readSecret) }),
    ...(cert === undefined || key === undefined
      ? {}
      : { client: { certificate: await readSecret(cert), key: await readSecret(key) } }),
  };
}

async function authorities(ca: NonNullable<SslConfig['ca']>, readSecret: ReadSecret): Promise<string> {
  return ca.kind === 'rds' ? (await import('./engine/source/postgres/rds-ca.ts')).rdsAuthorities() : readSecret(ca);
}
