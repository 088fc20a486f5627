import { randomUUID } from 'node:crypto';
import { ReplicationError } from '../model/errors.ts';
import { bodyOf, damaged, isObject, parseItem, readAs, update } from './items.ts';
import type { Shelf } from './items.ts';
import { keys } from './keys.ts';
import type { Json, WorkList } from './ledger.ts';
import { Remembered } from './remembered.ts';
import { failpoint } from '../runtime/failpoints.ts';

/** Pages of units are at most so large. */
const PAGE_BYTES = 300_000;

/** Who does what. Units are numbered from 0; those below `next` were taken at least once. */
interface WorkItem {
  /** Tells the pages of this list from those of one that was never finished. */
  readonly generation: string;
  readonly total: number;
  readonly next: number;
  readonly returned: readonly number[];
  /** Units in work, by worker. */
  readonly held: Readonly<Record<string, readonly number[]>>;
  readonly done: number;
}

interface Page {
  readonly units: readonly Json[];
}

/** Saves the units of a job: first pages that never change, then the one small item that workers change. The first list that is saved stays. */
export async function saveWork(shelf: Shelf, job: string, units: readonly Json[]): Promise<void> {
  if ((await readAs(shelf, keys.work(job), isWork)) !== undefined) return;
  const generation = randomUUID().slice(0, 8);
  for (const page of cutPages(units)) {
    await shelf.store.put(shelf.integration, keys.page(job, generation, page.first), pageBody(page.units), 0);
  }
  const work: WorkItem = { generation, total: units.length, next: 0, returned: [], held: {}, done: 0 };
  await failpoint('work.save.before');
  await shelf.store.put(shelf.integration, keys.work(job), bodyOf(work, { what: 'the work of a job' }), 0);
  await failpoint('work.save.after');
}

/** The units of a job. Throws `job-unknown`. */
export async function openWork(shelf: Shelf, job: string): Promise<WorkList> {
  const now = await readAs(shelf, keys.work(job), isWork);
  if (now === undefined) throw new ReplicationError('job-unknown', { job, integration: shelf.integration });
  return new SharedWork(shelf, job, now.value);
}

class SharedWork implements WorkList {
  readonly #shelf: Shelf;
  readonly #job: string;
  readonly #generation: string;
  #total: number;
  /** What was taken through this object: the rest of what the store says a worker holds is from a life before. */
  readonly #taken = new Map<string, Set<number>>();
  readonly #pages = new Map<number, readonly Json[]>();
  readonly #remembered = new Remembered();

  constructor(shelf: Shelf, job: string, { generation, total }: WorkItem) {
    this.#shelf = shelf;
    this.#job = job;
    this.#generation = generation;
    this.#total = total;
  }

  get total(): number {
    return this.#total;
  }

