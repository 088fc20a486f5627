import { ReplicationError } from '../../../model/errors.ts';
import type { Lsn } from '../../../model/lsn.ts';
import type { LogEnd, LogHandler, LogReader, LogRequest } from '../../log.ts';
import type { Connection } from '../connection.ts';
import { caveatWarnings } from './caveat-warnings.ts';
import { CommitWatch } from './commit-watch.ts';
import { databaseErrorOf, sqlstateOf } from './database-error.ts';
import { logDialectOf } from './log-dialect.ts';
import { openDecoder } from './open-decoder.ts';
import { readPage } from './peek-page.ts';
import type { PageEnd } from './peek-page.ts';
import { isUnknownOption } from './plugin-start.ts';
import type { PluginStart } from './plugin-start.ts';
import { confirmBySql } from './slot-confirm.ts';
import { slotFailure } from './slot-failure.ts';
import { waysToStart } from './ways-to-start.ts';

/** The server re-reads the WAL for every page, so that pages grow to what it decodes in the time wanted; and it writes a page to its disk first, so that there is an end to it. */
const FIRST_CHANGES = 10_000;
const MOST_CHANGES = 100_000;
const FEWEST_CHANGES = 1_000;
const WANTED_MS = 5_000;
/** Beyond this even a page of the fewest changes is not worth waiting for. */
const FIRST_PATIENCE_MS = 60_000;
const MOST_PATIENCE_MS = 600_000;

/** Before the minor releases of 2023, pgoutput leaves something behind in a session each time that it starts there, and ends it at the tenth. */
const STARTS_PER_SESSION = 5;

export interface PeekReaderParts {
  /** Opens a session for pages; the reader has one at a time (before 11 a second one while it confirms), and disposes of it. */
  readonly connect: (signal: AbortSignal) => Promise<Connection>;
  /** Looks at the slot and confirms, also while a page is being read; the caller's. */
  readonly sql: Connection;
  /** @default what measurements say */
  readonly limits?: {
    readonly firstChanges?: number;
    readonly mostChanges?: number;
    readonly firstPatienceMs?: number;
    readonly mostPatienceMs?: number;
  };
}

/** Reads a slot through SQL functions, page by page: for roles and proxies that allow nothing else. Every page begins at what is confirmed. */
export class PeekReader implements LogReader {
  readonly style = 'peek';
  readonly #parts: PeekReaderParts;
  #warnings: readonly string[] = [];
  #start: PluginStart | undefined;
  #pages: { readonly connection: Connection; readonly starts: number } | undefined;

  constructor(parts: PeekReaderParts) {
    this.#parts = parts;
  }

  get warnings(): readonly string[] {
    return this.#warnings;
  }

  async read(request: LogRequest, handler: LogHandler, signal: AbortSignal): Promise<LogEnd> {
    const watch = new CommitWatch(handler, request);
    const { sql } = this.#parts;
    try {
      return await this.#readPages(request, watch, signal);
    } catch (error) {
      signal.throwIfAborted();
      const { slot, plugin, publication } = request;
      throw databaseErrorOf(error) === undefined ? error : await slotFailure(sql, { slot, plugin, publication }, error, signal);
    }
  }

  async confirm(slot: string, lsn: Lsn, signal: AbortSignal): Promise<void> {
    const { sql } = this.#parts;
    const of = { slot, lsn, options: this.#start?.options ?? [] };
    if (logDialectOf(sql.server).hasAdvance) {
      await confirmBySql(sql, of, signal);
      return;
    }
    await using connection = await this.#parts.connect(signal);
    await confirmBySql(connection, of, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pages?.connection[Symbol.asyncDispose]();
  }

  /** A session that may start the plugin once more. */
  async #session(signal: AbortSignal): Promise<Connection> {
    const starts = (this.#pages?.starts ?? 0) + 1;
    if (this.#pages !== undefined && starts <= STARTS_PER_SESSION) {
      this.#pages = { ...this.#pages, starts };
      return this.#pages.connection;
    }
    await this.#pages?.connection[Symbol.asyncDispose]();
    this.#pages = undefined;
    const connection = await this.#parts.connect(signal);
    this.#pages = { connection, starts: 1 };
    return connection;
  }

  async #readPages(request: LogRequest, watch: CommitWatch, signal: AbortSignal): Promise<LogEnd> {
    const { sql, limits = {} } = this.#parts;
    const {
      firstChanges = FIRST_CHANGES,
      mostChanges = MOST_CHANGES,
      firstPatienceMs = FIRST_PATIENCE_MS,
      mostPatienceMs = MOST_PATIENCE_MS,
    } = limits;
    const starts = [...(await waysToStart(sql, request, 'off', signal))];
    let changes = firstChanges;
    let patienceMs = firstPatienceMs;
    for (;;) {
      if (request.isEnough()) return { state: 'left' };
      const before = watch.restart();
      const page = await this.#readPage(request, watch, starts, { changes, patienceMs }, signal);
      signal.throwIfAborted();
      if (page === undefined) continue;
      if (page.state === 'left') return { state: 'left' };
      if (page.state === 'late') {
        if (changes > FEWEST_CHANGES) changes = Math.max(FEWEST_CHANGES, Math.floor(changes / 4));
        else if (patienceMs < mostPatienceMs) patienceMs = Math.min(mostPatienceMs, patienceMs * 4);
        else throw tooSlow(request, sql, { changes, patienceMs });
        continue;
      }
      if (watch.hasPassed || page.rows < changes)
        return { state: 'reached', lsn: watch.lastEnd > request.to ? watch.lastEnd : request.to };
      await watch.checkpoint(watch.lastEnd);
      // A page that brought nothing new was spent on what is done but not confirmed: the next one has to reach beyond it.
      const isStuck = watch.lastEnd === before;
      changes = isStuck ? Math.min(changes * 2, 2 ** 30) : nextChanges(changes, page, mostChanges);
    }
  }

  /** Undefined: the plugin does not know the options; the next ones are to be tried. */
  async #readPage(
    request: LogRequest,
    watch: CommitWatch,
    starts: PluginStart[],
    page: { readonly changes: number; readonly patienceMs: number },
    signal: AbortSignal,
  ): Promise<PageEnd | undefined> {
    const [start] = starts;
    if (start === undefined) throw new ReplicationError('unexpected', { what: 'no way to start a plugin' });
    this.#start = start;
    await using decoder = openDecoder(start.decoder);
    this.#warnings = caveatWarnings(decoder.caveats);
    try {
      return await readPage({ connection: await this.#session(signal), request, start, decoder, watch, ...page, signal });
    } catch (error) {
      if (starts.length === 1 || signal.aborted || !isUnknownOption(sqlstateOf(error))) throw error;
      starts.shift();
      return undefined;
    }
  }
}

/** The page that the server would decode in the time wanted, at the rate of the last one; grown in steps, since the rate of a small one says little. */
function nextChanges(changes: number, { rows, decodeMs }: PageEnd, most: number): number {
  const wanted = (rows / Math.max(decodeMs, 1)) * WANTED_MS;
  return Math.round(Math.min(most, Math.max(FEWEST_CHANGES, Math.min(wanted, changes * 4))));
}

function tooSlow(
  request: LogRequest,
  sql: Connection,
  page: { readonly changes: number; readonly patienceMs: number },
): ReplicationError<'peek-too-slow'> {
  const { slot } = request;
  return new ReplicationError('peek-too-slow', {
    slot,
    database: sql.database,
    seconds: Math.round(page.patienceMs / 1000),
    changes: page.changes,
  });
}
