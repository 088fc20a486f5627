import type { LogRelation, LogTransaction } from '../../../model/log-change.ts';
import type { Lsn } from '../../../model/lsn.ts';
import type { LogHandler } from '../../log.ts';
import { commitTime } from './commit-time.ts';
import { STEP_BYTES } from './decoder.ts';
import type { DecodeState, LogDecoder } from './decoder.ts';
import { logUnreadable } from './log-unreadable.ts';
import { atEnd, byte, int64, lsnAt, uint32 } from './pgoutput-bytes.ts';
import { MESSAGE, TWO_PHASE_MESSAGES } from './pgoutput-messages.ts';
import { PgoutputRelations } from './pgoutput-relations.ts';
import type { Spool, SpoolReader } from './pgoutput-spool.ts';
import { StreamedTransactions } from './pgoutput-streams.ts';
import { keepKeysOnly, readTuple } from './pgoutput-tuple.ts';
import { ChangeBuffer, TupleBuffer } from './tuple.ts';

const NEW_TUPLE = 0x4e; // N
const KEY_TUPLE = 0x4b; // K
const OLD_TUPLE = 0x4f; // O

interface Replay {
  readonly transaction: LogTransaction;
  readonly endLsn: Lsn;
  readonly spool: Spool;
  readonly reader: SpoolReader;
}

/**
 * pgoutput's messages, protocol versions 1 and 2 with streaming, values as text. A change has the position that its message came with: streamed ones keep it.
 * Two-phase slots are refused: what they send at PREPARE is never sent again, so it would have to be kept across jobs.
 */
export class PgoutputDecoder implements LogDecoder {
  readonly caveats = [] as const;
  readonly #relations = new PgoutputRelations();
  readonly #streams: StreamedTransactions;
  readonly #row = new TupleBuffer();
  readonly #old = new TupleBuffer();
  readonly #change = new ChangeBuffer(this.#row);
  #transaction: LogTransaction | undefined;
  #replay: Replay | undefined;

  constructor(limits: { readonly spoolMemoryBytes: number; readonly spoolBytes: number }) {
    this.#streams = new StreamedTransactions(limits);
  }

  push(message: Buffer, start: number, end: number, lsn: Lsn, handler: LogHandler): DecodeState {
    if (this.#replay !== undefined) throw new Error('A streamed transaction is not handled to its end yet.');
    if (this.#streams.isOpen) {
      this.#streams.take(message, start, end, lsn);
      return 'done';
    }
    const type = byte(message, start, end);
    switch (type) {
      case MESSAGE.insert:
      case MESSAGE.update:
      case MESSAGE.delete:
      case MESSAGE.truncate:
        if (this.#transaction === undefined) throw logUnreadable('pgoutput', 'a change outside of a transaction');
        this.#take(type, message, start + 1, end, lsn, handler);
        return 'done';
      case MESSAGE.relation:
        this.#relations.describe(message, start + 1, end);
        return 'done';
      case MESSAGE.begin:
        this.#begin(message, start + 1, end, handler);
        return 'done';
      case MESSAGE.commit:
        this.#commit(message, start + 1, end, handler);
        return 'done';
      case MESSAGE.type:
      case MESSAGE.origin:
      case MESSAGE.message:
        return 'done';
      case MESSAGE.streamStart:
        this.#outside();
        this.#streams.start(message, start + 1, end);
        return 'done';
      case MESSAGE.streamAbort:
        this.#outside();
        this.#streams.abort(message, start + 1, end);
        return 'done';
      case MESSAGE.streamCommit:
        this.#outside();
        return this.#streamCommit(message, start + 1, end, handler);
      default:
        throw logUnreadable(
          'pgoutput',
          TWO_PHASE_MESSAGES.has(type) ? 'a prepared transaction, of a two-phase slot' : 'a message of unknown type',
        );
    }
  }

  more(handler: LogHandler): DecodeState {
    const replay = this.#replay;
    if (replay === undefined) return 'done';
    const { reader } = replay;
    for (let bytes = 0; bytes < STEP_BYTES; bytes += reader.end - reader.start) {
      if (!reader.next()) {
        this.#replay = undefined;
        replay.spool.close();
        handler.commit(replay.transaction, replay.endLsn);
        return 'done';
      }
      const type = reader.bytes[reader.start] ?? 0;
      if (type === MESSAGE.relation) this.#relations.describe(reader.bytes, reader.start + 1, reader.end);
      else this.#take(type, reader.bytes, reader.start + 1, reader.end, reader.lsn, handler);
    }
    return 'more';
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#replay?.spool.close();
    this.#streams.close();
    return Promise.resolve();
  }

  #outside(): void {
    if (this.#transaction !== undefined) throw logUnreadable('pgoutput', 'a transaction inside of another');
  }

  #begin(bytes: Buffer, i: number, end: number, handler: LogHandler): void {
    this.#outside();
    const commitLsn = lsnAt(bytes, i, end);
    const committedAt = timeAt(bytes, i + 8, end);
    const xid = uint32(bytes, i + 16, end);
    atEnd(i + 20, end);
    this.#transaction = { xid: xid.toString(), commitLsn, committedAt };
    handler.begin(this.#transaction);
  }

  #commit(bytes: Buffer, i: number, end: number, handler: LogHandler): void {
    const transaction = this.#transaction;
    // One byte of flags, none of which is in use.
    if (transaction?.commitLsn !== lsnAt(bytes, i + 1, end)) throw logUnreadable('pgoutput', 'the commit of another transaction');
    const endLsn = lsnAt(bytes, i + 9, end);
    atEnd(i + 25, end);
    this.#transaction = undefined;
    handler.commit(transaction, endLsn);
  }

  #streamCommit(bytes: Buffer, i: number, end: number, handler: LogHandler): DecodeState {
    const xid = uint32(bytes, i, end);
    const commitLsn = lsnAt(bytes, i + 5, end);
    const endLsn = lsnAt(bytes, i + 13, end);
    const committedAt = timeAt(bytes, i + 21, end);
    atEnd(i + 29, end);
    const spool = this.#streams.commit(xid);
    const transaction = { xid: xid.toString(), commitLsn, committedAt };
    this.#replay = { transaction, endLsn, spool, reader: spool.read() };
    handler.begin(transaction);
    return this.more(handler);
  }

