import type { Dialect } from './dialect.ts';
import { quoteLiteral } from './quote.ts';

/** A parameter of the server and the value that every session of ours has. */
type Setting = readonly [name: string, value: string];

export interface SessionOptions {
  /** Milliseconds after which the server ends a statement. @default what the server has for this role */
  readonly statementTimeoutMs?: number;
  /** Whether the server runs on Windows, where it cannot look for a vanished client. */
  readonly onWindows: boolean;
}

/** A read that waits longer than this for a table behind a schema change gives up, instead of holding a worker. */
const LOCK_TIMEOUT_MS = 60_000;

/** A worker that was frozen or killed must not hold back VACUUM for longer than this. A COPY that waits for its reader is not idle. */
const IDLE_IN_TRANSACTION_MS = 600_000;

/**
 * `select set_config(...)` of everything that our sessions rely on. With SET semantics, not as startup parameters: poolers refuse those, and
 * `pg_settings.reset_val` keeps telling what the role or the database has (its `TimeZone` decides what a `timestamp` key means there).
 * For `scope: 'transaction'` the values end with the transaction, so a pooler hands no session of ours to anyone else.
 */
export function settingsSql(scope: 'session' | 'transaction', dialect: Dialect, options: SessionOptions): string {
  const isLocal = scope === 'transaction';
  const calls = settings(scope, dialect, options).map(
    ([name, value]) => `pg_catalog.set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, ${isLocal})`,
  );
  return `select ${calls.join(', ')}`;
}

/** What decides how values look as text: the same in every session and in what output plugins write. pg_catalog comes first by itself in an empty search_path. */
export const VALUE_SETTINGS = {
  client_encoding: 'UTF8',
  TimeZone: 'UTC',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'iso_8601',
  extra_float_digits: '3',
  bytea_output: 'hex',
  search_path: '',
} as const;

function settings(
  scope: 'session' | 'transaction',
  dialect: Dialect,
  { statementTimeoutMs, onWindows }: SessionOptions,
): readonly Setting[] {
  return [
    ...Object.entries(VALUE_SETTINGS),
    ['standard_conforming_strings', 'on'],
    ['default_transaction_read_only', 'on'],
    ['lock_timeout', String(LOCK_TIMEOUT_MS)],
    ...optional(statementTimeoutMs !== undefined, ['statement_timeout', String(statementTimeoutMs)]),
    ...optional(dialect.hasIdleInTransactionTimeout, ['idle_in_transaction_session_timeout', String(IDLE_IN_TRANSACTION_MS)]),
    ...optional(dialect.hasJit, ['jit', 'off']),
    // These watch the server's side of a connection, which behind a pooler is not ours.
    ...optional(scope === 'session', ['tcp_keepalives_idle', '60']),
    ...optional(scope === 'session', ['tcp_keepalives_interval', '15']),
    ...optional(scope === 'session' && !onWindows, ['tcp_keepalives_count', '4']),
    ...optional(scope === 'session' && dialect.hasClientCheck && !onWindows, ['client_connection_check_interval', '10s']),
  ];
}

function optional(condition: boolean, setting: Setting): readonly Setting[] {
  return condition ? [setting] : [];
}
