import { describe, expect, test } from 'vitest';
import type { Claim } from '../../functions/engine/ledger/ledger.ts';
import { FaultyStore } from '../support/faults.ts';
import { all } from './ledger-clock.ts';
import { acquired, batch, codeOf, ledgerFixture, objectsOf, TTL_MS, vastBatch } from './ledger-fixture.ts';
import type { StoreUnderTest } from './ledger-store.suite.ts';

/** Heads, claims, commits. */
export function ledgerCommitsContract(start: () => Promise<StoreUnderTest>): void {
  describe('claims and commits', () => {
    const fixture = ledgerFixture(start);

    test('a head is made by its first claim and advances by commits', async () => {
      const { ledger } = fixture.next();
      await using lease = await acquired(ledger(), 'job-1');

      const claim = await lease.claim('copy/a#b/0001', 'w1', { state: 'open' });
      expect(claim.head).toEqual({
        id: 'copy/a#b/0001',
        fence: 1,
        batch: 0,
        epoch: 1,
        job: 'job-1',
        worker: 'w1',
        bookmark: { state: 'open' },
      });
      const first = await claim.commit(batch('one', { at: 1 }));
      const second = await claim.commit(batch('two', { at: 2 }));

      expect(first).toMatchObject({
        head: 'copy/a#b/0001',
        job: 'job-1',
        batch: 1,
        fence: 1,
        before: { state: 'open' },
        after: { at: 1 },
      });
      expect(second).toMatchObject({ batch: 2, before: { at: 1 }, after: { at: 2 } });
      expect(claim.head).toMatchObject({ batch: 2, bookmark: { at: 2 }, lastCommit: second });
      expect(await ledger().head('copy/a#b/0001')).toEqual(claim.head);
      expect(await all(ledger().commits('job-1'))).toEqual([first, second]);
    });

    test('whoever claims later shuts out whoever claimed before', async () => {
      const { ledger } = fixture.next();
      await using lease = await acquired(ledger(), 'job-1');
      const earlier = await lease.claim('h', 'w1');
      await earlier.commit(batch('one'));

      const later = await lease.claim('h', 'w2');

      expect(later.fence).toBe(2);
      expect(later.head.bookmark).toBe('one');
      expect(await codeOf(earlier.commit(batch('lost')))).toBe('fenced-out');
      await later.commit(batch('two'));
      expect(await codeOf(earlier.commit(batch('lost')))).toBe('fenced-out');
      expect(await codeOf(lease.retire(earlier))).toBe('fenced-out');
      expect(objectsOf(await all(ledger().commits('job-1')))).toEqual(['one', 'two']);
    });

    test('of 50 workers that claim at once each has a fence of its own and only one can commit', async () => {
      const { ledger } = fixture.next();
      await using lease = await acquired(ledger(), 'job-1');
      const workers = await Promise.all(Array.from({ length: 10 }, () => ledger().join('job-1', TTL_MS)));

      const claims: Claim[] = [];
      const codes = await Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          codeOf((workers[n % 10] ?? lease).claim('h', `w${n}`).then((claim) => claims.push(claim))),
        ),
      );
      expect(codes.filter((code) => code === 'fenced-out').length).toBe(50 - claims.length);
      expect(new Set(claims.map(({ fence }) => fence)).size).toBe(claims.length);
      const results = await Promise.all(claims.map((claim) => codeOf(claim.commit(batch(`${claim.fence}`)))));

      expect(results.filter((code) => code !== 'fenced-out').length).toBe(1);
      expect(objectsOf(await all(ledger().commits('job-1')))).toEqual([`${Math.max(...claims.map(({ fence }) => fence))}`]);
      for (const worker of workers) await worker[Symbol.asyncDispose]();
    });

    test('a job that lost its lease cannot claim what the next job has claimed, nor commit to it', async () => {
      const { ledger, clock } = fixture.next();
      const old = await acquired(ledger(), 'job-1');
      const oldClaim = await old.claim('h', 'w');
      await oldClaim.commit(batch('one'));
      clock.freeze(TTL_MS);
      await using lease = await acquired(ledger(), 'job-2');
      // The clock of the old one's machine is behind: it does not know.
      clock.freeze(-TTL_MS + 1);

      await oldClaim.commit(batch('still allowed'));
      const claim = await lease.claim('h', 'w');
      expect(claim.head.bookmark).toBe('still allowed');

      expect(await codeOf(oldClaim.commit(batch('lost')))).toBe('fenced-out');
      expect(await codeOf(old.claim('h', 'w'))).toBe('lease-lost');
      expect(old.lost.aborted).toBe(true);
      await claim.commit(batch('two'));
      expect(objectsOf(await all(ledger().commits('job-1')))).toEqual(['one', 'still allowed']);
      expect(objectsOf(await all(ledger().commits('job-2')))).toEqual(['two']);
    });

    test('commits of a job are listed by head and batch, each once, while other jobs go on with the heads', async () => {
      const { ledger } = fixture.next();
      const heads = ['copy/a', 'copy/a#', 'copy/a!', 'copy/ab', 'key/ä', 'key/z'];
      const first = await acquired(ledger(), 'job-1');
      for (const head of [...heads].reverse()) {
        const claim = await first.claim(head, 'w');
        for (let n = 1; n <= 12; n += 1) await claim.commit(batch(`${head} ${n}`));
      }
      await first.release();
      await using second = await acquired(ledger(), 'job-2');
      await (await second.claim('copy/a', 'w')).commit(batch('next'));
      await second.claim('copy/ab', 'w');

      const commits = await all(ledger().commits('job-1'));

      const sorted = ['copy/a', 'copy/a!', 'copy/a#', 'copy/ab', 'key/z', 'key/ä'];
      expect(objectsOf(commits)).toEqual(sorted.flatMap((head) => Array.from({ length: 12 }, (_, n) => `${head} ${n + 1}`)));
      expect((await all(ledger().heads('copy/a'))).map(({ id }) => id)).toEqual(['copy/a', 'copy/a!', 'copy/a#', 'copy/ab']);
    });

    test('a head that is retired leaves its commits, and remembers within its job', async () => {
      const { ledger } = fixture.next();
      const lease = await acquired(ledger(), 'job-1');
      const claim = await lease.claim('h', 'w');
      await claim.commit(batch('one'));
      await claim.commit(batch('two', { state: 'done' }));

      await lease.retire(claim);
      await lease.retire(claim);

      expect(await ledger().head('h')).toBeUndefined();
      expect(objectsOf(await all(ledger().commits('job-1')))).toEqual(['one', 'two']);
      expect(await codeOf(claim.commit(batch('lost')))).toBe('fenced-out');
      const again = await lease.claim('h', 'w', { state: 'open' });
      expect(again.head).toMatchObject({ bookmark: { state: 'done' }, batch: 2, fence: 2 });
      await again.commit(batch('three'));
      await lease.retire(again);
      expect(objectsOf(await all(ledger().commits('job-1')))).toEqual(['one', 'two', 'three']);
      await lease.release();
      await using later = await acquired(ledger(), 'job-2');
      expect((await later.claim('h', 'w', { state: 'open' })).head).toMatchObject({
        bookmark: { state: 'open' },
        batch: 0,
        fence: 1,
      });
    });

    test('heads that are removed leave their commits and shut out their claimers', async () => {
      const { ledger } = fixture.next();
      await using lease = await acquired(ledger(), 'job-1');
      const claims = await Promise.all(['copy/1', 'copy/2', 'key/1'].map((head) => lease.claim(head, 'w')));
      for (const claim of claims) await claim.commit(batch(claim.head.id));

      await ledger().removeHeads('copy/');

      expect((await all(ledger().heads(''))).map(({ id }) => id)).toEqual(['key/1']);
      expect(objectsOf(await all(ledger().commits('job-1')))).toEqual(['copy/1', 'copy/2', 'key/1']);
      expect(await codeOf(claims[0]?.commit(batch('lost')) ?? Promise.resolve())).toBe('fenced-out');
    });

    test('a commit whose answer was lost is recognised when it is tried again, also after others went on', async () => {
      const { ledger, store } = fixture.next();
      await using lease = await acquired(ledger(), 'job-1');
      const one = new FaultyStore(store(), { at: 2, fault: 'after' });
      await using first = await ledger(one).join('job-1', TTL_MS);
      const claim = await first.claim('h', 'w1');
      await expect(claim.commit(batch('one'))).rejects.toThrow('write 2');

      const again = await claim.commit(batch('one'));
      expect(again.batch).toBe(1);
      await claim.commit(batch('two'));

      const two = new FaultyStore(store(), { at: 3, fault: 'after' });
      await using second = await ledger(two).join('job-1', TTL_MS);
      const lost = await second.claim('h', 'w2');
      await expect(lost.commit(batch('three'))).rejects.toThrow('write 3');
      const next = await lease.claim('h', 'w3');
      await next.commit(batch('four'));
      expect((await lost.commit(batch('three'))).batch).toBe(3);
      expect(await codeOf(lost.commit(batch('five')))).toBe('fenced-out');
      expect(objectsOf(await all(ledger().commits('job-1')))).toEqual(['one', 'two', 'three', 'four']);
    });

    test('another batch in place of one whose outcome is unknown is refused', async () => {
      const { ledger, store } = fixture.next();
      await using _held = await acquired(ledger(), 'job-1');
      await using lease = await ledger(new FaultyStore(store(), { at: 2, fault: 'after' })).join('job-1', TTL_MS);
      const claim = await lease.claim('h', 'w');
      await expect(claim.commit(batch('one'))).rejects.toThrow('write 2');

      expect(await codeOf(claim.commit(batch('other')))).toBe('fenced-out');
      expect(objectsOf(await all(ledger().commits('job-1')))).toEqual(['one']);
    });

    test('a commit of very many tables is read as it was made, in its head and in the archive', async () => {
      const { ledger, store, name } = fixture.next();
      await using lease = await acquired(ledger(), 'job-1');
      const claim = await lease.claim('h', 'w');

      const first = await claim.commit(vastBatch('one'));
      const inHead = await all(ledger().commits('job-1'));
      const { lastCommit } = (await ledger().head('h')) ?? {};
      const second = await claim.commit(batch('two'));
      const third = await claim.commit(vastBatch('three'));
      await lease.retire(claim);

      expect(first.tables).toEqual(vastBatch('one').tables);
      expect(inHead).toEqual([first]);
      expect(lastCommit === undefined ? undefined : await ledger().tables(lastCommit)).toEqual(first.tables);
      expect(await all(ledger().commits('job-1'))).toEqual([first, second, third]);
      expect((await lease.claim('h', 'w')).head).toMatchObject({ bookmark: 'three', batch: 3 });
      // 1,500 tables with their names and notes: two commits of some 600 KB.
      expect((await all(store().list(name, { prefix: 'tables#' }))).length).toBe(2 * 3);
    });

    test('a commit of very many tables whose answer was lost is recognised when it is tried again', async () => {
      const { ledger, store } = fixture.next();
      await using _held = await acquired(ledger(), 'job-1');
      // The claim, three pages, the head.
      await using lease = await ledger(new FaultyStore(store(), { at: 5, fault: 'after' })).join('job-1', TTL_MS);
      const claim = await lease.claim('h', 'w');
      await expect(claim.commit(vastBatch('one'))).rejects.toThrow('write 5');

      expect((await claim.commit(vastBatch('one'))).batch).toBe(1);
      await claim.commit(vastBatch('two'));

      expect(await all(ledger().commits('job-1'))).toMatchObject([vastBatch('one'), vastBatch('two')]);
    });

    test.each([2, 3, 4, 5])('a commit of very many tables that ends before write %i is not there', async (at) => {
      const { ledger, store } = fixture.next();
      await using held = await acquired(ledger(), 'job-1');
      await using lease = await ledger(new FaultyStore(store(), { at, fault: 'before', isDead: true })).join('job-1', TTL_MS);
      const claim = await lease.claim('h', 'w1');
      await expect(claim.commit(vastBatch('lost'))).rejects.toThrow();

      const next = await held.claim('h', 'w2', { state: 'open' });
      await next.commit(vastBatch('kept'));

      expect(await all(ledger().commits('job-1'))).toMatchObject([{ batch: 1, ...vastBatch('kept') }]);
    });

    test('pages of a commit that are missing are damage, not a commit without tables', async () => {
      const { ledger, store, name } = fixture.next();
      await using lease = await acquired(ledger(), 'job-1');
      const claim = await lease.claim('h', 'w');
      await claim.commit(vastBatch('one'));
      const [page] = await all(store().list(name, { prefix: 'tables#' }));
      await store().remove(name, page?.id ?? '', page?.revision ?? 0);

      expect(await codeOf(all(ledger().commits('job-1')))).toBe('ledger-damaged');
    });

    test('a bookmark that is too large is refused by name before anything is written', async () => {
      const { ledger, store, name } = fixture.next();
      await using lease = await acquired(ledger(), 'job-1');
      const claim = await lease.claim('h', 'w');

      await expect(claim.commit({ ...vastBatch('large'), after: 'x'.repeat(300_000) })).rejects.toThrow(
        /a commit of "h" has 30\d{4} bytes/,
      );
      expect(await all(store().list(name, { prefix: 'tables#' }))).toEqual([]);
      await claim.commit(batch('fits'));

      expect(objectsOf(await all(ledger().commits('job-1')))).toEqual(['fits']);
    });

    test('a reader sees no gap while a worker commits', async () => {
      const { ledger } = fixture.next();
      await using lease = await acquired(ledger(), 'job-1');
      const claim = await lease.claim('h', 'w');
      const working = { isOver: false };
      const work = (async () => {
        for (let n = 1; n <= 40; n += 1) await claim.commit(batch(`${n}`));
        working.isOver = true;
      })();
      const reader = ledger();

      do {
        const seen = objectsOf(await all(reader.commits('job-1')));
        expect(seen).toEqual(seen.map((_, n) => `${n + 1}`));
      } while (!working.isOver);
      await work;

      expect((await all(reader.commits('job-1'))).length).toBe(40);
    });
  });
}
