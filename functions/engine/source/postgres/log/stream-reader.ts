import { ReplicationError } from '../../../model/errors.ts';
import type { Lsn } from '../../../model/lsn.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { LogEnd, LogHandler, LogReader, LogRequest } from '../../log.ts';
import type { Connection } from '../connection.ts';
import type { Link } from '../link.ts';
import { caveatWarnings } from './caveat-warnings.ts';
import { CommitWatch } from './commit-watch.ts';
import { databaseErrorOf, sqlstateOf } from './database-error.ts';
import { logDialectOf } from './log-dialect.ts';
import type { LogSettings } from './log-settings.ts';
import { isUnknownOption } from './plugin-start.ts';
import type { PluginStart } from './plugin-start.ts';
import { SpoolFull } from './pgoutput-spool.ts';
import { confirmBySql } from './slot-confirm.ts';
import { slotFailure } from './slot-failure.ts';
import { slotState } from './slots.ts';
import { CHECKPOINT_BYTES, StreamSession } from './stream-session.ts';
import { waysToStart } from './ways-to-start.ts';

/** How long the server may take to do what a status message says. */
const CONFIRM_MS = 10_000;
/** How long a slot may stay taken after its stream has ended. */
const RELEASE_MS = 5_000;
const POLL_MS = 20;
/** XLOG_BLCKSZ. */
const PAGE_BYTES = 8192n;
/** As in the server's messages. */
const SERVER_TIME = `(extract(epoch from pg_catalog.clock_timestamp() - timestamptz '2000-01-01 00:00:00+00') * 1000000)::bigint`;

export interface StreamReaderParts {
  /** The first session of the replication protocol, opened to see that it can be; disposed of with the reader. */
  readonly link: Link;
  /** Opens another one. */
  readonly openLink: (signal: AbortSignal) => Promise<Link>;
  /** An ordinary session, for what the other one cannot tell; the caller's. Only used between chunks, and by nobody else then. */
  readonly sql: Connection;
  readonly settings: LogSettings;
  readonly clock: Clock;
  /** @default half of the free disk for streamed transactions (see `spoolRoom`), a checkpoint every 64 MiB without anything of ours */
  readonly limits?: { readonly spoolBytes?: number; readonly checkpointBytes?: bigint };
}

/** Reads a slot over the replication protocol: in the order of commits, at the pace of the handler, each change decoded once. */
export class StreamReader implements LogReader {
  readonly style = 'stream';
  readonly #parts: StreamReaderParts;
  #confirmed = 0n as Lsn;
  #session: StreamSession | undefined;
  #warnings: readonly string[] = [];
  #spare: Link | undefined;
  #last: { readonly slot: string; readonly start: PluginStart } | undefined;

  constructor(parts: StreamReaderParts) {
    this.#parts = parts;
    this.#spare = parts.link;
  }

  get warnings(): readonly string[] {
    return this.#warnings;
  }

