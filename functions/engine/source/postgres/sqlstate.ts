import pg from 'pg';
import type { StreamName } from '../../model/stream.ts';
import { streamId } from '../../model/stream.ts';
import { ReplicationError } from '../../model/errors.ts';
import { ProtocolFailure } from './socket.ts';
import { TlsFailure, isHandshakeError, tlsReason } from './tls.ts';

/** Who connects to which server. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/** Where a failure happened: while connecting, or in a session, reading a stream or (without one) the catalog. */
export interface Where {
  readonly endpoint: Endpoint;
  readonly database: string;
  readonly phase: 'connect' | 'session';
  readonly stream?: StreamName;
  /** Whether the server is a replica: some errors mean something else there. */
  readonly inRecovery?: boolean;
}

/**
 * A failure of PostgreSQL, TLS or the network as an operator's error. Decides by SQLSTATE
 * (https://www.postgresql.org/docs/current/errcodes-appendix.html) or system code, never by text. Undefined for anything else.
 */
export function replicationErrorOf(error: unknown, where: Where): ReplicationError | undefined {
  if (error instanceof ReplicationError) return error;
  if (error instanceof TlsFailure)
    return new ReplicationError('tls-failed', { ...where.endpoint, reason: error.reason }, { cause: error });
  if (error instanceof ProtocolFailure)
    return new ReplicationError('protocol-violation', { ...where.endpoint, what: error.message }, { cause: error });
  if (error instanceof pg.DatabaseError) {
    // Only the driver itself makes one without a code: a message of a kind that it does not know.
    const sqlstate = error.code;
    if (sqlstate === undefined)
      return new ReplicationError('protocol-violation', { ...where.endpoint, what: 'an unknown message' }, { cause: error });
    return where.phase === 'connect' ? connectError(sqlstate, where, error) : sessionError(sqlstate, where, error);
  }
  if (error instanceof Error) return networkError(error, where);
  return undefined;
}

function connectError(sqlstate: string, where: Where, cause: Error): ReplicationError {
  const details = { ...where.endpoint, database: where.database, sqlstate };
  const code = connectCode(sqlstate);
  switch (code) {
    case 'connection-lost':
      return new ReplicationError(code, { ...details, reason: sqlstate }, { cause });
    case 'login-failed':
    case 'database-missing':
    case 'server-not-ready':
    case 'too-many-connections':
      return new ReplicationError(code, details, { cause });
  }
}

function connectCode(
  sqlstate: string,
): 'login-failed' | 'database-missing' | 'server-not-ready' | 'too-many-connections' | 'connection-lost' {
  switch (sqlstate) {
    case '3D000': // no such database
    case '42501': // no CONNECT privilege
    case '55000': // the database does not accept connections (datallowconn, or an interrupted DROP DATABASE)
      return 'database-missing';
    case '57P01': // shutting down
    case '57P02':
    case '57P03': // starting up, or a standby that is not consistent yet
      return 'server-not-ready';
    case '53300': // of the server, the database or the role
      return 'too-many-connections';
    default:
      return sqlstate.startsWith('28') ? 'login-failed' : 'connection-lost';
  }
}

function sessionError(sqlstate: string, where: Where, cause: Error): ReplicationError {
  const stream = where.stream === undefined ? `the catalog of "${where.database}"` : streamId(where.stream);
  const schema = where.stream?.schema ?? 'pg_catalog';
  const table = where.stream?.table ?? 'pg_class';
  const code = sessionCode(sqlstate, where.inRecovery === true);
  switch (code) {
    case 'connection-lost':
      return new ReplicationError(code, { ...where.endpoint, reason: sqlstate }, { cause });
    case 'too-many-connections':
      return new ReplicationError(code, { ...where.endpoint, sqlstate }, { cause });
    case 'privilege-missing':
      return new ReplicationError(code, { user: where.endpoint.user, stream, schema, table, sqlstate }, { cause });
    case 'recovery-conflict':
    case 'query-cancelled':
    case 'table-locked':
    case 'structure-changed':
    case 'query-failed':
      return new ReplicationError(code, { stream, sqlstate }, { cause });
  }
}

type SessionCode =
  | 'connection-lost'
  | 'too-many-connections'
  | 'privilege-missing'
  | 'recovery-conflict'
  | 'query-cancelled'
  | 'table-locked'
  | 'structure-changed'
  | 'query-failed';

function sessionCode(sqlstate: string, inRecovery: boolean): SessionCode {
  switch (sqlstate) {
    case '57P01': // terminated, or the server shuts down
    case '57P02':
    case '57P03':
    case '57P05': // idle_session_timeout
    case '25P03': // idle_in_transaction_session_timeout
    case '25P04': // transaction_timeout
      return 'connection-lost';
    case '53300':
      return 'too-many-connections';
    case '42501':
      return 'privilege-missing';
    // A read-only REPEATABLE READ transaction never fails to serialize: this is what a standby says of a conflict with recovery
    // (ERRCODE_T_R_SERIALIZATION_FAILURE in ProcessInterrupts, src/backend/tcop/postgres.c).
    case '40001':
      return 'recovery-conflict';
    case '40P01': // on a standby: a buffer pin deadlock with recovery
      return inRecovery ? 'recovery-conflict' : 'query-failed';
    case '57P04': // the database was dropped; on a standby also by recovery
      return 'structure-changed';
    case '57014':
      return 'query-cancelled';
    case '55P03': // lock_timeout
      return 'table-locked';
    case '42P01': // table
    case '42703': // column
    case '42704': // type or another object
    case '42809': // a relation of another kind
    case '42804': // a column of another type
    case '42883': // no such operator for the new type
    case '3F000': // schema
      return 'structure-changed';
    default:
      return sqlstate.startsWith('08') ? 'connection-lost' : 'query-failed';
  }
}

/** The connection could not be made. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be resolved now',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  EHOSTDOWN: 'the host is down',
  EADDRNOTAVAIL: 'no address of its own to connect from',
  ENOENT: 'no such socket',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
};

/** The connection broke. */
const BROKEN: Readonly<Record<string, string>> = {
  ECONNRESET: 'reset by the server or the network',
  EPIPE: 'closed by the server or the network',
  ECONNABORTED: 'given up by the network',
  ERR_STREAM_PREMATURE_CLOSE: 'closed by the server or the network',
  ERR_STREAM_DESTROYED: 'closed',
  ERR_STREAM_WRITE_AFTER_END: 'closed by the server or the network',
};

/** Why the network below a connection failed, for operators; undefined for anything that is not the network's. */
export function networkReason(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const words = UNREACHABLE[code] ?? BROKEN[code];
  return words === undefined ? undefined : `${words} (${code})`;
}

function networkError(error: Error, where: Where): ReplicationError | undefined {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (isHandshakeError(error))
    return new ReplicationError('tls-failed', { ...where.endpoint, reason: tlsReason(error) }, { cause: error });
  const unreachable = UNREACHABLE[code];
  const broken = BROKEN[code] ?? unreachable;
  if (where.phase === 'connect' && unreachable !== undefined)
    return new ReplicationError('host-unreachable', { ...where.endpoint, reason: `${unreachable} (${code})` }, { cause: error });
  if (broken !== undefined)
    return new ReplicationError('connection-lost', { ...where.endpoint, reason: `${broken}, ${code}` }, { cause: error });
  return undefined;
}
