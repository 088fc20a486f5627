import { wholeCommit } from './commit-pages.ts';
import type { Commit, Head, LastCommit } from './ledger.ts';
import { bodyOf, damaged, parseItem } from './items.ts';
import type { Shelf } from './items.ts';
import { keys, nameIn } from './keys.ts';
import { isCommit, isHead } from './shapes.ts';
import { failpoint } from '../runtime/failpoints.ts';

/** Gives a commit an item of its own, before the head's next commit takes its place. Idempotent. Throws `ledger-damaged` if another commit has that item. */
export async function archive(shelf: Shelf, commit: LastCommit): Promise<void> {
  const id = keys.commit(commit);
  await failpoint('archive.before');
  const written = await shelf.store.put(shelf.integration, id, bodyOf(commit, { what: 'a commit' }), 0);
  await failpoint('archive.after');
  if (written.state === 'written' || written.current === undefined) return;
  // A claim has a fence of its own and makes each batch once: fence and batch name a commit.
  if (parseItem(shelf, written.current, isCommit).fence !== commit.fence) throw damaged(shelf, id, `two commits of one batch`);
}

/** The last commit of a job on a head that is in the archive. */
export async function lastArchived(
  shelf: Shelf,
  of: { readonly job: string; readonly head: string },
): Promise<LastCommit | undefined> {
  for await (const item of shelf.store.list(shelf.integration, { prefix: keys.commitsOfHead(of), descending: true, limit: 1 }))
    return parseItem(shelf, item, isCommit);
  return undefined;
}

/** Heads whose id begins with a prefix, by id. */
export async function* listHeads(shelf: Shelf, prefix: string): AsyncIterable<Head> {
  for await (const item of shelf.store.list(shelf.integration, { prefix: keys.head(prefix) }))
    yield { id: nameIn(item.id), ...parseItem(shelf, item, isHead) };
}

/**
 * Commits of a job, by head and batch, each once. Heads are read before the archive: a commit that moves from one to the other in between is then seen at least once, and
 * what is seen of a head is always all of its commits up to some moment.
 */
export async function* listCommits(shelf: Shelf, job: string): AsyncIterable<Commit> {
  const inHeads: (readonly [string, LastCommit])[] = [];
  for await (const { lastCommit } of listHeads(shelf, ''))
    if (lastCommit?.job === job) inHeads.push([keys.commit(lastCommit), lastCommit]);
  inHeads.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  let next = inHeads.shift();
  for await (const item of shelf.store.list(shelf.integration, { prefix: keys.commitsOfJob(job) })) {
    while (next !== undefined && Buffer.compare(Buffer.from(next[0]), Buffer.from(item.id)) < 0) {
      yield await wholeCommit(shelf, next[1]);
      next = inHeads.shift();
    }
    if (next?.[0] === item.id) next = inHeads.shift();
    yield await wholeCommit(shelf, parseItem(shelf, item, isCommit));
  }
  for (; next !== undefined; next = inHeads.shift()) yield await wholeCommit(shelf, next[1]);
}
