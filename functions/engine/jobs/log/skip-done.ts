import type { Lsn } from '../../model/lsn.ts';
import type { SlotBookmark } from './slot-bookmark.ts';

/**
 * Passes over the changes of a transaction that an earlier batch has. Inside a transaction changes come in the order of their positions; several rows of one COPY or
 * multi-row insert share one, so that they are counted. Only changes of selected streams count: which others the plugin sends may change between jobs.
 */
export class SkipDone {
  readonly #inside: SlotBookmark['inside'];
  #isActive = false;
  #isOver = false;
  #seen = 0;

  constructor(inside: SlotBookmark['inside']) {
    this.#inside = inside;
  }

  begin(commitLsn: Lsn): void {
    this.#isActive = this.#inside !== null && this.#inside.commitLsn === commitLsn;
    this.#seen = 0;
  }

  commit(commitLsn: Lsn): void {
    if (this.#inside !== null && commitLsn >= this.#inside.commitLsn) this.#isOver = true;
  }

  /** The place that a bookmark may name: until the transaction has come to its end, never one before what an earlier batch has of it. */
  atLeast(place: SlotBookmark['inside']): SlotBookmark['inside'] {
    const inside = this.#inside;
    if (inside === null || this.#isOver) return place;
    if (place === null) return inside;
    if (place.commitLsn !== inside.commitLsn) return place.commitLsn < inside.commitLsn ? inside : place;
    return place.lsn < inside.lsn || (place.lsn === inside.lsn && place.count < inside.count) ? inside : place;
  }

  /** Whether an earlier batch has this change. */
  isDone(lsn: Lsn): boolean {
    if (!this.#isActive || this.#inside === null) return false;
    if (lsn < this.#inside.lsn) return true;
    if (lsn > this.#inside.lsn) {
      this.#isActive = false;
      return false;
    }
    this.#seen += 1;
    if (this.#seen <= this.#inside.count) return true;
    this.#isActive = false;
    return false;
  }
}

/** Keeps the place inside the transaction that is being read, for a bookmark in its middle. */
export class PlaceInside {
  #commitLsn: Lsn | undefined;
  #lsn: Lsn = 0n as Lsn;
  #count = 0;

  begin(commitLsn: Lsn): void {
    this.#commitLsn = commitLsn;
    this.#lsn = 0n as Lsn;
    this.#count = 0;
  }

  /** After a change of a selected stream, done or new. */
  at(lsn: Lsn): void {
    if (lsn === this.#lsn) this.#count += 1;
    else {
      this.#lsn = lsn;
      this.#count = 1;
    }
  }

  end(): void {
    this.#commitLsn = undefined;
  }

  get bookmark(): SlotBookmark['inside'] {
    return this.#commitLsn === undefined ? null : { commitLsn: this.#commitLsn, lsn: this.#lsn, count: this.#count };
  }
}
