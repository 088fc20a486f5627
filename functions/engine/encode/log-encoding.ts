import type { EncodedBlock } from '../model/objects.ts';
import type { LogRelation, LogTuple } from '../model/log-change.ts';
import type { Lsn } from '../model/lsn.ts';
import type { SystemColumns } from './encode.ts';

/** A block of log rows, with the lowest and highest position in it. */
export interface LogBlock extends EncodedBlock {
  readonly firstSequence: Lsn;
  readonly lastSequence: Lsn;
}

/** Makes encoders of one stream's log rows; compiled once per job from the shape that its copies have too, so that the same value gives the same bytes. */
export interface CompiledLogEncoder {
  /** `system` are the columns before `_sdc_sequence`'s value changes: `_sdc_extracted_at`, `_sdc_received_at`, `_sdc_batched_at`, `_sdc_table_version`; the encoder adds `_sdc_sequence` and `_sdc_deleted_at` in their places. */
  open(system: SystemColumns): LogEncoder;
}

/** Turns changes into JSON Lines, collected in a block. Holds one block; not safe for concurrent use. Throws `value-unreadable`. */
export interface LogEncoder {
  /** Matches a relation as the log describes it to the stream's fields, by name and (where the plugin says) by type. Cached per relation object. */
  bind(relation: LogRelation): LogRowWriter;
  /** A whole row as text, by the stream's fields: one that was read again by its key. */
  writeText(values: readonly (string | null)[], sequence: Lsn): void;
  readonly pendingBytes: number;
  readonly rows: number;
  take(): LogBlock;
}

export interface LogRowWriter {
  /** True if fields of the stream are missing from the relation as it was, or had another type: such rows are partial. */
  readonly lacksFields: boolean;
  /** Whether a selected field was not sent and `old` does not have it either. */
  isPartial(row: LogTuple, old: LogTuple | undefined): boolean;
  /** The row as text by the stream's fields, for a partial one that is looked at later; undefined where a field was not sent. */
  textOf(row: LogTuple, old: LogTuple | undefined): readonly (string | null | undefined)[];
  /** An insert or update: the new row, unsent values filled from `old` where it has them, else absent from the record. */
  writeRow(row: LogTuple, old: LogTuple | undefined, sequence: Lsn): void;
  /** A partial row from its kept text: absent where undefined. */
  writePartial(values: readonly (string | null | undefined)[], sequence: Lsn): void;
  /** A delete: what `old` has (key columns, or all of them under REPLICA IDENTITY FULL) and `_sdc_deleted_at` (ISO 8601 with microseconds). */
  writeDelete(old: LogTuple, sequence: Lsn, deletedAt: string): void;
  /** Values of the named columns (primary key) as text; undefined if one is null or was not sent. */
  keyOf(tuple: LogTuple, columns: readonly string[]): readonly string[] | undefined;
  /** Whether both tuples have equal bytes in the named columns. */
  hasSameKey(a: LogTuple, b: LogTuple, columns: readonly string[]): boolean;
}
