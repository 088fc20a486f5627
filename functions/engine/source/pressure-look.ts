/** What a role may not see of its server without `pg_read_all_stats`. */
export type HiddenSign = 'active-backends' | 'replica-lag';

/** How busy a server is with the work of others, at one moment. Counts are of the whole server, not of one database. */
export interface PressureLook {
  /** Statements of others that run now, parallel workers included, as far as this role sees them: a lower bound where some are hidden. */
  readonly activeBackends: number;
  /** Sessions of others, idle ones included. */
  readonly connections: number;
  /** Sessions that roles without special rights may have altogether, ours included. */
  readonly connectionLimit: number;
  /** Other sessions of this job, of whatever process, that are in a statement or a transaction. Readers of slots by the replication protocol are not counted. */
  readonly ownReads: number;
  /** How far the slowest physical standby is behind, or this server itself where it is one; null where there is none, or where it is not known. */
  readonly replicaLagMs: number | null;
  readonly hidden: readonly HiddenSign[];
}
