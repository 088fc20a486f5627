import type { ServerInfo } from '../../model/catalog.ts';

/** What differs between PostgreSQL 9.3 and 18, as SQL expressions and facts: the only place that compares versions. */
export interface Dialect {
  /** `server_version_num`. */
  readonly version: number;
  /** Current WAL position as `pg_lsn` text; on a replica the position that queries see. NULL where a service hides it. */
  readonly currentLsn: string;
  /** Position up to which WAL is on disk, the end that a slot can reach (9.6+ has it apart from the insert position). */
  readonly flushedLsn: string;
  /** Oldest transaction that may still be running in the snapshot of the statement, 64-bit with epoch. */
  readonly snapshotXmin: string;
  /** `select` of one row with the system identifier; absent before 9.6. The role may lack the right to call it. */
  readonly systemIdentifier?: string;
  /** Kind of a session `a` of `pg_stat_activity`: `client backend`, `walsender`, `parallel worker`, ...; NULL where hidden. */
  readonly backendType: string;
  /** `pg_stat_replication` tells how long ago what a standby has replayed was written (10+). */
  readonly hasReplayLag: boolean;
  /** `where ctid >= ... and ctid < ...` reads only those pages (14+). */
  readonly hasTidRangeScan: boolean;
  /** Declarative partitions (10+). */
  readonly hasPartitions: boolean;
  /** Identity columns (10+). */
  readonly hasIdentity: boolean;
  /** Generated columns (12+; virtual ones 18+). */
  readonly hasGenerated: boolean;
  /** Row-level security (9.5+). */
  readonly hasRowSecurity: boolean;
  /** Replica identity and logical decoding (9.4+). */
  readonly hasReplicaIdentity: boolean;
  /** Key columns of an index apart from included ones (11+). */
  readonly hasIncludedColumns: boolean;
  /** Partitions that are being detached concurrently, invisible to new queries (14+). */
  readonly hasDetachPending: boolean;
  /** NOT NULL constraints that are not validated although `attnotnull` is set (18+). */
  readonly hasUnvalidatedNotNull: boolean;
  /** `reltuples` is -1 where a table was never analyzed (14+); before, 0 rows in 0 pages may mean that. */
  readonly marksNeverAnalyzed: boolean;
  /** Ends sessions that sit in an open transaction (9.6+). */
  readonly hasIdleInTransactionTimeout: boolean;
  /** Notices that the client is gone while a statement runs (14+, not on Windows). */
  readonly hasClientCheck: boolean;
  /** Compiles queries, which costs more than it saves in catalog queries and copies (11+). */
  readonly hasJit: boolean;
}

/** The dialect of a server. Knows 9.3 and newer. */
export function dialectOf(server: ServerInfo): Dialect {
  const { version, inRecovery } = server;
  // https://www.postgresql.org/docs/10/release-10.html: "xlog" became "wal", "location" became "lsn"
  const renamed = version >= 100_000;
  const replayed = renamed
    ? 'coalesce(pg_last_wal_replay_lsn(), pg_last_wal_receive_lsn())'
    : 'coalesce(pg_last_xlog_replay_location(), pg_last_xlog_receive_location())';
  const current = renamed ? 'pg_current_wal_lsn()' : 'pg_current_xlog_location()';
  const flushed = renamed ? 'pg_current_wal_flush_lsn()' : version >= 90_600 ? 'pg_current_xlog_flush_location()' : current;
  return {
    version,
    currentLsn: inRecovery ? replayed : current,
    flushedLsn: inRecovery ? replayed : flushed,
    // Still there in 18, and the only spelling before 13.
    snapshotXmin: 'txid_snapshot_xmin(txid_current_snapshot())',
    ...(version >= 90_600
      ? { systemIdentifier: 'select system_identifier::text as id from pg_catalog.pg_control_system()' }
      : {}),
    backendType: renamed
      ? 'a.backend_type'
      : `case when exists (select 1 from pg_catalog.pg_stat_replication r where r.pid = a.pid) then 'walsender' end`,
    hasReplayLag: renamed,
    hasTidRangeScan: version >= 140_000,
    hasPartitions: version >= 100_000,
    hasIdentity: version >= 100_000,
    hasGenerated: version >= 120_000,
    hasRowSecurity: version >= 90_500,
    hasReplicaIdentity: version >= 90_400,
    hasIncludedColumns: version >= 110_000,
    hasDetachPending: version >= 140_000,
    hasUnvalidatedNotNull: version >= 180_000,
    marksNeverAnalyzed: version >= 140_000,
    hasIdleInTransactionTimeout: version >= 90_600,
    hasClientCheck: version >= 140_000,
    hasJit: version >= 110_000,
  };
}