  async take(worker: string, count: number): Promise<readonly { readonly index: number; readonly unit: Json }[]> {
    const taken = this.#taken.get(worker) ?? new Set<number>();
    await failpoint('work.take.before');
    const indexes = await this.#update((work) => {
      const held = work.held[worker] ?? [];
      const left = held.filter((index) => !taken.has(index));
      const again = left.slice(0, count);
      const returned = work.returned.slice(0, count - again.length);
      const freshCount = Math.min(count - again.length - returned.length, work.total - work.next);
      const fresh = Array.from({ length: freshCount }, (_, offset) => work.next + offset);
      const after: WorkItem = {
        ...work,
        next: work.next + freshCount,
        returned: work.returned.slice(returned.length),
        held: withHeld(work.held, worker, [...left, ...returned, ...fresh]),
        done: work.done + held.length - left.length,
      };
      return { write: after, result: [...again, ...returned, ...fresh] };
    });
    await failpoint('work.take.after');
    // Until the caller has the units, they count as not begun: should reading them fail, the next call gives them again.
    this.#taken.delete(worker);
    const units: { readonly index: number; readonly unit: Json }[] = [];
    // One after the other: the first unit of a page brings the page.
    for (const index of indexes) units.push({ index, unit: await this.#unit(index) });
    this.#taken.set(worker, new Set(indexes));
    return units;
  }

  async add(units: readonly Json[]): Promise<void> {
    await failpoint('work.add.before');
    for (const { units: page } of cutPages(units)) await this.#addPage(page);
    await failpoint('work.add.after');
  }

  async giveBack(worker: string, index: number): Promise<void> {
    await failpoint('work.give-back.before');
    await this.#update((work) => {
      const held = work.held[worker] ?? [];
      if (!held.includes(index)) return { keep: undefined };
      const left = held.filter((other) => other !== index);
      return {
        write: { ...work, held: withHeld(work.held, worker, left), returned: [...work.returned, index] },
        result: undefined,
      };
    });
    await failpoint('work.give-back.after');
    this.#taken.get(worker)?.delete(index);
  }

  async finish(worker: string): Promise<void> {
    const taken = this.#taken.get(worker) ?? new Set<number>();
    await failpoint('work.finish.before');
    await this.#update((work) => {
      const held = work.held[worker] ?? [];
      if (held.length === 0) return { keep: undefined };
      // What a life before this one left is not done: it is for others.
      const left = held.filter((index) => !taken.has(index));
      const after = {
        ...work,
        held: withHeld(work.held, worker, []),
        returned: [...work.returned, ...left],
        done: work.done + held.length - left.length,
      };
      return { write: after, result: undefined };
    });
    await failpoint('work.finish.after');
    this.#taken.delete(worker);
  }

  async drop(worker: string): Promise<void> {
    await this.#update((work) => {
      const { length } = work.held[worker] ?? [];
      if (length === 0) return { keep: undefined };
      return { write: { ...work, held: withHeld(work.held, worker, []), done: work.done + length }, result: undefined };
    });
    this.#taken.delete(worker);
  }

  async progress(): Promise<{ readonly open: number; readonly held: number; readonly done: number }> {
    const { total, next, returned, held, done } = await this.#read();
    this.#total = total;
    const inWork = Object.values(held).reduce((sum, indexes) => sum + indexes.length, 0);
    return { open: total - next + returned.length, held: inWork, done };
  }

  async heldUnits(): Promise<readonly Json[]> {
    const { held } = await this.#read();
    const units: Json[] = [];
    for (const index of Object.values(held).flat()) units.push(await this.#unit(index));
    return units;
  }

  /**
   * The page goes where the list ends; the list grows by it afterwards. A page that is already there belongs to somebody who is about to do that, or was killed before: it is
   * counted in his stead, so that nobody is stopped by him.
   */
  async #addPage(units: readonly Json[]): Promise<void> {
    for (;;) {
      const { total } = await this.#read();
      const body = pageBody(units);
      const written = await this.#shelf.store.put(this.#shelf.integration, this.#pageKey(total), body, 0);
      if (written.state === 'refused' && written.current === undefined) continue;
      // The same page: an earlier try of this worker, whose answer was lost.
      const isMine = written.state === 'written' || written.current?.body === body;
      const there =
        written.state === 'written' || written.current === undefined
          ? units
          : parseItem(this.#shelf, written.current, isPage).units;
      await failpoint('work.add.page');
      await this.#update((work) =>
        work.total === total ? { write: { ...work, total: total + there.length }, result: undefined } : { keep: undefined },
      );
      if (isMine) return;
    }
  }

  async #unit(index: number): Promise<Json> {
    for (const [first, units] of this.#pages) {
      const unit = index >= first ? units[index - first] : undefined;
      if (unit !== undefined) return unit;
    }
    // The page that holds a unit is the last one that begins at it or before.
    const after = this.#pageKey(index + 1);
    const prefix = keys.pagesOf(this.#job, this.#generation);
    for await (const item of this.#shelf.store.list(this.#shelf.integration, { prefix, after, descending: true, limit: 1 })) {
      const { units } = parseItem(this.#shelf, item, isPage);
      const first = Number(item.id.slice(prefix.length));
      this.#pages.set(first, units);
      const unit = units[index - first];
      if (unit !== undefined) return unit;
    }
    throw damaged(this.#shelf, this.#pageKey(index), 'a unit is missing');
  }

  async #read(): Promise<WorkItem> {
    const now = await readAs(this.#shelf, keys.work(this.#job), isWork);
    if (now === undefined) throw damaged(this.#shelf, keys.work(this.#job), 'it was removed while the job runs');
    return now.value;
  }

  async #update<R>(
    change: (work: WorkItem) => { readonly write: WorkItem; readonly result: R } | { readonly keep: R },
  ): Promise<R> {
    const id = keys.work(this.#job);
    return update(this.#shelf, id, {
      shape: isWork,
      what: 'the work of a job',
      remembered: this.#remembered,
      change: (work) => {
        if (work === undefined) throw damaged(this.#shelf, id, 'it was removed while the job runs');
        this.#total = work.total;
        return change(work);
      },
    });
  }

  #pageKey(first: number): string {
    return keys.page(this.#job, this.#generation, first);
  }
}

function withHeld(held: WorkItem['held'], worker: string, indexes: readonly number[]): WorkItem['held'] {
  const { [worker]: _, ...others } = held;
  return indexes.length === 0 ? others : { ...others, [worker]: indexes };
}

function* cutPages(units: readonly Json[]): Iterable<{ readonly first: number; readonly units: readonly Json[] }> {
  let first = 0;
  let bytes = 0;
  for (const [index, unit] of units.entries()) {
    const unitBytes = Buffer.byteLength(JSON.stringify(unit)) + 1;
    if (index > first && bytes + unitBytes > PAGE_BYTES) {
      yield { first, units: units.slice(first, index) };
      first = index;
      bytes = 0;
    }
    bytes += unitBytes;
  }
  if (first < units.length) yield { first, units: units.slice(first) };
}

function pageBody(units: readonly Json[]): string {
  return bodyOf({ units } satisfies Page, { what: 'a unit' });
}

function isWork(value: unknown): value is WorkItem {
  return (
    isObject(value) &&
    typeof value['generation'] === 'string' &&
    ['total', 'next', 'done'].every((name) => Number.isSafeInteger(value[name])) &&
    Array.isArray(value['returned']) &&
    isObject(value['held'])
  );
}

function isPage(value: unknown): value is Page {
  return isObject(value) && Array.isArray(value['units']);
}
