import { isDeepStrictEqual } from 'node:util';
import { ReplicationError } from '../model/errors.ts';
import { archive, lastArchived } from './archive.ts';
import { keptAs, MAX_COMMIT_BYTES, wholeCommit, writePages } from './commit-pages.ts';
import { bodyOf, parseItem, readAs } from './items.ts';
import type { Shelf } from './items.ts';
import { keys } from './keys.ts';
import type { Claim, Commit, Head, Json, LastCommit } from './ledger.ts';
import { isCommit, isHead } from './shapes.ts';
import type { HeadItem } from './shapes.ts';
import { failpoint } from '../runtime/failpoints.ts';

/** What a claim must know of the lease that it is made under. */
export interface Tenure {
  readonly job: string;
  readonly epoch: number;
  /** Throws `lease-lost`. */
  assertHeld(): void;
  /** Throws `lease-lost` if the store says that the job was closed, or taken over by others. */
  confirm(): Promise<void>;
  /** Notes that another job has the lease, and gives the error to throw. */
  lose(): ReplicationError<'lease-lost'>;
}

type Batch = Parameters<Claim['commit']>[0];

/**
 * Takes over a head. Of several that try at once the first one has it and the others get `fenced-out`; one that comes later takes it from the first. An epoch that is lower than that of
 * the last claimer gets `lease-lost`. A head that is not there is made anew, unless this job retired it: then it goes on where it ended.
 */
export async function claimHead(
  shelf: Shelf,
  tenure: Tenure,
  { head, worker, initial }: { readonly head: string; readonly worker: string; readonly initial: Json },
): Promise<Claim> {
  tenure.assertHeld();
  const id = keys.head(head);
  let item = await shelf.store.get(shelf.integration, id);
  let isFirst = true;
  let fence = 0;
  for (;;) {
    const now = item === undefined ? undefined : parseItem(shelf, item, isHead);
    if (now !== undefined && now.epoch > tenure.epoch) throw tenure.lose();
    // A refused claim is tried again if only a commit came in between: taking over from whoever made it is the point.
    if (!isFirst && now !== undefined && now.fence > fence) throw new ReplicationError('fenced-out', { head });
    isFirst = false;
    const base = now ?? (await startOf(shelf, { job: tenure.job, head, initial }));
    fence = base.fence;
    const claimed: HeadItem = { ...base, fence: fence + 1, epoch: tenure.epoch, job: tenure.job, worker };
    tenure.assertHeld();
    await failpoint('claim.before');
    const written = await shelf.store.put(
      shelf.integration,
      id,
      bodyOf(claimed, { what: `the head "${head}"` }),
      item?.revision ?? 0,
    );
    if (written.state === 'written') await failpoint('claim.after');
    if (written.state === 'written') {
      await tenure.confirm();
      return new HeadClaim(shelf, tenure, { head: { id: head, ...claimed }, revision: written.item.revision });
    }
    item = written.current;
  }
}

/**
 * Archives the last commit of a head and removes it. What a claim knows of its head is tried first: if nobody wrote since, that needs no look at it. `assertHeld` is asked before each try.
 * Throws `fenced-out`, and what `assertHeld` throws.
 */
export async function retireHead(
  shelf: Shelf,
  { head, by }: { readonly head: string; readonly by: Pick<Claim, 'head' | 'revision' | 'fence'> | 'anyone' },
  assertHeld: () => void = () => undefined,
): Promise<void> {
  const id = keys.head(head);
  let known = by === 'anyone' ? undefined : { revision: by.revision, value: by.head };
  for (;;) {
    const now: { readonly revision: number; readonly value: Omit<Head, 'id'> } | undefined =
      known ?? (await readAs(shelf, id, isHead));
    known = undefined;
    if (now === undefined) return;
    if (by !== 'anyone' && now.value.fence !== by.fence) throw new ReplicationError('fenced-out', { head });
    if (now.value.lastCommit !== undefined) await archive(shelf, now.value.lastCommit);
    // Since the head was read: whoever was frozen meanwhile learns it here, or by the revision.
    assertHeld();
    await failpoint('retire.before');
    if ((await shelf.store.remove(shelf.integration, id, now.revision)) !== 'written') continue;
    await failpoint('retire.after');
    return;
  }
}

