import { asUnexpected } from '../../model/errors.ts';
import type { LogChange, LogRelation, LogTransaction } from '../../model/log-change.ts';
import type { Lsn } from '../../model/lsn.ts';
import type { LogHandler } from '../../source/log.ts';
import { PlaceInside, SkipDone } from './skip-done.ts';
import type { SlotBookmark } from './slot-bookmark.ts';
import type { LogStream } from './log-stream.ts';

/** Encoders give up their blocks at this size. */
const BLOCK_BYTES = 256 * 1024;

/** What the log handler needs from the unit that reads it. */
export interface LogBatchPorts {
  /** The streams of a relation, in the current batch; none for relations that are not replicated, or that failed. */
  readonly streamsOf: (relation: LogRelation) => readonly LogStream[];
  readonly streams: () => Iterable<LogStream>;
  /** Writes a block of a stream to its objects. */
  readonly write: (stream: LogStream) => Promise<void>;
  /** Reads partial rows again by their keys and encodes them. */
  readonly complete: (stream: LogStream) => Promise<void>;
  /** Begins a new version of a stream from here on. */
  readonly truncate: (stream: LogStream, committedAt: string) => void;
  /** Commits everything up to a place; a fresh batch begins. */
  readonly settle: (place: Pick<SlotBookmark, 'lsn' | 'inside'>) => Promise<void>;
  /** Whether the batch is large or old enough to be committed at the next possible place. */
  readonly isFull: () => boolean;
}

/**
 * Takes the changes of a slot in commit order and spreads them over streams. A batch ends between transactions, or inside of one that is larger than a batch.
 * One stream that cannot be encoded fails alone: its changes are left out from there on, and it is copied anew.
 */
export class LogBatch implements LogHandler {
  readonly #ports: LogBatchPorts;
  readonly #skip: SkipDone;
  readonly #place = new PlaceInside();
  #lsn: Lsn;
  #transaction: LogTransaction | undefined;

  constructor(ports: LogBatchPorts, from: Pick<SlotBookmark, 'lsn' | 'inside'>) {
    this.#ports = ports;
    this.#lsn = from.lsn;
    this.#skip = new SkipDone(from.inside);
  }

  /** Where a bookmark may be put now. */
  get place(): Pick<SlotBookmark, 'lsn' | 'inside'> {
    return { lsn: this.#lsn, inside: this.#skip.atLeast(this.#place.bookmark) };
  }

  begin(transaction: LogTransaction): void {
    this.#transaction = transaction;
    this.#skip.begin(transaction.commitLsn);
    this.#place.begin(transaction.commitLsn);
  }

  change(change: LogChange): void {
    const streams = this.#ports.streamsOf(change.relation);
    if (streams.length === 0) return;
    this.#place.at(change.lsn);
    if (this.#skip.isDone(change.lsn)) return;
    for (const stream of streams) {
      if (stream.failure !== undefined) continue;
      try {
        stream.change(change, this.#transaction?.committedAt ?? '');
      } catch (error) {
        stream.failure = asUnexpected(error);
      }
    }
  }

  truncate(relations: readonly LogRelation[], lsn: Lsn): void {
    const streams = new Set(relations.flatMap((relation) => this.#ports.streamsOf(relation)));
    if (streams.size === 0) return;
    this.#place.at(lsn);
    if (this.#skip.isDone(lsn)) return;
    for (const stream of streams) {
      if (stream.failure === undefined) this.#ports.truncate(stream, this.#transaction?.committedAt ?? '');
    }
  }

  commit(transaction: LogTransaction, endLsn: Lsn): void {
    this.#lsn = endLsn;
    this.#skip.commit(transaction.commitLsn);
    this.#transaction = undefined;
    this.#place.end();
  }

  async checkpoint(lsn: Lsn): Promise<void> {
    this.reached(lsn);
    await this.drained();
    await this.#ports.settle(this.place);
  }

  /** The end of the log that was asked for: everything before it was seen. */
  reached(lsn: Lsn): void {
    if (lsn > this.#lsn && this.#transaction === undefined) this.#lsn = lsn;
  }

  drained(): Promise<void> | undefined {
    let isDue = this.#ports.isFull();
    for (const { partials, encoder } of this.#ports.streams())
      isDue ||= partials.length > 0 || encoder.pendingBytes >= BLOCK_BYTES;
    return isDue ? this.#drain() : undefined;
  }

  async #drain(): Promise<void> {
    for (const stream of this.#ports.streams()) {
      if (stream.partials.length > 0) await this.#ports.complete(stream);
      if (stream.encoder.pendingBytes >= BLOCK_BYTES) await this.#ports.write(stream);
    }
    if (this.#ports.isFull()) await this.#ports.settle(this.place);
  }
}
