import { ReplicationError } from '../engine/model/errors.ts';

/** A `postgres://` URL taken apart. The password is apart from what is written into files. */
export interface SourceAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  readonly ssl: { readonly mode: SslMode; readonly ca?: string };
}

const SSL_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
const NO_HOST = 'none.invalid';
type SslMode = (typeof SSL_MODES)[number];

/**
 * Reads a URL as libpq does (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS), `sslmode`, `sslrootcert`, `host` and `port` parameters included.
 * Without `sslmode` TLS is used, except to this machine. Throws `demo-source-invalid`, which never repeats the URL.
 */
export function parseSourceUrl(text: string): SourceAddress {
  // URL takes no user without a host, libpq does: the host may be a parameter.
  const whole = text.replace(/^(\w+:\/\/[^/?#]*@)(?=[/?#]|$)/, `$1${NO_HOST}`);
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  if (url === undefined || !['postgres:', 'postgresql:'].includes(url.protocol)) throw invalid('it is not a postgres:// URL');
  const host = (url.searchParams.get('host') ?? decode(url.hostname, 'host')).replace(/^\[(.*)\]$/, '$1');
  if (host === '' || host === NO_HOST) throw invalid('it names no host');
  const user = decode(url.username, 'user');
  if (user === '') throw invalid('it names no user');
  const port = Number(url.searchParams.get('port') ?? (url.port === '' ? '5432' : url.port));
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw invalid('its port is not a number from 1 to 65535');
  const path = decode(url.pathname.slice(1), 'database');
  const ca = url.searchParams.get('sslrootcert');
  return {
    host,
    port,
    user,
    database: path === '' ? user : path,
    password: url.password === '' ? undefined : decode(url.password, 'password'),
    ssl: { mode: sslMode(url.searchParams.get('sslmode'), host), ...(ca === null || ca === 'system' ? {} : { ca }) },
  };
}

function sslMode(given: string | null, host: string): SslMode {
  const known = SSL_MODES.find((mode) => mode === given);
  if (known !== undefined) return known;
  if (given !== null && given !== 'prefer' && given !== 'allow') throw invalid(`its sslmode is none of ${SSL_MODES.join(', ')}`);
  const isHere = host.startsWith('/') || host === 'localhost' || host === '::1' || /^127\./.test(host);
  return isHere ? 'disable' : 'require';
}

function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`its ${part} has a % that does not stand for a character`);
  }
}

function invalid(reason: string): ReplicationError {
  return new ReplicationError('demo-source-invalid', { reason });
}
