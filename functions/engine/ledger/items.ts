import { ReplicationError } from '../model/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Remembered } from './remembered.ts';
import type { Item, LedgerStore } from './store.ts';
import { MAX_BODY_BYTES } from './store.ts';

/** One integration's part of a store, and what everything in the ledger needs. */
export interface Shelf {
  readonly store: LedgerStore;
  readonly integration: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Whether parsed JSON is what an item of a kind must be. Only what the ledger itself relies on is looked at. */
export type Shape<T> = (value: unknown) => value is T;

/** A change of an item, decided from what is there: a new value, or that nothing is to be written. */
export type Change<T, R> = (now: T | undefined) => { readonly write: T; readonly result: R } | { readonly keep: R };

/** Reads one item. Throws `ledger-damaged` if it is not what its kind must be. */
export async function readAs<T>(
  shelf: Shelf,
  id: string,
  shape: Shape<T>,
): Promise<{ readonly revision: number; readonly value: T } | undefined> {
  const item = await shelf.store.get(shelf.integration, id);
  return item === undefined ? undefined : { revision: item.revision, value: parseItem(shelf, item, shape) };
}

/** The value in an item. Throws `ledger-damaged`. */
export function parseItem<T>(shelf: Shelf, item: Item, shape: Shape<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(item.body);
  } catch (cause) {
    throw damaged(shelf, item.id, 'not JSON', cause);
  }
  if (!shape(value)) throw damaged(shelf, item.id, 'not of the form that is expected there');
  return value;
}

/** `ledger-damaged` for an item. */
export function damaged(shelf: Shelf, item: string, reason: string, cause?: unknown): ReplicationError<'ledger-damaged'> {
  const details = { item, url: shelf.store.url, reason, integration: shelf.integration };
  return new ReplicationError('ledger-damaged', details, { cause });
}

/** A value as the body of an item. Throws if it is too large to be kept: splitting is for whoever made it. */
export function bodyOf(
  value: unknown,
  { what, maxBytes = MAX_BODY_BYTES }: { readonly what: string; readonly maxBytes?: number },
): string {
  const body = JSON.stringify(value);
  const bytes = Buffer.byteLength(body);
  if (bytes > maxBytes)
    throw new ReplicationError('unexpected', {
      what: `${what} has ${bytes} bytes of JSON, more than the ${maxBytes} that the state store takes in one item`,
    });
  return body;
}

/** Conflicts after which a write gives up. Each conflict is somebody else's success, so this many mean that something writes without end. */
const MOST_CONFLICTS = 500;

/** Applies a change to an item by compare-and-set, again whenever somebody else wrote first. `change` may be called any number of times. */
export async function update<T, R>(
  shelf: Shelf,
  id: string,
  of: { readonly shape: Shape<T>; readonly what: string; readonly change: Change<T, R>; readonly remembered?: Remembered },
): Promise<R> {
  const guess = of.remembered?.get(id);
  const guessed = guess === undefined ? undefined : decideByGuess(shelf, guess, of);
  let item: Item | undefined;
  if (guessed === undefined) item = await shelf.store.get(shelf.integration, id);
  else {
    const written = await shelf.store.put(shelf.integration, id, guessed.body, guessed.revision);
    if (written.state === 'written') {
      of.remembered?.note(written.item);
      return guessed.result;
    }
    item = written.current;
  }
  for (let conflicts = 0; conflicts < MOST_CONFLICTS; conflicts += 1) {
    const decided = of.change(item === undefined ? undefined : parseItem(shelf, item, of.shape));
    if ('keep' in decided) return decided.keep;
    const body = bodyOf(decided.write, of);
    if (body === item?.body) return decided.result;
    const written = await shelf.store.put(shelf.integration, id, body, item?.revision ?? 0);
    if (written.state === 'written') {
      of.remembered?.note(written.item);
      return decided.result;
    }
    await pause(shelf, conflicts);
    // What the refusal brought may be outdated after the pause.
    item = conflicts < 2 ? written.current : await shelf.store.get(shelf.integration, id);
  }
  throw new ReplicationError('ledger-failed', {
    url: shelf.store.url,
    operation: `writing ${of.what}`,
    reason: `${MOST_CONFLICTS} conflicts`,
  });
}

/** The write that a change asks for if the item still is as remembered; undefined where it asks for none, which only the item itself can tell. */
function decideByGuess<T, R>(
  shelf: Shelf,
  guess: Item,
  { shape, what, change }: { readonly shape: Shape<T>; readonly what: string; readonly change: Change<T, R> },
): { readonly body: string; readonly revision: number; readonly result: R } | undefined {
  const decided = change(parseItem(shelf, guess, shape));
  if ('keep' in decided) return undefined;
  const body = bodyOf(decided.write, { what });
  return body === guess.body ? undefined : { body, revision: guess.revision, result: decided.result };
}

/** Removes an item whatever it holds, again whenever somebody else wrote first. */
export async function removeAlways(shelf: Shelf, item: Item): Promise<void> {
  let now: Item | undefined = item;
  for (let conflicts = 0; now !== undefined && conflicts < MOST_CONFLICTS; conflicts += 1) {
    if ((await shelf.store.remove(shelf.integration, item.id, now.revision)) === 'written') return;
    now = await shelf.store.get(shelf.integration, item.id);
  }
}

/** The first conflicts are tried again at once; then contenders spread out. */
async function pause(shelf: Shelf, conflicts: number): Promise<void> {
  if (conflicts < 2) return;
  await shelf.clock.sleep(Math.random() * Math.min(5 * 2 ** conflicts, 250));
}

/** Whether a value is an object, and of which names one may ask. */
export function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
