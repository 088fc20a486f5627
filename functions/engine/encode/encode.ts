import type { ValueType } from '../model/catalog.ts';
import type { EncodedBlock } from '../model/objects.ts';

/** A column of a record: its key in the JSON object and how its text becomes JSON. */
export interface FieldShape {
  readonly name: string;
  readonly type: ValueType;
}

/** What a compiled encoder depends on; equal shapes give equal bytes. */
export interface RowShape {
  readonly fields: readonly FieldShape[];
  /** `nested` puts json and jsonb values in place; `string` (as Stitch) gives their raw text as a string. */
  readonly jsonColumns: 'string' | 'nested';
  readonly profile: 'default' | 'stitch';
  /** Adds `__sdc_primary_key`, a UUID per row: for tables without a primary key. */
  readonly rowId: boolean;
}

/** Values of the `_sdc_` columns that are the same for all rows of a batch, as JSON text in order; appended to every record. */
export type SystemColumns = readonly { readonly name: string; readonly json: string }[];

/** An encoder of one shape, compiled: make it once per table and open it for every batch. */
export interface CompiledEncoder {
  /** A fresh encoder whose records end with these system columns. Cheap: no code is compiled, no memory taken before the first row. */
  open(system: SystemColumns): RowEncoder;
}

/**
 * Turns rows into JSON Lines, collected in a block of whole lines. Not safe for concurrent use; holds one block and scratch space only, whatever the row size.
 * Throws `value-unreadable` for text that its type cannot have.
 */
export interface RowEncoder {
  /** Encodes one row of `COPY ... TO STDOUT` text format from `bytes[start, end)`, without its newline. Does not keep `bytes`. */
  copyRow(bytes: Buffer, start: number, end: number): void;
  /**
   * Encodes rows that stand in `chunk` as whole CopyData messages, from the one at `at` on, until the block has `blockBytes`. Returns where it stopped; a message that it left
   * is {@link copyRow}'s, if it is a row at all. `chunk` stays as it is until all of it was read.
   * Facts: https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-COPYDATA
   */
  copyMessages(chunk: Buffer, at: number, blockBytes: number): number;
  /** Bytes in the current block. */
  readonly pendingBytes: number;
  /** Rows encoded since the encoder was made. */
  readonly rows: number;
  /** The current block; a fresh one begins. Empty blocks have 0 rows. Throws `value-unreadable` where a row of it is not UTF-8. */
  take(): EncodedBlock;
}
