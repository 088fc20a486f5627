import type { LogChange, LogRelation, LogTransaction } from '../../../model/log-change.ts';
import type { Lsn } from '../../../model/lsn.ts';
import type { LogHandler } from '../../log.ts';

/**
 * Stands between a decoder and the handler: lets through the transactions whose commit record begins in `[from, to)`, whole, and remembers how far they went. The same
 * bounds for every style and plugin, so that what one job takes and the next one begins with fit together.
 */
export class CommitWatch implements LogHandler {
  readonly #inner: LogHandler;
  readonly #to: Lsn;
  #from: Lsn;
  #state: 'between' | 'inside' | 'skipping' = 'between';
  #hasChanges = false;

  constructor(inner: LogHandler, bounds: { readonly from: Lsn; readonly to: Lsn }) {
    this.#inner = inner;
    this.#from = bounds.from;
    this.#to = bounds.to;
    this.lastEnd = bounds.from;
    this.lastChangedEnd = bounds.from;
  }

  /** Where a reader resumes after the last transaction that was let through; `from` before the first. */
  lastEnd: Lsn;
  /** The same for the last one that had changes. */
  lastChangedEnd: Lsn;
  /** A transaction beyond `to` came: everything before it was seen. */
  hasPassed = false;

  /** Whether a transaction was begun and not committed: ending here means to end inside of it. */
  get isInside(): boolean {
    return this.#state === 'inside';
  }

  /** The decoder begins anew: what was let through already comes again, and is skipped. Only between transactions. */
  restart(): Lsn {
    this.#from = this.lastEnd;
    this.#state = 'between';
    return this.#from;
  }

  begin(transaction: LogTransaction): void {
    if (transaction.commitLsn >= this.#to) this.hasPassed = true;
    this.#state = this.hasPassed || transaction.commitLsn < this.#from ? 'skipping' : 'inside';
    this.#hasChanges = false;
    if (this.#state === 'inside') this.#inner.begin(transaction);
  }

  change(change: LogChange): void {
    if (this.#state !== 'inside') return;
    this.#hasChanges = true;
    this.#inner.change(change);
  }

  truncate(relations: readonly LogRelation[], lsn: Lsn): void {
    if (this.#state !== 'inside') return;
    this.#hasChanges = true;
    this.#inner.truncate(relations, lsn);
  }

  commit(transaction: LogTransaction, endLsn: Lsn): void {
    const isOurs = this.#state === 'inside';
    this.#state = 'between';
    if (!isOurs) return;
    this.lastEnd = endLsn;
    if (this.#hasChanges) this.lastChangedEnd = endLsn;
    this.#inner.commit(transaction, endLsn);
  }

  drained(): Promise<void> | undefined {
    return this.#inner.drained();
  }

  checkpoint(lsn: Lsn): Promise<void> {
    return this.#inner.checkpoint(lsn);
  }
}
