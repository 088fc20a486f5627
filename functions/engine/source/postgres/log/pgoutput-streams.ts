import type { Lsn } from '../../../model/lsn.ts';
import { logUnreadable } from './log-unreadable.ts';
import { atEnd, byte, uint32 } from './pgoutput-bytes.ts';
import { MESSAGE } from './pgoutput-messages.ts';
import { Spool, SpoolSpace } from './pgoutput-spool.ts';

interface Streamed {
  readonly spool: Spool;
  /** Where the first message of each sub-transaction is. */
  readonly firstOf: Map<number, number>;
}

/**
 * Transactions that the server sends while they are not committed yet (protocol version 2): kept until their commit or abort.
 * An aborted sub-transaction takes with it everything after its first message. That is its own and that of sub-transactions inside of it: until it ends, nothing else writes.
 * The server then describes relations anew, so that descriptions among what is dropped are not missed.
 */
export class StreamedTransactions {
  readonly #space: SpoolSpace;
  readonly #all = new Map<number, Streamed>();
  #open: { readonly xid: number; readonly streamed: Streamed } | undefined;

  constructor(limits: { readonly spoolMemoryBytes: number; readonly spoolBytes: number }) {
    this.#space = new SpoolSpace(limits);
  }

  /** Whether what comes now is part of a streamed transaction. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** Stream Start, without its type. */
  start(bytes: Buffer, start: number, end: number): void {
    const xid = uint32(bytes, start, end);
    const isFirst = byte(bytes, start + 4, end) === 1;
    atEnd(start + 5, end);
    const known = this.#all.get(xid);
    if (isFirst !== (known === undefined))
      throw logUnreadable('pgoutput', 'a streamed transaction that begins twice, or not at all');
    const streamed = known ?? { spool: new Spool(this.#space), firstOf: new Map<number, number>() };
    this.#all.set(xid, streamed);
    this.#open = { xid, streamed };
  }

  /** Any message between Stream Start and Stream Stop. */
  take(bytes: Buffer, start: number, end: number, lsn: Lsn): void {
    if (this.#open === undefined) return;
    const { xid, streamed } = this.#open;
    const type = byte(bytes, start, end);
    switch (type) {
      case MESSAGE.streamStop:
        atEnd(start + 1, end);
        this.#open = undefined;
        return;
      case MESSAGE.relation:
      case MESSAGE.insert:
      case MESSAGE.update:
      case MESSAGE.delete:
      case MESSAGE.truncate: {
        const part = uint32(bytes, start + 1, end);
        if (part !== xid && !streamed.firstOf.has(part)) streamed.firstOf.set(part, streamed.spool.size);
        streamed.spool.append(type, bytes, start + 5, end, lsn);
        return;
      }
      case MESSAGE.type:
      case MESSAGE.origin:
      case MESSAGE.message:
        return;
      default:
        throw logUnreadable('pgoutput', 'a message that cannot be part of a stream');
    }
  }

  /** Stream Abort, without its type. */
  abort(bytes: Buffer, start: number, end: number): void {
    const xid = uint32(bytes, start, end);
    const part = uint32(bytes, start + 4, end);
    atEnd(start + 8, end);
    const streamed = this.#all.get(xid);
    if (streamed === undefined) return;
    if (part === xid) {
      streamed.spool.close();
      this.#all.delete(xid);
      return;
    }
    const size = streamed.firstOf.get(part);
    // Nothing of it was streamed.
    if (size === undefined) return;
    streamed.spool.truncate(size);
    for (const [other, first] of streamed.firstOf) if (first >= size) streamed.firstOf.delete(other);
  }

  /** The messages of a transaction that is committed now. Whoever takes them closes them. */
  commit(xid: number): Spool {
    const streamed = this.#all.get(xid);
    if (streamed === undefined) throw logUnreadable('pgoutput', 'the commit of a streamed transaction that did not begin');
    this.#all.delete(xid);
    return streamed.spool;
  }

  close(): void {
    this.#space.close();
    this.#all.clear();
    this.#open = undefined;
  }
}
