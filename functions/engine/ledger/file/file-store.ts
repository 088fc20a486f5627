import { link, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ReplicationError } from '../../model/errors.ts';
import type { Item, LedgerStore, ListQuery, Written } from '../store.ts';
import { asLedgerError, errno, Scratch } from './durable.ts';
import { clearItem, createItem, DamagedItem, endItem, readItem, writeNext } from './item-folder.ts';
import type { Place } from './item-folder.ts';
import { encodeName, idOf, isItemName, pathOf } from './path-names.ts';

interface FileStoreOptions {
  /** Made with its parents at the first write. */
  readonly folder: string;
  /** As configured, for messages. */
  readonly url: string;
}

/**
 * Opens a folder as a ledger store, for any number of processes on machines that see the same file system. It needs hard links, and nothing else of it than that `link(2)` and
 * `rename(2)` are atomic. A process may be killed at any instruction: every write that was acknowledged stays, and no lock is left behind, for there is none.
 */
export function openFileStore(options: FileStoreOptions): LedgerStore {
  return new FolderStore(options);
}

/** Items read at once by a listing. */
const READ_AHEAD = 32;
/** Places remembered: each spares a writer three reads. */
const MOST_PLACES = 20_000;

class FolderStore implements LedgerStore {
  readonly url: string;
  readonly #folder: string;
  readonly #scratch: Scratch;
  readonly #places = new Map<string, Place & { readonly revision: number }>();

  constructor({ folder, url }: FileStoreOptions) {
    this.url = url;
    this.#folder = folder;
    this.#scratch = new Scratch(folder);
  }

