import { describe, expect, it } from 'vitest';
import type { LogChange } from '../../../functions/engine/model/log-change.ts';
import type { Lsn } from '../../../functions/engine/model/lsn.ts';
import { CommitWatch } from '../../../functions/engine/source/postgres/log/commit-watch.ts';

const lsn = (value: number): Lsn => BigInt(value) as Lsn;

/** Sends transactions of one change through a watch; those in `[from, to)` arrive. */
function send(watch: CommitWatch, commits: readonly number[]): void {
  for (const commit of commits) {
    const transaction = { xid: String(commit), commitLsn: lsn(commit), committedAt: '' };
    watch.begin(transaction);
    watch.change({} as LogChange);
    watch.commit(transaction, lsn(commit + 5));
  }
}

function watching(from: number, to: number): { readonly watch: CommitWatch; readonly seen: string[] } {
  const seen: string[] = [];
  const watch = new CommitWatch(
    {
      begin: ({ xid }) => void seen.push(`begin ${xid}`),
      change: () => void seen.push('change'),
      truncate: () => void seen.push('truncate'),
      commit: ({ xid }, end) => void seen.push(`commit ${xid} to ${end}`),
      drained: async () => undefined,
      checkpoint: async () => undefined,
    },
    { from: lsn(from), to: lsn(to) },
  );
  return { watch, seen };
}

describe('a watch of commits', () => {
  it('lets through, whole, what begins to commit within its bounds', () => {
    const { watch, seen } = watching(20, 40);

    send(watch, [10, 20, 39]);
    expect(watch.hasPassed).toBe(false);
    send(watch, [40, 30]);

    expect(seen).toEqual(['begin 20', 'change', 'commit 20 to 25', 'begin 39', 'change', 'commit 39 to 44']);
    expect(watch).toMatchObject({ hasPassed: true, isInside: false, lastEnd: lsn(44), lastChangedEnd: lsn(44) });
  });

  it('remembers where the last change was, apart from empty transactions', () => {
    const { watch } = watching(0, 100);
    send(watch, [10]);
    const empty = { xid: '20', commitLsn: lsn(20), committedAt: '' };
    watch.begin(empty);
    expect(watch.isInside).toBe(true);
    watch.commit(empty, lsn(25));

    expect(watch).toMatchObject({ lastEnd: lsn(25), lastChangedEnd: lsn(15) });
  });

  it('skips what was let through when the decoder begins anew', () => {
    const { watch, seen } = watching(0, 100);
    send(watch, [10, 20]);
    seen.length = 0;

    expect(watch.restart()).toBe(lsn(25));
    send(watch, [10, 20, 30]);

    expect(seen).toEqual(['begin 30', 'change', 'commit 30 to 35']);
  });
});
