import { randomUUID } from 'node:crypto';
import type { Commit, CommitTable, LastCommit } from './ledger.ts';
import { damaged } from './items.ts';
import type { Shelf } from './items.ts';
import { keys } from './keys.ts';
import { cutText } from './reports.ts';

/** Commits are at most so large as they are kept; the rest of a head's item is room for bookmark and names. Pages are at most so large, too. */
export const MAX_COMMIT_BYTES = 300_000;

/** A commit as it is kept, and what has to be there before it is. */
export interface KeptCommit {
  readonly commit: LastCommit;
  readonly pages: readonly string[];
}

/**
 * How a commit is kept: as it is where it fits, else its tables in pages beside it, as one batch of the log that has changes of very many tables. Pages have names that no other try of the same
 * commit has: what a try leaves that did not come to its end is read by nobody, and goes with its job.
 */
export function keptAs(commit: Commit): KeptCommit {
  if (Buffer.byteLength(JSON.stringify(commit)) <= MAX_COMMIT_BYTES) return { commit, pages: [] };
  const { tables, ...rest } = commit;
  const pages = [...cutText(JSON.stringify(tables), MAX_COMMIT_BYTES)];
  return { commit: { ...rest, pages: { generation: randomUUID(), count: pages.length } }, pages };
}

/** Writes the pages of a commit. They must be durable before anything refers to them. */
export async function writePages(shelf: Shelf, { commit, pages }: KeptCommit): Promise<void> {
  for (const [number, id] of pageIds(commit).entries()) await shelf.store.put(shelf.integration, id, pages[number] ?? '', 0);
}

/** A commit with its tables, wherever they are kept. Throws `ledger-damaged` if pages are missing, as they are once its job was forgotten. */
export async function wholeCommit(shelf: Shelf, kept: LastCommit): Promise<Commit> {
  if ('tables' in kept) return kept;
  const { pages: _, ...rest } = kept;
  const ids = pageIds(kept);
  const items = await shelf.store.getMany(shelf.integration, ids);
  const text = ids.map((id) => items.get(id)?.body);
  if (!text.every((page) => page !== undefined)) throw damaged(shelf, keys.commit(kept), 'pages of it are missing');
  let tables: unknown;
  try {
    tables = JSON.parse(text.join(''));
  } catch (cause) {
    throw damaged(shelf, keys.commit(kept), 'its pages are not JSON', cause);
  }
  if (!Array.isArray(tables)) throw damaged(shelf, keys.commit(kept), 'its pages are not tables');
  return { ...rest, tables: tables as readonly CommitTable[] };
}

function pageIds(commit: LastCommit): readonly string[] {
  if ('tables' in commit) return [];
  const { generation, count } = commit.pages;
  return Array.from({ length: count }, (_, page) => keys.tables(commit.job, generation, page));
}
