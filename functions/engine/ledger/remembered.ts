import type { Item } from './store.ts';

/** Characters of all bodies together: what was seen longest ago is forgotten first. */
const MOST_CHARACTERS = 4 * 1024 * 1024;

/**
 * Items as this process saw them last. A change begins with what is remembered: if nobody else wrote since, the write needs no read before it. It is never more than a guess: a write that is
 * based on an old one is refused, and what would end without a write is decided anew by what is there.
 */
export class Remembered {
  readonly #items = new Map<string, Item>();
  #characters = 0;

  get(id: string): Item | undefined {
    return this.#items.get(id);
  }

  note(item: Item): void {
    this.#forget(item.id);
    this.#items.set(item.id, item);
    this.#characters += item.body.length;
    for (const id of this.#items.keys()) {
      if (this.#characters <= MOST_CHARACTERS) return;
      this.#forget(id);
    }
  }

  #forget(id: string): void {
    this.#characters -= this.#items.get(id)?.body.length ?? 0;
    this.#items.delete(id);
  }
}