  /** A message of a committed transaction, without its type. */
  #take(type: number, bytes: Buffer, start: number, end: number, lsn: Lsn, handler: LogHandler): void {
    if (type === MESSAGE.truncate) {
      this.#truncate(bytes, start, end, lsn, handler);
      return;
    }
    const change = this.#change;
    const relation = this.#relations.get(uint32(bytes, start, end));
    change.relation = relation;
    change.lsn = lsn;
    change.old = undefined;
    let i = start + 4;
    let kind = byte(bytes, i++, end);
    if (type !== MESSAGE.insert && (kind === KEY_TUPLE || kind === OLD_TUPLE)) {
      i = readTuple(bytes, i, end, relation, this.#old);
      if (kind === KEY_TUPLE) keepKeysOnly(relation, this.#old);
      change.old = this.#old;
      if (type === MESSAGE.update) kind = byte(bytes, i++, end);
    } else if (type === MESSAGE.delete) throw logUnreadable('pgoutput', 'a delete without an old row');
    if (type === MESSAGE.delete) {
      change.kind = 'delete';
      this.#row.open(relation.columns.length, bytes);
    } else {
      change.kind = type === MESSAGE.insert ? 'insert' : 'update';
      if (kind !== NEW_TUPLE) throw logUnreadable('pgoutput', 'a change without a new row');
      i = readTuple(bytes, i, end, relation, this.#row);
    }
    atEnd(i, end);
    handler.change(change);
  }

  #truncate(bytes: Buffer, start: number, end: number, lsn: Lsn, handler: LogHandler): void {
    const count = uint32(bytes, start, end);
    // A byte of options: CASCADE and RESTART IDENTITY make no difference, all tables are listed.
    const first = start + 5;
    if (first + count * 4 !== end) throw logUnreadable('pgoutput', 'a TRUNCATE that does not fit its length');
    const relations: LogRelation[] = [];
    for (let i = first; i < end; i += 4) relations.push(this.#relations.get(uint32(bytes, i, end)));
    handler.truncate(relations, lsn);
  }
}

function timeAt(bytes: Buffer, i: number, end: number): string {
  const time = commitTime(int64(bytes, i, end));
  if (time === undefined) throw logUnreadable('pgoutput', 'a time of commit that is none');
  return time;
}
