import type { ErrorReport } from './errors.ts';
import type { StoredObject } from './objects.ts';
import type { ReplicationMethod } from './stream.ts';

/** `running` until the end; `partial`: some streams failed; `stopped`: by request; `skipped`: another job was running or the integration is paused. */
export type JobState = 'running' | 'complete' | 'partial' | 'stopped' | 'failed' | 'skipped';

/** What a job loaded: the public contract with whatever loads downstream. Only ever extended. camelCase JSON, 64-bit positions as strings. */
export interface LoadingReport {
  readonly version: 1;
  readonly integration: string;
  readonly job: string;
  /** `schedule`, `manual`, `demo`. */
  readonly trigger: string;
  readonly state: JobState;
  readonly startedAt: string;
  readonly endedAt: string | null;
  /** Why the job as a whole failed. */
  readonly error: ErrorReport | null;
  readonly tables: readonly TableReport[];
  readonly slots: readonly SlotReport[];
  readonly skipped: readonly { readonly stream: string; readonly reason: string }[];
  readonly warnings: readonly string[];
  readonly usage: Usage;
  /** In AWS: what the job cost about. */
  readonly cost?: CostEstimate | undefined;
}

/** What a job cost, from what it was measured to use and a dated price table: US dollars, before free tiers, discounts and taxes. */
export interface CostEstimate {
  readonly currency: 'USD';
  /** Of the job. Storage is not in it. */
  readonly total: number;
  /** Null without rows. */
  readonly perMillionRows: number | null;
  /** Per 10^9 bytes of JSON; null without any. */
  readonly perGigabyte: number | null;
  readonly parts: {
    readonly lambda: number;
    readonly stepFunctions: number;
    readonly dynamodb: number;
    readonly s3: number;
    /** Events of the job; zero in reports of releases that did not count them. */
    readonly eventBridge: number;
  };
  /** For a month of keeping in S3 Standard what the job wrote. */
  readonly storagePerMonth: number;
  /** Where and when the prices are from: `us-east-1 2026-11`. */
  readonly prices: string;
}

/** `pending`: not reached; `copying`: its copy goes on in the next job. */
export type TableState = 'pending' | 'running' | 'copying' | 'complete' | 'failed';

export interface TableReport {
  readonly stream: string;
  readonly database: string;
  readonly schema: string;
  readonly table: string;
  readonly destinationTable: string;
  readonly method: ReplicationMethod;
  readonly state: TableState;
  readonly error: ErrorReport | null;
  readonly primaryKeys: readonly string[];
  readonly replicationKey: string | null;
  /** Version that this job wrote. */
  readonly tableVersion: number;
  /** Version that is whole: rows of lower versions are superseded. Null until the first copy is complete. */
  readonly activeVersion: number | null;
  /** True if the active version changed in this job: what was loaded of lower versions may be dropped. */
  readonly newVersion: boolean;
  readonly schemaHash: string;
  readonly rowsRead: number;
  readonly rows: number;
  readonly inserts: number;
  readonly updates: number;
  readonly deletes: number;
  readonly nullKeys: number | null;
  readonly bytes: number;
  readonly jsonBytes: number;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** Lowest `_sdc_batched_at` of the objects; null without objects. */
  readonly minimumBatchedAt: string | null;
  /** Latest `_sdc_extracted_at`; null without objects. */
  readonly maximumExtractedAt: string | null;
  readonly bookmark: { readonly before: string | null; readonly after: string | null };
  /** As in Stitch's post-load webhook: lowest and highest replication key of this job. */
  readonly bookmarkMetadata: readonly { readonly key: string; readonly minValue: string; readonly maxValue: string }[];
  readonly warnings: readonly string[];
  /** In the order of loading. */
  readonly objects: readonly StoredObject[];
}

export interface SlotReport {
  readonly database: string;
  readonly slot: string;
  readonly plugin: string;
  readonly confirmed: string;
  readonly retainedBytes: number;
  /** Where the next job begins, as the ledger has it. Null before the first. */
  readonly bookmark?: string | null | undefined;
  /** WAL that was written since the bookmark. */
  readonly behindBytes?: number | null | undefined;
  /** Since the bookmark last moved. */
  readonly behindSeconds?: number | null | undefined;
  /** `reserved`, `extended`, `unreserved` or `lost` (13+), or why it was invalidated (17+). */
  readonly walStatus?: string | null | undefined;
  /** Bytes that may still be written before the slot is lost; null without a limit, and before 13. */
  readonly safeBytes?: number | null | undefined;
  /** Part of `max_slot_wal_keep_size` that is held back, 0 to 1 and beyond; null without a limit. */
  readonly budgetUsed?: number | null | undefined;
  /** Whether somebody reads it at this moment. */
  readonly active?: boolean | undefined;
}

/** Rows that were written, re-sent ones included, over the last 24 hours, this calendar month and the last one (UTC); this job's rows included. */
export interface Usage {
  readonly last24Hours: number;
  readonly thisMonth: number;
  readonly lastMonth: number;
  readonly streams: readonly {
    readonly stream: string;
    readonly last24Hours: number;
    readonly thisMonth: number;
    readonly lastMonth: number;
  }[];
}