async function startOf(
  shelf: Shelf,
  { job, head, initial }: { readonly job: string; readonly head: string; readonly initial: Json },
): Promise<HeadItem> {
  const last = await lastArchived(shelf, { job, head });
  const nobody = { epoch: 0, job, worker: '' };
  if (last === undefined) return { ...nobody, fence: 0, batch: 0, bookmark: initial };
  return { ...nobody, fence: last.fence, batch: last.batch, bookmark: last.after };
}

class HeadClaim implements Claim {
  readonly fence: number;
  readonly #shelf: Shelf;
  readonly #tenure: Tenure;
  #head: Head;
  #revision: number;

  constructor(shelf: Shelf, tenure: Tenure, { head, revision }: { readonly head: Head; readonly revision: number }) {
    this.fence = head.fence;
    this.#shelf = shelf;
    this.#tenure = tenure;
    this.#head = head;
    this.#revision = revision;
  }

  get head(): Head {
    return this.#head;
  }

  get revision(): number {
    return this.#revision;
  }

  async commit(batch: Batch): Promise<Commit> {
    const { id, ...head } = this.#head;
    const commit: Commit = {
      head: id,
      job: this.#tenure.job,
      batch: head.batch + 1,
      fence: this.fence,
      at: this.#shelf.clock.now().toISOString(),
      tables: batch.tables,
      before: head.bookmark,
      after: batch.after,
    };
    const kept = keptAs(commit);
    bodyOf(kept.commit, { what: `a commit of "${id}"`, maxBytes: MAX_COMMIT_BYTES });
    const next: HeadItem = { ...head, batch: commit.batch, bookmark: commit.after, lastCommit: kept.commit };
    const body = bodyOf(next, { what: `the head "${id}"` });

    // The archive comes first: killed in between, the commit is in both places, and is counted once.
    this.#tenure.assertHeld();
    await writePages(this.#shelf, kept);
    if (head.lastCommit !== undefined) await archive(this.#shelf, head.lastCommit);
    this.#tenure.assertHeld();
    await failpoint('commit.before');
    const written = await this.#shelf.store.put(this.#shelf.integration, keys.head(id), body, this.#revision);
    if (written.state === 'written') await failpoint('commit.after');
    if (written.state === 'written') return this.#advance({ id, ...next }, written.item.revision, commit);

    const now = written.current === undefined ? undefined : parseItem(this.#shelf, written.current, isHead);
    const landed = await this.#landed(commit, now);
    if (landed === undefined || !isSameWork(await wholeCommit(this.#shelf, landed), commit))
      throw new ReplicationError('fenced-out', { head: id });
    // Whoever went on from here has another fence: the next commit of this claim is refused by revision.
    const revision = now?.lastCommit?.fence === this.fence && now.fence === this.fence ? written.current?.revision : undefined;
    return this.#advance({ id, ...next, lastCommit: landed }, revision ?? this.#revision, { ...commit, at: landed.at });
  }

  /** The commit of this claim for the same batch, made by an earlier try whose answer was lost: still in the head, or archived by whoever went on. */
  async #landed(commit: Commit, now: HeadItem | undefined): Promise<LastCommit | undefined> {
    const isOurs = (other: LastCommit): boolean => other.fence === commit.fence && other.batch === commit.batch;
    if (now?.lastCommit !== undefined && isOurs(now.lastCommit)) return now.lastCommit;
    if (now !== undefined && now.batch < commit.batch) return undefined;
    const archived = await readAs(this.#shelf, keys.commit(commit), isCommit);
    return archived !== undefined && isOurs(archived.value) ? archived.value : undefined;
  }

  #advance(head: Head, revision: number, commit: Commit): Commit {
    this.#head = head;
    this.#revision = revision;
    return commit;
  }
}

/** Whether two commits say the same but for the time, as JSON has them, in whatever order. */
function isSameWork(one: Commit, other: Commit): boolean {
  const [a, b] = [one, other].map((commit): unknown => JSON.parse(JSON.stringify({ ...commit, at: '' })));
  return isDeepStrictEqual(a, b);
}
