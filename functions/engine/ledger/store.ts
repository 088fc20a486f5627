import { randomInt } from 'node:crypto';

/**
 * One item. `revision` grows by one with every write. A new item begins with a number that no earlier item of the same id has had, so an expectation from before a
 * removal never matches what came after it.
 */
export interface Item {
  readonly id: string;
  readonly revision: number;
  /** Text, JSON as a rule. At most {@link MAX_BODY_BYTES} of UTF-8. */
  readonly body: string;
}

/** What a conditional write came to. On refusal the item as it is now (undefined: there is none), so the loser learns who won in the same call. */
export type Written =
  { readonly state: 'written'; readonly item: Item } | { readonly state: 'refused'; readonly current: Item | undefined };

/** Which items, and from where. */
export interface ListQuery {
  readonly prefix: string;
  /** Exclusive, in the direction of travel. */
  readonly after?: string;
  /** @default false */
  readonly descending?: boolean;
  /** @default none */
  readonly limit?: number;
}

/**
 * Items in partitions (one partition per integration), each changed by compare-and-set on its revision. Everything in the ledger is built on this one verb,
 * so DynamoDB needs only single-item conditional writes, and a folder needs only `link(2)` and `rename(2)`. Reads are strongly consistent. Durable when a promise resolves.
 * A write that throws may or may not have happened. Ids are not empty; at most 1,000 bytes.
 */
export interface LedgerStore extends AsyncDisposable {
  readonly url: string;
  /** Proves that the store is there and may be read and written, without leaving anything behind. Throws `ledger-missing`, `ledger-forbidden`. */
  check(signal: AbortSignal): Promise<void>;
  get(partition: string, id: string): Promise<Item | undefined>;
  getMany(partition: string, ids: readonly string[]): Promise<ReadonlyMap<string, Item>>;
  /** Items whose id begins with `prefix`, by ascending id (UTF-8 bytes), or descending. Not a snapshot: each item is as it was when its turn came. */
  list(partition: string, query: ListQuery): AsyncIterable<Item>;
  /** Writes if the item's revision is `expected` (0: it must not exist). */
  put(partition: string, id: string, body: string, expected: number): Promise<Written>;
  /** Removes if the revision is `expected`. */
  remove(partition: string, id: string, expected: number): Promise<Written['state']>;
}

/** DynamoDB takes items of 400 KB with their keys; the rest is room for those. */
export const MAX_BODY_BYTES = 350_000;

/** The revision of an item that is made now: microseconds since 1970 with a random end, so that making, removing and making an item again does not repeat one. Below 2^53 until 2255. */
export function firstRevision(): number {
  return Date.now() * 1000 + randomInt(1000);
}
