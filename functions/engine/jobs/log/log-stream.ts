import type { CompiledLogEncoder, LogEncoder, LogRowWriter } from '../../encode/log-encoding.ts';
import type { LogChange, LogRelation, LogTuple } from '../../model/log-change.ts';
import type { Lsn } from '../../model/lsn.ts';
import type { ObjectSet } from '../../sink/object-set.ts';
import type { JobStream } from '../job.ts';

/** A change whose row has fields that were not sent; looked at again once the row was read by its key. */
export interface PartialRow {
  readonly key: readonly string[];
  readonly values: readonly (string | null | undefined)[];
  readonly sequence: Lsn;
  readonly writer: LogRowWriter;
}

export interface LogCounts {
  inserts: number;
  updates: number;
  deletes: number;
  /** Rows that went out without a value that the server did not send. */
  partial: number;
}

/** What one stream has in the current batch of its database's log. */
export class LogStream {
  readonly stream: JobStream;
  readonly version: number;
  /** Rows are read again by key while a copy goes on: their unsent values are nowhere else yet. */
  readonly isCopying: boolean;
  readonly counts: LogCounts = { inserts: 0, updates: 0, deletes: 0, partial: 0 };
  readonly partials: PartialRow[] = [];
  readonly encoder: LogEncoder;
  /** Records that were handed to the encoder, deletes of changed keys included. */
  records = 0;
  set: ObjectSet | undefined;
  failure: unknown;

  constructor(options: {
    readonly stream: JobStream;
    readonly version: number;
    readonly isCopying: boolean;
    readonly encoder: LogEncoder;
  }) {
    this.stream = options.stream;
    this.version = options.version;
    this.isCopying = options.isCopying;
    this.encoder = options.encoder;
  }

  /** Encodes a change. Values that were not sent are filled from the old row, read again by key where that can help, else left out and counted. */
  change(change: LogChange, deletedAt: string): void {
    const writer = this.encoder.bind(change.relation);
    const keys = this.stream.primaryKey;
    switch (change.kind) {
      case 'insert':
        this.#row(writer, change.row, undefined, { sequence: change.lsn, isKnownThere: false });
        this.counts.inserts += 1;
        return;
      case 'update':
        this.#update(writer, change.row, change.old, { lsn: change.lsn, keys, deletedAt });
        this.counts.updates += 1;
        return;
      case 'delete':
        if (change.old === undefined) return;
        writer.writeDelete(change.old, change.lsn, deletedAt);
        this.records += 1;
        this.counts.deletes += 1;
    }
  }

  #update(
    writer: LogRowWriter,
    row: LogTuple,
    old: LogTuple | undefined,
    at: { readonly lsn: Lsn; readonly keys: readonly string[]; readonly deletedAt: string },
  ): void {
    // Under REPLICA IDENTITY FULL there is always an old row: only one with another key (or of a table without any) is gone by this update.
    const isElsewhere = old !== undefined && (at.keys.length === 0 || !writer.hasSameKey(old, row, at.keys));
    if (isElsewhere) {
      writer.writeDelete(old, at.lsn, at.deletedAt);
      this.records += 1;
    }
    // The destination has nothing under the new key that an unsent value could be kept from.
    this.#row(writer, row, old, { sequence: at.lsn, isKnownThere: !this.isCopying && !isElsewhere });
  }

  #row(
    writer: LogRowWriter,
    row: LogTuple,
    old: LogTuple | undefined,
    at: { readonly sequence: Lsn; readonly isKnownThere: boolean },
  ): void {
    const { sequence } = at;
    const isPartial = writer.isPartial(row, old);
    if (!isPartial && !writer.lacksFields) {
      writer.writeRow(row, old, sequence);
      this.records += 1;
      return;
    }
    const key = !at.isKnownThere || writer.lacksFields ? writer.keyOf(row, this.stream.primaryKey) : undefined;
    if (key !== undefined && key.length > 0) {
      this.partials.push({ key, values: writer.textOf(row, old), sequence, writer });
      return;
    }
    writer.writeRow(row, old, sequence);
    this.records += 1;
    this.counts.partial += 1;
  }
}

/** What a relation of the log is to this job: a stream of ours, or nothing. */
export type StreamOf = (relation: LogRelation) => LogStreamPlace | undefined;

export interface LogStreamPlace {
  readonly stream: JobStream;
  readonly compiled: CompiledLogEncoder;
}
