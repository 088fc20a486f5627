import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { firstRevision } from '../store.ts';
import { errno, makeFolder, syncFolder, writeDurably } from './durable.ts';
import type { Scratch } from './durable.ts';
import { isItemName } from './path-names.ts';

/**
 * One item is a folder of generations, a generation a folder of revisions:
 *
 *     {item}/{number}-{uuid}/{revision}.json
 *
 * Only names decide, and each is given exactly once by one system call, so there is no lock that could go stale and no instruction at which a kill does harm:
 *
 * - an item is made by `rename(2)` of a folder that holds its first revision. That fails if there is one;
 * - the next revision is made by `link(2)` of a durable file. That fails if the name is taken, and, since names in a generation are never given back while it stands, only the
 *   first writer after each revision gets it. A generation that is gone is gone under a name that never comes again: a late writer finds no folder;
 * - a generation that has grown ends with a revision that says `moved` and where to. The next one was prepared beside it under a hidden name and is then renamed: the source has a
 *   name that never comes again, so anyone may do that who sees it undone;
 * - an item ends with a revision that says `removed`. Then its folders are moved away, and the item's own is removed if, and only if, it is empty.
 *
 * A revision's file is a line with its kind, then the body.
 */
export type Current =
  | { readonly state: 'absent' }
  | {
      readonly state: 'present';
      readonly generation: string;
      readonly files: number;
      readonly revision: number;
      readonly body: string;
    }
  /** Removed, but its folders are still there: those that were seen together with the end. */
  | { readonly state: 'removed'; readonly generations: readonly string[] };

/** What no version of this file has written. */
export class DamagedItem extends Error {
  override readonly name = 'DamagedItem';
}

/** Where the next revision goes: what a reader or writer learned last. It may be outdated; a write decides. */
export interface Place {
  readonly generation: string;
  readonly files: number;
}

/** A generation ends when it has so many files, or the next body would bring it about to so many bytes. */
const GENERATION = { files: 32, bytes: 256_000 } as const;
const MOST_ATTEMPTS = 1_000;

/** The item as it is now. Finishes what a killed process left half done. Throws {@link DamagedItem}. */
export async function readItem(path: string): Promise<Current> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const generations = await generationsOf(path);
    const generation = generations.at(-1);
    if (generation === undefined) {
      // Generations change places by rename: only a second look proves that there was none.
      if ((await generationsOf(path)).length === 0) return { state: 'absent' };
      continue;
    }
    const names = (await namesIn(join(path, generation))).filter((name) => name.endsWith('.json')).sort();
    const last = names.at(-1);
    if (last === undefined) continue;
    const text = await readFile(join(path, generation, last), 'utf8').catch(absent);
    if (text === undefined) continue;
    const end = text.indexOf('\n');
    const [kind, argument] = text.slice(0, end).split(' ');
    if (end < 0 || argument === undefined) throw new DamagedItem('not a revision');
    if (kind === 'body') {
      const body = text.slice(end + 1);
      if (Buffer.byteLength(body) !== Number(argument)) throw new DamagedItem('cut short');
      return { state: 'present', generation, files: names.length, revision: Number.parseInt(last, 10), body };
    }
    if (kind === 'removed') return { state: 'removed', generations };
    if (kind !== 'moved') throw new DamagedItem('not a revision');
    await rename(join(path, `.${argument}`), join(path, argument)).catch(absent);
  }
  throw new DamagedItem('its revisions lead nowhere');
}