  async read(request: LogRequest, handler: LogHandler, signal: AbortSignal): Promise<LogEnd> {
    const watch = new CommitWatch(handler, request);
    try {
      return (
        (await this.#read(request, watch, 'on', signal)) ?? (await this.#read(request, watch, 'off', signal)) ?? { state: 'left' }
      );
    } catch (error) {
      await this.#close();
      signal.throwIfAborted();
      const { slot, plugin, publication } = request;
      throw databaseErrorOf(error) === undefined
        ? error
        : await slotFailure(this.#parts.sql, { slot, plugin, publication }, error, signal);
    }
  }

  async confirm(slot: string, lsn: Lsn, signal: AbortSignal): Promise<void> {
    const { sql } = this.#parts;
    if (lsn > this.#confirmed) this.#confirmed = lsn;
    const session = this.#session;
    // In the middle of a read the server takes note when it gets to it: nothing depends on when.
    if (session?.isReading === true && session.status('not-needed')) return;
    if (session?.status('not-needed') === true && (await this.#hasMoved(slot, lsn, signal))) return;
    await this.#close();
    const options = this.#last?.start.options ?? [];
    await confirmBySql(sql, { slot, lsn, options }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    await this.#spare?.[Symbol.asyncDispose]();
    const { sql, clock } = this.#parts;
    const slot = this.#last?.slot;
    if (slot === undefined) return;
    // Whoever comes next shall find it free. A session that cannot tell any more will not be asked again.
    const deadline = clock.now().getTime() + RELEASE_MS;
    const late = AbortSignal.timeout(RELEASE_MS);
    try {
      while ((await slotState(sql, slot, late))?.activePid !== null && clock.now().getTime() < deadline)
        await clock.sleep(POLL_MS, late);
    } catch {
      // Not known, then.
    }
  }

  /** Undefined: there is no room for streamed transactions; `watch` knows how far it came. */
  async #read(
    request: LogRequest,
    watch: CommitWatch,
    streaming: 'on' | 'off',
    signal: AbortSignal,
  ): Promise<LogEnd | undefined> {
    const { sql } = this.#parts;
    const starts = await waysToStart(sql, request, streaming, signal);
    for (const start of starts) {
      const isLast = start === starts.at(-1);
      try {
        return await this.#readFrom(request, watch, start, signal);
      } catch (error) {
        if (error instanceof SpoolFull && streaming === 'on' && !watch.isInside) return undefined;
        if (isLast || signal.aborted || !isUnknownOption(sqlstateOf(error))) throw error;
      }
    }
    throw new ReplicationError('unexpected', { what: 'no way to start a plugin' });
  }

  async #readFrom(request: LogRequest, watch: CommitWatch, start: PluginStart, signal: AbortSignal): Promise<LogEnd> {
    await this.#close();
    const { settings, limits = {} } = this.#parts;
    this.#last = { slot: request.slot, start };
    const link = this.#spare ?? (await this.#parts.openLink(signal));
    this.#spare = undefined;
    await this.#prepare(link, start, signal);
    const session = new StreamSession({
      link,
      request,
      start: withSpool(start, limits.spoolBytes),
      from: watch.restart(),
      watch,
      senderTimeoutMs: settings.senderTimeoutMs,
      confirmed: () => this.#confirmed,
      checkpointBytes: limits.checkpointBytes ?? CHECKPOINT_BYTES,
      waitingSince: (seen) => this.#waitingSince(request, seen, signal),
      signal,
    });
    this.#session = session;
    this.#warnings = caveatWarnings(session.caveats);
    const end = await session.read();
    // The rest of a transaction that is left in its middle is of no use, and may be long.
    if (watch.isInside) await this.#close();
    return end;
  }

  async #prepare(link: Link, { prepare }: PluginStart, signal: AbortSignal): Promise<void> {
    if (prepare === undefined) return;
    try {
      await link.query(prepare, [], signal, { phase: 'session' });
    } catch (error) {
      await link[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #hasMoved(slot: string, lsn: Lsn, signal: AbortSignal): Promise<boolean> {
    const { sql, clock } = this.#parts;
    const deadline = clock.now().getTime() + CONFIRM_MS;
    while (this.#session?.isOpen === true && clock.now().getTime() < deadline) {
      const state = await slotState(sql, slot, signal);
      // Before 9.6 nobody can see it: the end of the stream, in order behind the status message, is as good.
      if (state === undefined || state.confirmedLsn === null || state.confirmedLsn >= lsn) return true;
      await clock.sleep(POLL_MS, signal);
    }
    return false;
  }

  /** When the server's side of the stream waited for more WAL: microseconds since 2000-01-01 by its clock, as in its messages. */
  async #waitingSince(request: LogRequest, seen: Lsn, signal: AbortSignal): Promise<bigint | undefined> {
    const { sql } = this.#parts;
    // Ones before 10 do not say that they wait; what cannot be reached then is less than a page of WAL.
    const saysSo = logDialectOf(sql.server).hasSqlOverReplication;
    if (!saysSo && request.to - seen > PAGE_BYTES) return undefined;
    const [row] = await sql.query<{ readonly waited_at: string }>(
      saysSo
        ? // The clock is read after the activity, since functions in FROM run first.
          `select ${SERVER_TIME} as waited_at
           from pg_catalog.pg_replication_slots s join pg_catalog.pg_stat_activity a on a.pid = s.active_pid
           where s.slot_name = $1 and pg_catalog.lower(a.wait_event) = 'walsenderwaitforwal'`
        : `select ${SERVER_TIME} as waited_at`,
      saysSo ? [request.slot] : [],
      signal,
    );
    return row === undefined ? undefined : BigInt(row.waited_at);
  }

  async #close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.[Symbol.asyncDispose]();
  }
}

function withSpool(start: PluginStart, spoolBytes: number | undefined): PluginStart {
  return spoolBytes === undefined || start.decoder.plugin !== 'pgoutput'
    ? start
    : { ...start, decoder: { ...start.decoder, spoolBytes, spoolMemoryBytes: 0 } };
}
