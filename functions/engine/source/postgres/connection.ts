import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { ServerInfo } from '../../model/catalog.ts';
import { ReplicationError } from '../../model/errors.ts';
import type { StreamName } from '../../model/stream.ts';
import { backendKeyOf } from './cancel-request.ts';
import { dialectOf } from './dialect.ts';
import type { Dialect } from './dialect.ts';
import { Link } from './link.ts';
import { settingsSql } from './session-settings.ts';
import { openServerSocket } from './socket.ts';
import { replicationErrorOf } from './sqlstate.ts';
import type { Endpoint } from './sqlstate.ts';
import type { TlsSettings } from './tls.ts';

export type { Endpoint } from './sqlstate.ts';

/** How to reach a server, as whom, and within which limits. */
export interface ConnectionSettings {
  readonly endpoint: Endpoint;
  /** The database to connect to, or to connect to first. */
  readonly database: string;
  /** Asked for at every connection that needs it, and again when what it gave is refused, so a rotated password or an expiring token is always fresh. */
  readonly password?: () => Promise<string>;
  readonly tls: TlsSettings;
  /** What DBAs see in `pg_stat_activity`; PostgreSQL keeps the first 63 bytes. */
  readonly applicationName: string;
  /** @default what the server has for this role */
  readonly statementTimeoutMs?: number;
  /** For everything from name resolution to the first answer of a session. */
  readonly connectTimeoutMs: number;
  /** The connection budget: of a source, never of one connection. */
  readonly maxConnections: number;
  /** Opens a way through a tunnel; its stream is connected already. */
  readonly openSocket?: (signal: AbortSignal) => Promise<Duplex>;
}

/** One read-only session, pinned to UTC, ISO and UTF-8. For one user at a time; disposing of it cancels what still runs. */
export interface Connection extends AsyncDisposable {
  /** For the reader of COPY only; everything else goes through `query`. */
  readonly client: pg.Client;
  readonly endpoint: Endpoint;
  readonly database: string;
  readonly server: ServerInfo;
  readonly dialect: Dialect;
  /**
   * SQL that has to run right after every `begin`; empty on a direct connection. Behind a pooler the settings of a session may
   * end up in the sessions of others, so there they are made per transaction, and nothing may be read outside of one.
   */
  readonly transactionSettings: string;
  /**
   * Runs one statement (several only without parameters: the last one's rows). All values come as PostgreSQL's text, NULL as null.
   * On abort the statement is cancelled on the server and the promise rejects with `signal.reason`. Throws as `fail` says.
   */
  query<R extends pg.QueryResultRow>(
    sql: string,
    params: readonly (string | number | null)[],
    signal: AbortSignal,
  ): Promise<readonly R[]>;
  /** Asks the server to cancel whatever this session runs, and waits until it was told. Never throws: what cannot be cancelled is cut off. */
  cancel(): Promise<void>;
  /** Whether somebody else could go on with it: nothing runs, no transaction is open, and nothing ever failed or was cancelled. */
  isSound(): boolean;
  /** Any failure of this connection as an operator's error; an error that has nothing to do with PostgreSQL comes back as it is. */
  fail(error: unknown, stream?: StreamName): Error;
}

/** The oldest version whose catalog we know. */
const OLDEST_VERSION = 90_300;

/**
 * Opens a session. Throws `host-unreachable`, `tls-failed`, `login-failed`, `database-missing`, `server-not-ready`, `too-many-connections`,
 * `server-too-old`, `connection-lost`, or `signal.reason`. Leaves nothing open when it throws.
 */
export async function connect(settings: ConnectionSettings, signal: AbortSignal): Promise<Connection> {
  return dial(settings, openSession, signal);
}

/** Logs in on a socket and makes it what it is to be. The settings are those to use: their password may be a fresher one. */
export type Starter<T> = (settings: ConnectionSettings, stream: Duplex, signal: AbortSignal) => Promise<T>;

