import type { Item, LedgerStore, ListQuery, Written } from '../../functions/engine/ledger/store.ts';

/** What happens to one write: it is never made, or it is made and its answer is lost. */
export type Fault = 'before' | 'after';

/** Thrown in place of an answer. */
export class InjectedFault extends Error {
  override readonly name = 'InjectedFault';
}

/**
 * A store whose n-th write (counted from 1) fails once, as if the process or the network had died there. `isDead`: everything after that fails as well, as for a process that is gone.
 * Other calls go through to `inner`, which belongs to the caller.
 */
export class FaultyStore implements LedgerStore {
  /** Writes that were asked for. */
  writes = 0;
  readonly #inner: LedgerStore;
  readonly #at: number;
  readonly #fault: Fault;
  readonly #isDead: boolean;
  #hasFailed = false;

  constructor(
    inner: LedgerStore,
    { at, fault, isDead = false }: { readonly at: number; readonly fault: Fault; readonly isDead?: boolean },
  ) {
    this.#inner = inner;
    this.#at = at;
    this.#fault = fault;
    this.#isDead = isDead;
  }

  get url(): string {
    return this.#inner.url;
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  check(signal: AbortSignal): Promise<void> {
    return this.#inner.check(signal);
  }

  async get(partition: string, id: string): Promise<Item | undefined> {
    this.#assertAlive();
    return this.#inner.get(partition, id);
  }

  async getMany(partition: string, ids: readonly string[]): Promise<ReadonlyMap<string, Item>> {
    this.#assertAlive();
    return this.#inner.getMany(partition, ids);
  }

  list(partition: string, query: ListQuery): AsyncIterable<Item> {
    this.#assertAlive();
    return this.#inner.list(partition, query);
  }

  put(partition: string, id: string, body: string, expected: number): Promise<Written> {
    return this.#write(() => this.#inner.put(partition, id, body, expected));
  }

  remove(partition: string, id: string, expected: number): Promise<Written['state']> {
    return this.#write(() => this.#inner.remove(partition, id, expected));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The inner store is the caller's.
  }

  async #write<T>(write: () => Promise<T>): Promise<T> {
    this.#assertAlive();
    this.writes += 1;
    if (this.writes !== this.#at) return write();
    this.#hasFailed = true;
    if (this.#fault === 'after') await write();
    throw new InjectedFault(`write ${this.#at}, ${this.#fault}`);
  }

  #assertAlive(): void {
    if (this.#isDead && this.#hasFailed) throw new InjectedFault('dead');
  }
}
