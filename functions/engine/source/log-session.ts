import type { Table } from '../model/catalog.ts';
import type { Lsn } from '../model/lsn.ts';
import type { OutputPlugin } from '../model/log-change.ts';
import type { SlotReport } from '../model/report.ts';
import type { LogReader, SlotState } from './log.ts';

/** Where the log of a server stands. */
export interface LogEndPosition {
  /** Flushed end of the WAL: what a slot can reach. */
  readonly lsn: Lsn;
  readonly systemIdentifier: string | null;
  readonly timeline: number | null;
  /** ISO 8601, the source's clock. */
  readonly at: string;
}

/** How the history of a server goes on from a timeline. */
export type TimelineTrace =
  | { readonly state: 'same'; readonly now: number }
  /** It was left at this position: what came before it is the same, what came after it is not. */
  | { readonly state: 'left'; readonly now: number; readonly at: Lsn }
  | { readonly state: 'elsewhere'; readonly now: number }
  /** The server does not tell it to this role, or on this way; `reason` is an error code. */
  | { readonly state: 'untold'; readonly reason: string };

/** What of a table goes through the log. */
export interface PublishedTable {
  readonly table: Table;
  /** Selected columns, for a publication with column lists (15+). */
  readonly columns: readonly string[];
}

export interface SlotRequest {
  readonly slot: string;
  /** As configured. */
  readonly plugin: OutputPlugin | 'auto';
  readonly createSlot: boolean;
  /** pgoutput: the publication, and exactly what it holds when this resolves. It is made before the slot: decoding looks it up as it was at each change. */
  readonly publication: string;
  readonly tables: readonly PublishedTable[];
  /** Jobs that are over for certain: a session of theirs that still holds the slot is ended. */
  readonly over: ReadonlySet<string>;
}

/** A remark about one stream; `code` is one of `error-codes.ts`. */
export interface LogStreamWarning {
  readonly stream: string;
  readonly code: string;
  readonly warning: string;
}

/** A slot that can be read. */
export interface OpenedSlot {
  readonly slot: SlotState;
  readonly plugin: OutputPlugin;
  readonly created: boolean;
  /**
   * Where a first bookmark stands: the slot's own position, or beyond it when the publication was only made now, since what was written before it cannot be decoded.
   * Null before 9.6, where a slot does not tell.
   */
  readonly startLsn: Lsn | null;
  /** pgoutput: streams whose changes the publication did not all let through until now. What was written to them before is not in the log: they are copied anew. */
  readonly added: readonly string[];
  /** pgoutput: whether the publication did not exist. A bookmark that lies before it does not hold any more. */
  readonly publicationCreated: boolean;
  /** Remarks for the report: no limit for retained WAL, idle timeout, ... */
  readonly warnings: readonly string[];
  /** What of single streams does not come through the log. */
  readonly streamWarnings: readonly LogStreamWarning[];
}

/** An ordinary SQL session in one database, for everything about its slot that is not the reading of changes. */
export interface LogSession extends AsyncDisposable {
  readonly database: string;
  /** Throws `primary-needed` on a replica that cannot decode. */
  endOfLog(signal: AbortSignal): Promise<LogEndPosition>;
  /** How the server's history goes on from a timeline, by a connection of the replication protocol. Throws `senders-exhausted`, or what connecting throws. */
  traceTimeline(timeline: number, signal: AbortSignal): Promise<TimelineTrace>;
  /** The slot as it is; undefined if there is none. */
  slot(name: string, signal: AbortSignal): Promise<SlotState | undefined>;
  /**
   * Finds the slot or creates it, checks that it can be used (kind, database, plugin, not lost, not active elsewhere), and says which plugin it has.
   * Throws a code of its own for each: `wal-level-too-low`, `primary-needed`, `replication-right-missing`, `plugin-missing`, `plugin-not-allowed`, `slot-missing`,
   * `slot-of-other-database`, `slot-of-other-plugin`, `slot-physical`, `slot-temporary`, `slot-active`, `slot-lost`, `slots-exhausted`, `slot-waits`, `publication-right-missing`.
   */
  openSlot(request: SlotRequest, signal: AbortSignal): Promise<OpenedSlot>;
  /**
   * Waits until nobody holds the slot, for a few seconds. Sessions of these jobs that do are ended; gives what to say of each. Throws `slot-active` if it stays taken; a slot
   * that is gone is the reader's error.
   */
  freeSlot(slot: string, over: ReadonlySet<string>, signal: AbortSignal): Promise<readonly string[]>;
  /** Rows by primary key, as COPY text rows of these columns, in any order; missing rows are left out. At most 1,000 keys; values are PostgreSQL text. */
  rowsByKey(
    table: Table,
    columns: readonly string[],
    keys: readonly (readonly string[])[],
    signal: AbortSignal,
  ): Promise<readonly (readonly (string | null)[])[]>;
  /** The slot for reports and status; undefined if there is none. `bookmark`: as the ledger has it. */
  slotReport(slot: string, bookmark: Lsn | null, signal: AbortSignal): Promise<SlotReport | undefined>;
  /**
   * Opens a reader, which has a connection of its own beside that of this session and outside of the connection budget: one more for each database. `auto` streams where the
   * role and the way to the server allow it, else peeks; `LogReader.style` says which. Throws `senders-exhausted` or `stream-refused` if it was to be `stream`.
   */
  reader(
    how: { readonly consume: 'auto' | 'stream' | 'peek'; readonly plugin: OutputPlugin },
    signal: AbortSignal,
  ): Promise<LogReader>;
}
