/** Where a key-based stream starts next time. Values are PostgreSQL text beside their type, never JavaScript numbers or dates. */
export interface KeyBookmark {
  readonly column: string;
  /** SQL type to cast to, e.g. `timestamp with time zone`. */
  readonly type: string;
  /** Everything at or below this value was delivered and no open transaction could still commit below it. Absent: no row with a key was ever seen. */
  readonly value?: string;
  /** The highest key delivered, when it lies beyond `value`. */
  readonly sentUpTo?: string;
  /** Row count and order-independent digest of the delivered rows from `value` to `sentUpTo` inclusive: unchanged rows are not sent again. */
  readonly boundary?: { readonly rows: string; readonly digest: string };
}

/** What was true just before a copy began. */
export interface CopyStart {
  /** WAL position before the first read (on a replica the replay position), decimal 64-bit. It is the `_sdc_sequence` of the copy's rows. */
  readonly sequence: string;
  /** `txid_snapshot_xmin(txid_current_snapshot())` before the first read, decimal with epoch: row versions older than it are stable, newer ones belong to the catch-up. Null: there is no catch-up, ranges deliver all that they see (log-based streams). */
  readonly oldestXid: string | null;
  /** ISO 8601, the source's clock. */
  readonly at: string;
}

/** Pages of one storage: half-open, the last one without `to`. */
export interface PagePart {
  readonly schema: string;
  readonly table: string;
  /** `pg_relation_filenode()` at the cut. */
  readonly filenode: string;
  readonly from: number;
  readonly to?: number;
}

/** One piece of a copy. Key ranges are half-open in the order of the first primary key column. */
export type CopyRange =
  | { readonly kind: 'whole' }
  /** Several parts where leaves are small. */
  | { readonly kind: 'pages'; readonly parts: readonly PagePart[] }
  | { readonly kind: 'keys'; readonly column: string; readonly type: string; readonly from?: string; readonly to?: string }
  /** Row versions that appeared since `CopyStart`, and leaves attached since; read last, in one snapshot. `known`: `oid:filenode` of each storage at the cut. */
  | { readonly kind: 'catch-up'; readonly known: readonly string[] };
