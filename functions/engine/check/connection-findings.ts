import type { IntegrationConfig } from '../config/config.ts';
import type { ReplicationError } from '../model/errors.ts';
import type { Finding, Fix } from './finding.ts';
import { identifier } from './sql-text.ts';

/** Why the server could not be reached: name resolution, network, TLS, tunnel and login told apart. Pure. */
export function connectionFinding(error: ReplicationError, { connection }: IntegrationConfig): Finding {
  const address = `${connection.host}:${String(connection.port)}`;
  const isDns = error.code === 'host-unreachable' && DNS_CODES.has(causeCode(error) ?? '');
  return {
    severity: 'error',
    code: isDns ? 'host-unknown' : error.code,
    area: 'connection',
    what: isDns ? `The host name "${connection.host}" cannot be resolved from here.` : firstLine(error.message),
    where: connection.ssh === undefined ? address : `${address} through ${connection.ssh.host}:${String(connection.ssh.port)}`,
    why: 'No job can run, and nothing behind the connection could be checked.',
    fix: isDns ? dnsFix(error) : fixOf(error, connection),
  };
}

/** What a connection that works may still be better at. Pure. */
export function transportFindings({ connection }: IntegrationConfig): readonly Finding[] {
  const { ssl, host } = connection;
  if (isLocal(host) || (ssl.mode !== 'disable' && (ssl.mode !== 'require' || ssl.ca !== undefined))) return [];
  const isPlain = ssl.mode === 'disable';
  if (isPlain && connection.ssh !== undefined) return [];
  return [
    {
      severity: 'warning',
      code: isPlain ? 'tls-off' : 'tls-unverified',
      area: 'connection',
      what: isPlain
        ? 'The connection is not encrypted.'
        : 'The connection is encrypted, but the certificate of the server is not checked.',
      where: `${host}:${String(connection.port)}`,
      why: isPlain
        ? 'Whoever sits on the way can read and change rows.'
        : 'Whoever sits on the way can pretend to be the server.',
      fix: { kind: 'config', text: 'connection.ssl: { mode: verify-full, ca: rds }   # or the path of the CA certificate' },
    },
  ];
}

const DNS_CODES: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_AGAIN']);

function dnsFix(error: ReplicationError): Fix {
  return causeCode(error) === 'EAI_AGAIN'
    ? { kind: 'command', text: 'Try again; if it stays so, check the name server of this machine (or of the VPC).' }
    : { kind: 'config', text: 'connection.host: correct the name; a private name resolves only inside of its VPC' };
}

function fixOf(error: ReplicationError, connection: IntegrationConfig['connection']): Fix {
  const { user, database, auth } = connection;
  switch (error.code) {
    case 'login-failed':
      if (auth.kind === 'iam') return { kind: 'iam', text: iamConnect(user) };
      if (causeCode(error) === '28P01')
        return { kind: 'sql', text: `alter role ${identifier(user)} with login password '<the password that is configured>';` };
      if (causeCode(error) === '28000')
        return {
          kind: 'parameter',
          text: `pg_hba.conf: hostssl ${identifier(database)} ${identifier(user)} <address of this client>/32 scram-sha-256`,
        };
      return { kind: 'config', text: error.remedy };
    case 'database-missing':
      return { kind: 'sql', text: `grant connect on database ${identifier(database)} to ${identifier(user)};` };
    case 'tls-failed':
    case 'secret-missing':
      return { kind: 'config', text: error.remedy };
    default:
      return { kind: 'command', text: error.remedy };
  }
}

/** https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html */
function iamConnect(user: string): string {
  const resource = `arn:aws:rds-db:<region>:<account>:dbuser:<resource id of the instance or cluster>/${user}`;
  return JSON.stringify({ Effect: 'Allow', Action: 'rds-db:connect', Resource: resource });
}

/** The code of what lies below an error: of the system, or of PostgreSQL. */
export function causeCode(error: Error): string | undefined {
  const { cause } = error;
  if (!(cause instanceof Error)) return undefined;
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : causeCode(cause);
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

function isLocal(host: string): boolean {
  return host.startsWith('/') || host === 'localhost' || host === '::1' || host.startsWith('127.');
}