  async check(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#guard('check', async () => {
      const made = await this.#scratch.path();
      const linked = await this.#scratch.path();
      try {
        await writeFile(made, '');
        await link(made, linked);
      } finally {
        await rm(made, { force: true });
        await rm(linked, { force: true });
      }
    });
  }

  async get(partition: string, id: string): Promise<Item | undefined> {
    return this.#guard('get', () => this.#read(partition, id), { partition, id });
  }

  async getMany(partition: string, ids: readonly string[]): Promise<ReadonlyMap<string, Item>> {
    const items = new Map<string, Item>();
    for await (const { id, item } of this.#readAll(partition, [...new Set(ids)])) if (item !== undefined) items.set(id, item);
    return items;
  }

  async *list(
    partition: string,
    { prefix, after, descending = false, limit = Number.POSITIVE_INFINITY }: ListQuery,
  ): AsyncIterable<Item> {
    if (limit <= 0) return;
    const ids = await this.#guard('list', () => this.#ids(join(this.#folder, encodeName(partition)), [], prefix));
    const order = descending ? -1 : 1;
    const sorted = ids
      .map((id) => ({ id, bytes: Buffer.from(id) }))
      .sort((a, b) => order * Buffer.compare(a.bytes, b.bytes))
      .map(({ id }) => id);
    const start = after === undefined ? 0 : firstBeyond(sorted, { after, order });
    let left = limit;
    for await (const { id, item } of this.#readAll(partition, sorted.slice(start), limit)) {
      if (item === undefined) {
        // A folder without an item: whoever removed it was killed before the end of it.
        await this.#guard('list', () => clearItem(this.#path(partition, id), this.#scratch), { partition, id });
        continue;
      }
      yield item;
      left -= 1;
      if (left === 0) return;
    }
  }

  async put(partition: string, id: string, body: string, expected: number): Promise<Written> {
    return this.#guard(
      'put',
      () => (expected === 0 ? this.#create(partition, id, body) : this.#replace(partition, id, { body, expected })),
      { partition, id },
    );
  }

  async remove(partition: string, id: string, expected: number): Promise<Written['state']> {
    return this.#guard(
      'remove',
      async () => {
        for (;;) {
          const place = await this.#placeOf(partition, id, expected);
          if (place === undefined) return 'refused';
          this.#places.delete(this.#path(partition, id));
          if (await endItem(this.#path(partition, id), { place, revision: expected }, this.#scratch)) return 'written';
        }
      },
      { partition, id },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#places.clear();
    await this.#scratch.sweep();
  }

  async #create(partition: string, id: string, body: string): Promise<Written> {
    const path = this.#path(partition, id);
    const made = await createItem(path, body, this.#scratch);
    if (made === undefined) return { state: 'refused', current: await this.#read(partition, id) };
    this.#remember(path, { ...made.place, revision: made.revision });
    return { state: 'written', item: { id, revision: made.revision, body } };
  }

  async #replace(
    partition: string,
    id: string,
    { body, expected }: { readonly body: string; readonly expected: number },
  ): Promise<Written> {
    const path = this.#path(partition, id);
    for (;;) {
      const place = await this.#placeOf(partition, id, expected);
      if (place === undefined) {
        const current = await this.#read(partition, id);
        // Between the two looks nobody can have gone back to what was expected.
        return { state: 'refused', current };
      }
      this.#places.delete(path);
      const next = await writeNext(path, { place, revision: expected, body }, this.#scratch);
      if (next === undefined) continue;
      const revision = expected + 1;
      this.#remember(path, { ...next, revision });
      return { state: 'written', item: { id, revision, body } };
    }
  }

  /** Where the revision after `expected` goes, if that is the last one as far as is known. */
  async #placeOf(partition: string, id: string, expected: number): Promise<Place | undefined> {
    const known = this.#places.get(this.#path(partition, id));
    if (known?.revision === expected) return known;
    const current = await readItem(this.#path(partition, id));
    return current.state === 'present' && current.revision === expected ? current : undefined;
  }

  async #read(partition: string, id: string): Promise<Item | undefined> {
    const path = this.#path(partition, id);
    const current = await readItem(path);
    if (current.state !== 'present') return undefined;
    const { generation, files, revision, body } = current;
    this.#remember(path, { generation, files, revision });
    return { id, revision, body };
  }

  async *#readAll(
    partition: string,
    ids: readonly string[],
    limit = Number.POSITIVE_INFINITY,
  ): AsyncIterable<{ readonly id: string; readonly item: Item | undefined }> {
    const window = Math.min(READ_AHEAD, limit);
    for (let start = 0; start < ids.length; start += window) {
      yield* await Promise.all(ids.slice(start, start + window).map(async (id) => ({ id, item: await this.get(partition, id) })));
    }
  }

  /** Ids below a folder that begin with a prefix, unordered. Folders whose ids cannot are not read. */
  async #ids(folder: string, path: readonly string[], prefix: string): Promise<readonly string[]> {
    const names = await readdir(folder).catch((error: unknown) => {
      if (errno(error) === 'ENOENT') return [];
      throw error;
    });
    const ids: string[] = [];
    for (const name of names) {
      const id = idOf([...path, name]);
      if (isItemName(name)) {
        if (id.startsWith(prefix)) ids.push(id);
      } else if (id.startsWith(prefix) || prefix.startsWith(id)) {
        for (const found of await this.#ids(join(folder, name), [...path, name], prefix)) ids.push(found);
      }
    }
    return ids;
  }

  #path(partition: string, id: string): string {
    return join(this.#folder, encodeName(partition), ...pathOf(id));
  }

  #remember(path: string, place: Place & { readonly revision: number }): void {
    if (this.#places.size >= MOST_PLACES) this.#places.clear();
    this.#places.set(path, { generation: place.generation, files: place.files, revision: place.revision });
  }

  async #guard<T>(
    operation: string,
    act: () => Promise<T>,
    of?: { readonly partition: string; readonly id: string },
  ): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (error instanceof DamagedItem && of !== undefined) {
        const details = { item: of.id, url: this.url, reason: error.message, integration: of.partition };
        throw new ReplicationError('ledger-damaged', details, { cause: error });
      }
      throw asLedgerError(error, { url: this.url, operation });
    }
  }
}

/** The index of the first id beyond `after`, in ids that are sorted in that direction. */
function firstBeyond(ids: readonly string[], { after, order }: { readonly after: string; readonly order: number }): number {
  const bytes = Buffer.from(after);
  const index = ids.findIndex((id) => order * Buffer.compare(Buffer.from(id), bytes) > 0);
  return index < 0 ? ids.length : index;
}
