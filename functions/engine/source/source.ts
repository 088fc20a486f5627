import type { CopyRange, CopyStart, KeyBookmark } from '../model/bookmark.ts';
import type { Catalog, ServerInfo, Table } from '../model/catalog.ts';
import type { RowEncoder } from '../encode/encode.ts';
import type { EncodedBlock } from '../model/objects.ts';
import type { LogSession } from './log-session.ts';
import type { InspectRequest, SourceFacts } from './check-facts.ts';
import type { PressureLook } from './pressure-look.ts';

/** A PostgreSQL server that is being read on behalf of one job. Opens no more connections at a time than its budget. */
export interface Source extends AsyncDisposable {
  /** Connects once; versions and state of the server. Throws the connection errors of `error-codes.ts`. */
  info(signal: AbortSignal): Promise<ServerInfo>;
  /** Structure sync: what exists and what this role may read. Throws `nothing-discovered`. */
  discover(signal: AbortSignal): Promise<Catalog>;
  /** From now on no more than so many connections at a time, since others of the same job have the rest of its budget. Closes those that are kept for later; none that is in use. */
  limit(connections: number): Promise<void>;
  /** A session in one database, for one worker; disposed of by it. `keep`: afterwards its connection stays open for a moment, for the next session in the same database. */
  session(database: string, signal: AbortSignal, afterwards?: 'close' | 'keep'): Promise<SourceSession>;
  /** A session for the slot of one database, for one worker; disposed of by it, with `keep` as for `session`. A reader of it has one connection more, outside of the budget. */
  logSession(database: string, signal: AbortSignal, afterwards?: 'close' | 'keep'): Promise<LogSession>;
  /** Everything that a preflight judges, in a handful of queries per database. Writes nothing. Throws the connection errors of `error-codes.ts`. */
  inspect(request: InspectRequest, signal: AbortSignal): Promise<SourceFacts>;
}

/** Blocks of JSON Lines as they are read; `write` is awaited before more is read. */
export interface BlockWriter {
  /** Blocks are written once they have this size. @default `BLOCK_BYTES` of the encoders */
  readonly blockBytes?: number;
  write(block: EncodedBlock): Promise<void>;
}

export interface ReadRequest {
  readonly table: Table;
  /** Columns to read, in the order of the encoder's fields. */
  readonly columns: readonly string[];
}

/** One connection to one database, read-only, with a session pinned to UTC and ISO. Used by one worker at a time. */
export interface SourceSession extends AsyncDisposable {
  readonly database: string;
  readonly server: ServerInfo;
  /**
   * WAL position (replay position on a replica), oldest running transaction and time, before a copy or a read. Ask again just before reading a catch-up:
   * its rows need a higher `_sdc_sequence` than those of the ranges (take one more than theirs where the server has written nothing in between),
   * while `copy` goes on to take the first `CopyStart`, which says what is new.
   */
  startOfCopy(signal: AbortSignal): Promise<CopyStart>;
  /** How busy the server is with the work of others. Throws whatever a query may; whoever asks takes that as not known. */
  lookAtPressure(signal: AbortSignal): Promise<PressureLook>;
  /** Cuts a table into ranges of about `rangeBytes` and a catch-up, to be read when all others are durable; `[{ kind: 'whole' }]` where it cannot be cut or is no larger than one range. */
  cut(table: Table, rangeBytes: number, signal: AbortSignal): Promise<readonly CopyRange[]>;
  /**
   * Reads one range in one snapshot. Throws `table-rewritten` if its pages were moved since they were cut. Returns the rows that the server says it sent.
   * After an error or an abort the session can be used on, unless the error is `connection-lost` or `protocol-violation`; what was written is void.
   */
  copy(
    request: ReadRequest & { readonly range: CopyRange; readonly start: CopyStart },
    encoder: RowEncoder,
    out: BlockWriter,
    signal: AbortSignal,
  ): Promise<{ readonly rows: number }>;
  /**
   * Bounds of a key-based read: made before the read, in the snapshot that the read will use. With `maxRows: Infinity` and no `from.value`, `next` is the bookmark
   * of a first copy that begins after it. Throws `replication-key-unsuitable`, `column-missing`.
   */
  keyed(
    request: ReadRequest & { readonly from: KeyBookmark; readonly lookBack: LookBack; readonly maxRows: number },
    signal: AbortSignal,
  ): Promise<KeyedRead>;
  /**
   * Which key-based streams have nothing new: `keyed` would find no rows for them, and `next` as `from` is. Of any number of streams in a handful of statements; in their order.
   * Undefined where something is new, where the look was refused, or would be dear: those are for `keyed` to tell. Throws connection errors, or `signal.reason`.
   */
  idle(looks: readonly KeyedLook[], signal: AbortSignal): Promise<readonly (IdleStream | undefined)[]>;
}

/** A stream and the bookmark that it is to be looked beyond. */
export type KeyedLook = ReadRequest & { readonly from: KeyBookmark; readonly lookBack: LookBack };

/** What `keyed` would have to say of a stream that has nothing new. */
export interface IdleStream {
  readonly nullKeys: number;
  readonly warnings: readonly string[];
}

/** How far behind the highest key the bookmark stays. `auto`: time keys stay behind the oldest open transaction; so they do with `interval`, which counts for them only, as `number` does for numeric ones. */
export type LookBack =
  | { readonly kind: 'auto' }
  | { readonly kind: 'interval'; readonly seconds: number }
  | { readonly kind: 'number'; readonly amount: string };

/** One window of a key-based stream, its snapshot open until disposed of. */
export interface KeyedRead extends AsyncDisposable {
  /** False: nothing was added or changed since the bookmark; there is nothing to read, and `next` equals `from` but for its bound. */
  readonly hasRows: boolean;
  /** Before the read: the `_sdc_sequence` of its rows, decimal. */
  readonly sequence: string;
  /** ISO 8601, the source's clock. */
  readonly at: string;
  /** Whether keys beyond this window are waiting already. */
  readonly more: boolean;
  /** The bookmark that holds once the rows are durable. */
  readonly next: KeyBookmark;
  /** Lowest and highest key in the window, for the report; absent when there are no rows. */
  readonly range?: { readonly min: string; readonly max: string };
  /** Rows whose key is NULL, `infinity` or NaN, which key-based replication never reads; undefined where counting them would scan the table. */
  readonly nullKeys?: number;
  /** Stable remarks for the report, e.g. that open transactions of other roles cannot be seen. */
  readonly warnings: readonly string[];
  /** Reads the window. Returns the rows that the server says it sent. */
  read(encoder: RowEncoder, out: BlockWriter, signal: AbortSignal): Promise<{ readonly rows: number }>;
}
