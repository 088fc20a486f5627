import type { ErrorCode } from '../../../model/error-codes.ts';
import { ReplicationError } from '../../../model/errors.ts';
import { parseLsn } from '../../../model/lsn.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { LogEndPosition, LogSession, TimelineTrace } from '../../log-session.ts';
import type { LogReader } from '../../log.ts';
import type { OutputPlugin } from '../../../model/log-change.ts';
import { connect } from '../connection.ts';
import type { Connection, ConnectionSettings } from '../connection.ts';
import type { Link } from '../link.ts';
import { isoOf } from '../start.ts';
import { endedWarning, freeSlot } from './free-slot.ts';
import { rowsByKey } from './keys.ts';
import { logDialectOf } from './log-dialect.ts';
import { logSettings } from './log-settings.ts';
import { checkServer, openSlot } from './open-slot.ts';
import { PeekReader } from './peek-reader.ts';
import { slotReport } from './slot-report.ts';
import { slotState } from './slots.ts';
import { StreamReader } from './stream-reader.ts';
import { traceTimeline } from './trace-timeline.ts';
import { openWalsender } from './walsender.ts';

export interface LogSessionParts {
  /** Disposed of with the session. */
  readonly connection: Connection;
  /** For the connection that a reader has beside it. */
  readonly settings: ConnectionSettings;
  readonly clock: Clock;
}

/** A session for the slot of one database. */
export function openLogSession(parts: LogSessionParts): LogSession {
  const { connection, clock } = parts;
  return {
    database: connection.database,
    endOfLog: (signal) => endOfLog(connection, signal),
    traceTimeline: (timeline, signal) => trace(parts, timeline, signal),
    slot: (name, signal) => slotState(connection, name, signal),
    openSlot: (request, signal) => openSlot(connection, request, clock, signal),
    freeSlot: (slot, over, signal) => free(parts, { slot, over }, signal),
    rowsByKey: (table, columns, keys, signal) => rowsByKey(connection, table, columns, keys, signal),
    slotReport: (slot, bookmark, signal) => slotReport(connection, slot, bookmark, signal),
    reader: (how, signal) => openReader(parts, how, signal),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

async function free(
  { connection, clock }: LogSessionParts,
  { slot, over }: { readonly slot: string; readonly over: ReadonlySet<string> },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const known = await slotState(connection, slot, signal);
  if (known === undefined) return [];
  const { ended } = await freeSlot(connection, { slot, over, known }, clock, signal);
  return ended.map((job) => endedWarning(slot, job));
}

/** How a service says that it does not offer a function. */
const REFUSALS: readonly ErrorCode[] = ['privilege-missing', 'query-failed', 'structure-changed'];

async function endOfLog(connection: Connection, signal: AbortSignal): Promise<LogEndPosition> {
  checkServer(connection);
  const [row] = await connection.query<{ readonly lsn: string | null; readonly at: string }>(
    `select ${connection.dialect.flushedLsn}::text as lsn, ${isoOf('pg_catalog.clock_timestamp()')} as at`,
    [],
    signal,
  );
  // A replica that has received nothing yet, or a service that hides positions, and with them slots.
  if (row?.lsn === undefined || row.lsn === null)
    throw new ReplicationError('primary-needed', { ...connection.endpoint, what: 'Log-based replication' });
  const timeline = await readTimeline(connection, row.lsn, signal);
  return { lsn: parseLsn(row.lsn), systemIdentifier: connection.server.systemIdentifier ?? null, timeline, at: row.at };
}

/** From the name of the current WAL file, which everybody may ask for; on a replica from the control file, as of its last restart point. */
async function readTimeline(connection: Connection, lsn: string, signal: AbortSignal): Promise<number | null> {
  const { inRecovery } = connection.server;
  const { walFileName, hasControlFunctions } = logDialectOf(connection.server);
  if (inRecovery && !hasControlFunctions) return null;
  const sql = inRecovery
    ? 'select timeline_id::text as timeline from pg_catalog.pg_control_checkpoint()'
    : `select pg_catalog.left(pg_catalog.${walFileName}($1), 8) as timeline`;
  try {
    const [row] = await connection.query<{ readonly timeline: string }>(sql, inRecovery ? [] : [lsn], signal);
    return row === undefined ? null : Number.parseInt(row.timeline, inRecovery ? 10 : 16);
  } catch (error) {
    // Services may refuse the function.
    if (error instanceof ReplicationError && REFUSALS.includes(error.code as ErrorCode)) return null;
    throw error;
  }
}

/** Why a server that can be reached does not speak the replication protocol with us. */
const NOT_TOLD: readonly ErrorCode[] = ['stream-refused', 'replication-right-missing'];

async function trace({ connection, settings }: LogSessionParts, timeline: number, signal: AbortSignal): Promise<TimelineTrace> {
  const server = { dialect: logDialectOf(connection.server), log: await logSettings(connection, signal) };
  try {
    await using link = await openWalsender({ ...settings, database: connection.database }, server, signal);
    return await traceTimeline(link, timeline, signal);
  } catch (error) {
    signal.throwIfAborted();
    const code = error instanceof ReplicationError ? (error.code as ErrorCode) : undefined;
    if (code === undefined || !NOT_TOLD.includes(code)) throw error;
    return { state: 'untold', reason: code };
  }
}

async function openReader(
  { connection, settings, clock }: LogSessionParts,
  { consume, plugin }: { readonly consume: 'auto' | 'stream' | 'peek'; readonly plugin: OutputPlugin },
  signal: AbortSignal,
): Promise<LogReader> {
  const own = { ...settings, database: connection.database };
  const log = await logSettings(connection, signal);
  // What wal2json writes leaves the replication protocol in the encoding of the database; through SQL it is converted.
  const needsConversion = plugin === 'wal2json' && !log.isUtf8;
  if (consume !== 'peek' && !needsConversion) {
    try {
      const openLink = (linkSignal: AbortSignal): Promise<Link> =>
        openWalsender(own, { dialect: logDialectOf(connection.server), log }, linkSignal);
      return new StreamReader({ link: await openLink(signal), openLink, sql: connection, settings: log, clock });
    } catch (error) {
      signal.throwIfAborted();
      if (consume === 'stream') throw error;
    }
  }
  return new PeekReader({ connect: (pageSignal) => connect(own, pageSignal), sql: connection });
}