/** Makes an item that is not there. Undefined: somebody made one first. */
export async function createItem(
  path: string,
  body: string,
  scratch: Scratch,
): Promise<{ readonly revision: number; readonly place: Place } | undefined> {
  const revision = firstRevision();
  const generation = generationName(1);
  const made = await scratch.path();
  await mkdir(made);
  try {
    await makeGeneration(join(made, generation), revision, body);
    await syncFolder(made);
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
      try {
        await rename(made, path);
        await syncFolder(dirname(path)).catch(absent);
        return { revision, place: { generation, files: 1 } };
      } catch (error) {
        const code = errno(error);
        if (code === 'ENOENT') await makeFolder(dirname(path)).catch(absent);
        else if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
        else {
          const current = await readItem(path);
          if (current.state === 'present') return undefined;
          await clearItem(path, scratch);
        }
      }
    }
    throw new DamagedItem('its folder cannot be cleared');
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

/** Writes the revision after `revision`, which was the body last read at `place`. Undefined: somebody wrote first. */
export async function writeNext(
  path: string,
  { place, revision, body }: { readonly place: Place; readonly revision: number; readonly body: string },
  scratch: Scratch,
): Promise<Place | undefined> {
  const isFull = place.files >= GENERATION.files || place.files * body.length > GENERATION.bytes;
  if (isFull) return moveOn(path, { place, revision, body }, scratch);
  const isMine = await linkRevision(join(path, place.generation), revision + 1, bodyText(body), scratch);
  return isMine ? { generation: place.generation, files: place.files + 1 } : undefined;
}

/** Ends an item whose last revision is `revision`. False: somebody wrote first. */
export async function endItem(
  path: string,
  { place, revision }: { readonly place: Place; readonly revision: number },
  scratch: Scratch,
): Promise<boolean> {
  const isMine = await linkRevision(join(path, place.generation), revision + 1, 'removed -\n', scratch);
  if (isMine) await clearItem(path, scratch);
  return isMine;
}

/** Clears away the folders of an item that has ended. Does nothing to one that has not. */
export async function clearItem(path: string, scratch: Scratch): Promise<void> {
  const current = await readItem(path);
  if (current.state === 'present') return;
  if (current.state === 'removed') {
    // Only what was seen together with the end: by now a new item may stand here. Lowest first: an older generation must never be the last one that is seen.
    for (const generation of current.generations) await scratch.throwAway(join(path, generation));
  }
  // Hidden ones without a generation before them: prepared by writers that came too late, or that were killed.
  const names = await namesIn(path);
  if (names.every((name) => name.startsWith('.'))) {
    for (const name of names) await scratch.throwAway(join(path, name));
  }
  await rmdir(path).catch(occupied);
  for (let parent = dirname(path); !isItemName(basename(parent)); parent = dirname(parent)) await rmdir(parent).catch(occupied);
}

async function moveOn(
  path: string,
  { place, revision, body }: { readonly place: Place; readonly revision: number; readonly body: string },
  scratch: Scratch,
): Promise<Place | undefined> {
  const number = Number.parseInt(place.generation, 10);
  const next = generationName(number + 1);
  const hidden = join(path, `.${next}`);
  // Listed before the generation is ended: if ending it succeeds, these all belong to this item and not to a later one of the same name.
  const behind = (await namesIn(path)).filter((name) => Number.parseInt(name.replace(/^\./, ''), 10) <= number);
  try {
    await makeGeneration(hidden, revision + 1, body);
    await syncFolder(path);
  } catch (error) {
    await rm(hidden, { recursive: true, force: true });
    if (errno(error) === 'ENOENT') return undefined;
    throw error;
  }
  if (!(await linkRevision(join(path, place.generation), revision + 1, `moved ${next}\n`, scratch))) {
    await rm(hidden, { recursive: true, force: true });
    return undefined;
  }
  await rename(hidden, join(path, next)).catch(absent);
  await syncFolder(path).catch(absent);
  // Lowest first, and hidden ones (left by the killed) before all.
  for (const name of behind.sort()) await scratch.throwAway(join(path, name));
  return { generation: next, files: 1 };
}

async function makeGeneration(path: string, revision: number, body: string): Promise<void> {
  await mkdir(path);
  await writeDurably(join(path, fileName(revision)), bodyText(body));
  await syncFolder(path);
}

/** False: the name is taken, or its generation is gone. */
async function linkRevision(generation: string, revision: number, text: string, scratch: Scratch): Promise<boolean> {
  const made = await scratch.path();
  try {
    await writeDurably(made, text);
    const isTaken = await link(made, join(generation, fileName(revision))).then(() => false, taken);
    if (isTaken) return false;
  } finally {
    await unlink(made).catch(absent);
  }
  // A generation that is gone by now was ended by someone who had read this revision.
  await syncFolder(generation).catch(absent);
  return true;
}

async function generationsOf(path: string): Promise<readonly string[]> {
  return (await namesIn(path)).filter((name) => /^\d/.test(name)).sort();
}

async function namesIn(path: string): Promise<readonly string[]> {
  return (await readdir(path).catch(absent)) ?? [];
}

function taken(error: unknown): true {
  const code = errno(error);
  if (code !== 'EEXIST' && code !== 'ENOENT') throw error;
  return true;
}

function absent(error: unknown): undefined {
  if (errno(error) !== 'ENOENT') throw error;
}

function occupied(error: unknown): undefined {
  const code = errno(error);
  if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT') throw error;
}

function generationName(number: number): string {
  return `${String(number).padStart(10, '0')}-${randomUUID()}`;
}

function fileName(revision: number): string {
  return `${String(revision).padStart(16, '0')}.json`;
}

function bodyText(body: string): string {
  return `body ${Buffer.byteLength(body)}\n${body}`;
}
