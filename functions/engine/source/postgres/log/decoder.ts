import type { Lsn } from '../../../model/lsn.ts';
import type { LogHandler } from '../../log.ts';

/** What a decoder cannot see; for the warnings of a report. */
export type LogCaveat =
  /** wal2json prints NaN and infinities as null unless it was asked for numbers as strings (2.6). */
  | 'not-finite-is-null'
  /** wal2json's format 1 does not tell of TRUNCATE. */
  | 'truncate-unseen';

/**
 * Turns what an output plugin writes into calls of a handler. Takes the payloads of XLogData messages, or the rows of the SQL functions, in their order and without gaps:
 * one decoder for each start of a read. Throws `log-unreadable` for anything that the plugin does not write, and is of no use after that.
 */
export interface LogDecoder extends AsyncDisposable {
  readonly caveats: readonly LogCaveat[];
  /**
   * Takes one message, `message[start, end)`; `lsn` is the position that came with it. `more`: this message set free more than should be handled at once;
   * call {@link more} until it is done, awaiting `handler.drained()` in between, before the next message. The bytes must stay as they are until then.
   */
  push(message: Buffer, start: number, end: number, lsn: Lsn, handler: LogHandler): DecodeState;
  /** Goes on with what `push` or the last call left. */
  more(handler: LogHandler): DecodeState;
}

export type DecodeState = 'done' | 'more';

/** A message is handled up to about so many of its bytes at once. */
export const STEP_BYTES = 512 * 1024;
