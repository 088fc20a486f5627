import type { Lsn } from './lsn.ts';

/** The plugins that we can read. */
export type OutputPlugin = 'wal2json' | 'pgoutput';

/** A relation as the log describes it at this point: columns in the order of the tuples that follow. Changes arrive under the definition that they were made with. */
export interface LogRelation {
  /** OID where the plugin sends it (pgoutput); 0 otherwise. */
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly replicaIdentity: 'default' | 'index' | 'full' | 'nothing' | 'unknown';
  readonly columns: readonly LogColumn[];
}

export interface LogColumn {
  readonly name: string;
  /** `pg_type.oid`; 0 where the plugin does not say. */
  readonly typeOid: number;
  /** Part of the replica identity. */
  readonly isKey: boolean;
}

/** How a column stands in a tuple. `unchanged`: a TOAST value that the server did not send; `absent`: not part of this tuple (a key-only old tuple). */
export const FIELD = { null: 0, text: 1, unchanged: 2, absent: 3 } as const;

/**
 * The values of a row as PostgreSQL's text, without any copy: `bytes[starts[i], ends[i])` for each column of the relation.
 * Reused for every change: whoever wants to keep something copies it.
 */
export interface LogTuple {
  readonly bytes: Buffer;
  /** One of `FIELD` for each column. */
  readonly fields: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** A transaction, known to be committed. */
export interface LogTransaction {
  readonly xid: string;
  /** Start of the commit record; with the ordinal of a change it is a place in the log that never changes. */
  readonly commitLsn: Lsn;
  /** ISO 8601 with microseconds, UTC. */
  readonly committedAt: string;
}

/** A change; the object and its tuples are reused for the next one. */
export interface LogChange {
  readonly kind: 'insert' | 'update' | 'delete';
  readonly relation: LogRelation;
  /** Of the change itself: its `_sdc_sequence`. Not monotonic between transactions, but within a key. */
  readonly lsn: Lsn;
  /** New row of an insert or update. */
  readonly row: LogTuple;
  /** Key or whole old row of a delete, of an update whose key changed, or under REPLICA IDENTITY FULL. */
  readonly old: LogTuple | undefined;
}