/** Opens a socket and starts something on it, all of it within the time to connect. Throws as {@link connect} does; then the socket is closed. */
export async function dial<T>(settings: ConnectionSettings, start: Starter<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const attempt = new AbortController();
  const reason = `no answer within ${settings.connectTimeoutMs} ms`;
  const timer = setTimeout(
    () => attempt.abort(new ReplicationError('host-unreachable', { ...settings.endpoint, reason })),
    settings.connectTimeoutMs,
  );
  const onAbort = (): void => attempt.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await loginTwice(settings, start, attempt.signal);
  } catch (error) {
    attempt.signal.throwIfAborted();
    throw replicationErrorOf(error, { endpoint: settings.endpoint, database: settings.database, phase: 'connect' }) ?? error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** How long after a refusal the password is read again: a rotation changes it on the server a moment before it shows the new one. */
const ROTATION_MS = 1_000;

/** Logs in; where the password is refused that was read a moment ago, once more if another one is there by now. */
async function loginTwice<T>(settings: ConnectionSettings, start: Starter<T>, signal: AbortSignal): Promise<T> {
  const { password } = settings;
  const given: { password?: string } = {};
  const remembering =
    password === undefined
      ? settings
      : {
          ...settings,
          password: async () => {
            given.password = await password();
            return given.password;
          },
        };
  try {
    return await login(remembering, start, signal);
  } catch (error) {
    if (!isPasswordRefused(error) || password === undefined || given.password === undefined) throw error;
    await delay(ROTATION_MS, undefined, { signal });
    const fresh = await password();
    // The same again would only count against the limits that servers have for wrong ones.
    if (fresh === given.password) throw error;
    return await login({ ...settings, password: async () => fresh }, start, signal);
  }
}

/** SQLSTATE 28P01, `invalid_password`: told apart from a user or host that `pg_hba.conf` does not let in. */
function isPasswordRefused(error: unknown): boolean {
  return (
    error instanceof ReplicationError &&
    error.code === 'login-failed' &&
    error.cause instanceof pg.DatabaseError &&
    error.cause.code === '28P01'
  );
}

async function login<T>(settings: ConnectionSettings, start: Starter<T>, signal: AbortSignal): Promise<T> {
  const stream = await openServerSocket(settings, signal);
  // Nothing runs yet that would be worth a cancel request.
  const onAbort = (): void => void stream.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return await start(settings, stream, signal);
  } catch (error) {
    stream.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function openSession(settings: ConnectionSettings, stream: Duplex, signal: AbortSignal): Promise<Connection> {
  const { endpoint, database } = settings;
  const link = new Link({ ...settings, password: () => givePassword(settings) }, stream);
  await link.login(signal);
  const facts = await serverFacts(link, signal);
  const version = Number(facts.version);
  if (version < OLDEST_VERSION) throw new ReplicationError('server-too-old', { version: facts.version_text });
  const inRecovery = facts.in_recovery === 't';
  const dialect = dialectOf({ version, inRecovery });
  // A pooler gives its clients a key of its own making.
  const isPooled = backendKeyOf(link.client)?.processId !== Number(facts.pid);
  const options = {
    onWindows: facts.on_windows === 't',
    ...(settings.statementTimeoutMs === undefined ? {} : { statementTimeoutMs: settings.statementTimeoutMs }),
  };
  if (!isPooled) await link.query(settingsSql('session', dialect, options), [], signal, CONNECTING);
  const systemIdentifier = await readSystemIdentifier(link, dialect, signal);
  const session = { phase: 'session', inRecovery } as const;
  return {
    client: link.client,
    endpoint,
    database,
    server: { version, inRecovery, ...(systemIdentifier === undefined ? {} : { systemIdentifier }) },
    dialect,
    transactionSettings: isPooled ? settingsSql('transaction', dialect, options) : '',
    query: (sql, params, querySignal) => link.query(sql, params, querySignal, session),
    cancel: () => link.cancel(),
    // Behind a pooler a session is nobody's.
    isSound: () => !isPooled && link.isSound(),
    fail: (error, stream) => link.fail(error, stream === undefined ? session : { ...session, stream }),
    [Symbol.asyncDispose]: () => link[Symbol.asyncDispose](),
  };
}

const CONNECTING = { phase: 'connect' } as const;

interface ServerFacts {
  readonly version: string;
  readonly version_text: string;
  readonly pid: string;
  readonly in_recovery: string;
  readonly on_windows: string;
}

async function serverFacts(link: Link, signal: AbortSignal): Promise<ServerFacts> {
  // Runs before search_path is set, so everything is qualified.
  const sql = `
    select pg_catalog.current_setting('server_version_num') as version,
           pg_catalog.current_setting('server_version') as version_text,
           pg_catalog.pg_backend_pid() as pid,
           pg_catalog.pg_is_in_recovery() as in_recovery,
           pg_catalog.version() operator(pg_catalog.~*) 'mingw|msvc|visual c|windows' as on_windows`;
  const [facts] = await link.query<ServerFacts>(sql, [], signal, CONNECTING);
  if (facts === undefined) throw new ReplicationError('unexpected', { what: 'no row about the server' });
  return facts;
}

async function readSystemIdentifier(link: Link, dialect: Dialect, signal: AbortSignal): Promise<string | undefined> {
  if (dialect.systemIdentifier === undefined) return undefined;
  try {
    const [row] = await link.query<{ readonly id: string }>(dialect.systemIdentifier, [], signal, { phase: 'session' });
    return row?.id;
  } catch (error) {
    // Services may refuse the function: then only the checks that need the identifier are without it.
    const isRefused =
      error instanceof ReplicationError &&
      (error.code === 'privilege-missing' || error.code === 'query-failed' || error.code === 'structure-changed');
    if (isRefused) return undefined;
    throw error;
  }
}

/** The password, asked for anew. Throws `login-failed` if there is none. */
export async function givePassword(settings: ConnectionSettings): Promise<string> {
  const password = await settings.password?.();
  if (password === undefined || password === '') {
    // What the server would call 28P01; pg would send nothing, or an empty password.
    throw new ReplicationError('login-failed', { ...settings.endpoint, sqlstate: '28P01, there is no password to give' });
  }
  return password;
}
