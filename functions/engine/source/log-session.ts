import type { Table } from '../model/catalog.ts';
import type { Lsn } from '../model/lsn.ts';
import type { OutputPlugin } from '../model/log-change.ts';
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
}

/** An ordinary SQL session in one database, for everything about its slot that is not the reading of changes. */
export interface LogSession extends AsyncDisposable {
  readonly database: string;
  /** Throws `primary-needed` on a replica that cannot decode. */
  endOfLog(signal: AbortSignal): Promise<LogEndPosition>;
  /** The slot as it is; undefined if there is none. */
  slot(name: string, signal: AbortSignal): Promise<SlotState | undefined>;
  /**
   * Finds the slot or creates it, checks that it can be used (kind, database, plugin, not lost, not active elsewhere), and says which plugin it has.
   * Throws a code of its own for each: `wal-level-too-low`, `replication-right-missing`, `plugin-missing`, `plugin-not-allowed`, `slot-missing`, `slot-of-other-database`, `slot-of-other-plugin`,
   * `slot-physical`, `slot-active`, `slot-lost`, `slots-exhausted`, `publication-right-missing`. Warnings are remarks for the report (no limit for retained WAL, idle timeout, ...).
   */
  openSlot(request: SlotRequest, signal: AbortSignal): Promise<{ readonly slot: SlotState; readonly plugin: OutputPlugin; readonly created: boolean; readonly warnings: readonly string[] }>;
  /** Rows by primary key, as COPY text rows of these columns, in any order; missing rows are left out. At most 1,000 keys; values are PostgreSQL text. */
  rowsByKey(
    table: Table,
    columns: readonly string[],
    keys: readonly (readonly string[])[],
    signal: AbortSignal,
  ): Promise<readonly (readonly (string | null)[])[]>;
  /** Opens a reader; `auto` streams where the role and the way to the server allow it, else peeks. */
  reader(consume: 'auto' | 'stream' | 'peek', signal: AbortSignal): Promise<LogReader>;
}
