import type { ServerInfo } from '../../../model/catalog.ts';

/** What differs between PostgreSQL 9.4 and 18 in slots and publications, as SQL expressions and facts. */
export interface LogDialect {
  /** Expressions over `pg_replication_slots s`; NULL where the version does not have them. */
  readonly slot: {
    readonly activePid: string;
    readonly confirmedLsn: string;
    readonly isTemporary: string;
    readonly walStatus: string;
    readonly safeBytes: string;
    readonly isTwoPhase: string;
    readonly isConflicting: string;
    readonly invalidationReason: string;
    readonly isFailover: string;
    readonly isSynced: string;
  };
  /** Name of the file that a position lies in; its first 8 hexadecimal digits are the timeline. Not on a replica. */
  readonly walFileName: string;
  /** `pg_control_checkpoint()` (9.6+). */
  readonly hasControlFunctions: boolean;
  /** pgoutput and publications (10+). */
  readonly hasPublications: boolean;
  /** Commands and plain SQL over a replication connection (10+). */
  readonly hasSqlOverReplication: boolean;
  /** `pg_replication_slot_advance()` (11+). */
  readonly hasAdvance: boolean;
  /** Publications can leave out TRUNCATE (11+). */
  readonly publishesTruncate: boolean;
  /** `wal_sender_timeout` of one session (12+). */
  readonly hasSessionSenderTimeout: boolean;
  /** `attgenerated` (12+). */
  readonly hasGenerated: boolean;
  /** Partitioned tables in publications, and `publish_via_partition_root` (13+). */
  readonly publishesRoots: boolean;
  /** pgoutput's protocol version 2 with streaming (14+). */
  readonly hasStreaming: boolean;
  /** Row filters, column lists and schemas in publications (15+). */
  readonly hasColumnLists: boolean;
  /** Slots on a replica (16+). */
  readonly decodesOnReplica: boolean;
  /** `failover` slots (17+). */
  readonly hasFailover: boolean;
  /** `publish_generated_columns` (18+). */
  readonly publishesGenerated: boolean;
}

/** The dialect of a server. Logical decoding begins with 9.4. */
export function logDialectOf({ version }: Pick<ServerInfo, 'version'>): LogDialect {
  const since = (from: number, expression: string): string => (version >= from ? expression : 'null');
  return {
    slot: {
      // 9.4 tells that there is one, not which.
      activePid: version >= 90_500 ? 's.active_pid' : 'case when s.active then 0 end',
      confirmedLsn: since(90_600, 's.confirmed_flush_lsn'),
      isTemporary: since(100_000, 's.temporary'),
      walStatus: since(130_000, 's.wal_status'),
      safeBytes: since(130_000, 's.safe_wal_size'),
      isTwoPhase: since(140_000, 's.two_phase'),
      isConflicting: since(160_000, 's.conflicting'),
      invalidationReason: since(170_000, 's.invalidation_reason'),
      isFailover: since(170_000, 's.failover'),
      isSynced: since(170_000, 's.synced'),
    },
    // https://www.postgresql.org/docs/10/release-10.html: "xlog" became "wal"
    walFileName: version >= 100_000 ? 'pg_walfile_name' : 'pg_xlogfile_name',
    hasControlFunctions: version >= 90_600,
    hasPublications: version >= 100_000,
    hasSqlOverReplication: version >= 100_000,
    hasAdvance: version >= 110_000,
    publishesTruncate: version >= 110_000,
    hasSessionSenderTimeout: version >= 120_000,
    hasGenerated: version >= 120_000,
    publishesRoots: version >= 130_000,
    hasStreaming: version >= 140_000,
    hasColumnLists: version >= 150_000,
    decodesOnReplica: version >= 160_000,
    hasFailover: version >= 170_000,
    publishesGenerated: version >= 180_000,
  };
}
