import type { Column, Table } from '../model/catalog.ts';
import type { LogChange, LogRelation, LogTransaction, OutputPlugin } from '../model/log-change.ts';
import type { Lsn } from '../model/lsn.ts';

/**
 * Takes the log in commit order. The synchronous methods are called for everything in one chunk of input; `drained` is awaited between chunks: that is back-pressure.
 * Streamed transactions (pgoutput protocol 2) reach it only when they are committed, like all others.
 */
export interface LogHandler {
  begin(transaction: LogTransaction): void;
  change(change: LogChange): void;
  truncate(relations: readonly LogRelation[], lsn: Lsn): void;
  /** `endLsn` is where a reader resumes after this transaction. */
  commit(transaction: LogTransaction, endLsn: Lsn): void;
  /** Undefined where there is nothing to wait for. */
  drained(): Promise<void> | undefined;
  /**
   * Everything that committed before `lsn` was seen, no transaction is open, and this is a good moment to make it durable and confirm it: a reader by pages begins its next
   * one there, and the server may drop WAL that had nothing of ours.
   */
  checkpoint(lsn: Lsn): Promise<void>;
}

/** Why a read of the log ended. */
export type LogEnd =
  /** Everything up to the wanted position was seen: it may be confirmed even if nothing of ours was in it. */
  | { readonly state: 'reached'; readonly lsn: Lsn }
  /** The handler had enough (`LogRequest.until` says so), at the end of a transaction or inside one. */
  | { readonly state: 'left' };

/** A table, or a leaf of a partitioned one under its own name, whose changes are wanted; the rest is of the catalog. */
export interface LogTable {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly Pick<Column, 'name' | 'type' | 'toastable' | 'generated'>[];
  readonly primaryKey: readonly string[];
  readonly replicaIdentity: Table['replicaIdentity'];
}

export interface LogRequest {
  readonly slot: string;
  readonly plugin: OutputPlugin;
  /** Where to begin: everything that committed before is done. Never below the slot's `confirmed_flush_lsn`. */
  readonly from: Lsn;
  /** Flushed end of the WAL when the job began. */
  readonly to: Lsn;
  /** pgoutput: the publication that the slot is read through. */
  readonly publication: string;
  /** wal2json: tables to send (`add-tables`), and what of them it does not say. pgoutput goes by its publication. */
  readonly tables: readonly LogTable[];
  /** Asked after each `drained`: whether to end here. */
  readonly isEnough: () => boolean;
}

/** One way of reading a slot; open until disposed of. Nothing is confirmed but through `confirm`. */
export interface LogReader extends AsyncDisposable {
  /** How it reads: over the replication protocol, or by pages through SQL functions. */
  readonly style: 'stream' | 'peek';
  /** After a read: what this way of reading cannot see, for the report. */
  readonly warnings: readonly string[];
  /** Reads changes into the handler. Keeps the connection alive however long the handler takes. Throws the slot errors of `error-codes.ts`. */
  read(request: LogRequest, handler: LogHandler, signal: AbortSignal): Promise<LogEnd>;
  /** Lets the server drop the log before this position, at most one that `read` reached. Only after it is committed in the ledger. Safe to repeat, and to call for less. */
  confirm(slot: string, lsn: Lsn, signal: AbortSignal): Promise<void>;
}

/** A slot as the server shows it. */
export interface SlotState {
  readonly slot: string;
  readonly database: string;
  readonly plugin: string;
  readonly kind: 'logical' | 'physical';
  readonly activePid: number | null;
  /** `application_name` of the consumer, where it may be seen. */
  readonly activeApplication: string | null;
  readonly restartLsn: Lsn | null;
  readonly confirmedLsn: Lsn | null;
  /** `reserved`, `extended`, `unreserved`, `lost` (13+). */
  readonly walStatus: string | null;
  /** 17+. */
  readonly invalidationReason: string | null;
  /** WAL that the slot holds back, bytes. */
  readonly retainedBytes: bigint | null;
  /** Bytes that may still be written before the slot is lost (13+, null without a limit). */
  readonly safeBytes: bigint | null;
  readonly isTwoPhase: boolean;
  readonly isFailover: boolean;
}
