import type { LogTransaction } from '../../../model/log-change.ts';
import type { Lsn } from '../../../model/lsn.ts';
import type { LogHandler } from '../../log.ts';
import { STEP_BYTES } from './decoder.ts';
import type { DecodeState, LogCaveat, LogDecoder } from './decoder.ts';
import { logUnreadable } from './log-unreadable.ts';
import type { HeadPlaces } from './wal2json-head.ts';
import { wal2jsonLsn, wal2jsonTransaction } from './wal2json-head.ts';
import { Change1Reader } from './wal2json-change-1.ts';
import { JsonReader } from './wal2json-json.ts';
import type { Wal2jsonTables } from './wal2json-tables.ts';

const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;

/** A transaction that came in one message, and how far it was handled. */
interface Whole {
  readonly transaction: LogTransaction;
  readonly endLsn: Lsn;
  /** Changes that are still to come. */
  left: number;
}

/**
 * wal2json's format 1: one object for each transaction, as one message or (`write-in-chunks`, which our options ask for) one message for its head, each change, and its tail.
 *
 * The start of the commit record is not in it: `commitLsn` is the end of that record here, which names a transaction as well. TRUNCATE is not in it at all.
 *
 * In chunks, a change has the position that its message came with. As one message it has none of its own: the i-th of n changes gets the end of the commit record less n - i.
 * This keeps the order per key: each change takes at least one byte of WAL, and so does the commit, so that the i-th one begins below that position; changes of one transaction are
 * numbered upwards; and a later transaction writes to the same key only after this one's commit record, all of whose positions are lower than where it ends.
 * The numbers of a transaction depend on which of its tables are sent: one more reason for chunks.
 */
export class Wal2json1Decoder implements LogDecoder {
  readonly caveats: readonly LogCaveat[];
  readonly #changes: Change1Reader;
  readonly #reader = new JsonReader();
  /** The transaction whose chunks come in. */
  #chunks: { readonly transaction: LogTransaction; readonly endLsn: Lsn } | undefined;
  #whole: Whole | undefined;

  constructor(tables: Wal2jsonTables, caveats: readonly LogCaveat[]) {
    this.#changes = new Change1Reader(tables);
    this.caveats = caveats;
  }

  push(message: Buffer, start: number, end: number, lsn: Lsn, handler: LogHandler): DecodeState {
    if (this.#whole !== undefined) throw new Error('A transaction is not handled to its end yet.');
    const reader = this.#reader;
    reader.open(message, start, end);
    if (this.#chunks === undefined) return this.#head(reader, handler);
    if (reader.has(CLOSE)) {
      const { transaction, endLsn } = this.#chunks;
      reader.take(CLOSE_OBJECT);
      reader.atEnd();
      this.#chunks = undefined;
      handler.commit(transaction, endLsn);
      return 'done';
    }
    reader.has(COMMA);
    const from = reader.i;
    reader.skip();
    reader.atEnd();
    reader.i = from;
    const change = this.#changes.read(reader, lsn);
    if (change !== undefined) handler.change(change);
    return 'done';
  }

  more(handler: LogHandler): DecodeState {
    const whole = this.#whole;
    if (whole === undefined) return 'done';
    const reader = this.#reader;
    const { transaction, endLsn } = whole;
    for (const from = reader.i; reader.i - from < STEP_BYTES;) {
      if (reader.has(CLOSE)) {
        this.#whole = undefined;
        handler.commit(transaction, endLsn);
        return 'done';
      }
      reader.has(COMMA);
      const change = this.#changes.read(reader, (endLsn - BigInt(whole.left)) as Lsn);
      if (change === undefined) continue;
      whole.left -= 1;
      handler.change(change);
    }
    return 'more';
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  /** `{"xid":1,"nextlsn":"0/16B3748","timestamp":"...","change":[` and, if the message is the whole transaction, what follows. */
  #head(reader: JsonReader, handler: LogHandler): DecodeState {
    let places: HeadPlaces = {};
    reader.take(OPEN_OBJECT);
    for (;;) {
      const key = reader.string();
      reader.take(COLON);
      reader.peek();
      if (key === 'change') break;
      if (key === 'xid' || key === 'nextlsn' || key === 'timestamp') places = { ...places, [key]: reader.i };
      reader.skip();
      reader.take(COMMA);
    }
    reader.take(OPEN);
    const first = reader.i;
    const isChunk = reader.peek() === -1;
    const left = isChunk ? 0 : this.#count(reader);
    // A logical message outside of any transaction has an object of its own without a head.
    if (!isChunk && left === 0 && places.xid === undefined) return 'done';
    const endLsn = wal2jsonLsn(reader, places.nextlsn);
    if (endLsn === undefined) throw logUnreadable('wal2json', 'a transaction without its position (include-lsn)');
    const transaction = wal2jsonTransaction(reader, places, endLsn);
    handler.begin(transaction);
    if (isChunk) {
      this.#chunks = { transaction, endLsn };
      return 'done';
    }
    this.#whole = { transaction, endLsn, left };
    reader.i = first;
    return this.more(handler);
  }

  /** Goes over the changes to the end of the message; how many there are. */
  #count(reader: JsonReader): number {
    let count = 0;
    for (let isFirst = true; !reader.has(CLOSE); isFirst = false) {
      // Before 2.6 a logical message outside of a transaction may begin with the comma of the transaction before it.
      if (!reader.has(COMMA) && !isFirst) throw logUnreadable('wal2json', 'changes without a comma between them');
      if (this.#changes.isRow(reader)) count++;
    }
    reader.take(CLOSE_OBJECT);
    reader.atEnd();
    return count;
  }
}
