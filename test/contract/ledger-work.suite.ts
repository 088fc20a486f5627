import { describe, expect, test } from 'vitest';
import type { Json, WorkList } from '../../functions/engine/ledger/ledger.ts';
import { FaultyStore } from '../support/faults.ts';
import { all } from './ledger-clock.ts';
import { codeOf, ledgerFixture } from './ledger-fixture.ts';
import type { StoreUnderTest } from './ledger-store.suite.ts';

/** The units of a job. */
export function ledgerWorkContract(start: () => Promise<StoreUnderTest>): void {
  describe('work', () => {
    const fixture = ledgerFixture(start);
    const take = async (work: WorkList, worker: string, count = 1): Promise<readonly Json[]> =>
      (await work.take(worker, count)).map(({ unit }) => unit);

    test('eight workers at once get each unit exactly once', async () => {
      const { ledger } = fixture.next();
      const units = Array.from({ length: 200 }, (_, n) => ({ n }));
      await ledger().saveWork('job-1', units);

      const taken = await Promise.all(
        Array.from({ length: 8 }, async (_, n) => {
          const work = await ledger().work('job-1');
          const own: Json[] = [];
          for (;;) {
            const got = await take(work, `w${n}`, 1 + (n % 3));
            if (got.length === 0) return own;
            own.push(...got);
          }
        }),
      );

      const numbers = taken.flat().map((unit) => (unit as { n: number }).n);
      expect(numbers.sort((a, b) => a - b)).toEqual(units.map(({ n }) => n));
      expect(await (await ledger().work('job-1')).progress()).toEqual({ open: 0, held: 0, done: 200 });
    });

    test('what a worker that failed held is for nobody in this job, and nobody waits for it', async () => {
      const { ledger } = fixture.next();
      await ledger().saveWork('job-1', ['a', 'b', 'c']);
      const work = await ledger().work('job-1');
      expect(await take(work, 'w1', 2)).toEqual(['a', 'b']);
      expect(await work.heldUnits()).toEqual(['a', 'b']);

      await (await ledger().work('job-1')).drop('w1');
      await (await ledger().work('job-1')).drop('w1');

      expect(await work.heldUnits()).toEqual([]);
      expect(await work.progress()).toEqual({ open: 1, held: 0, done: 2 });
      expect(await take(await ledger().work('job-1'), 'w2', 3)).toEqual(['c']);
    });

    test('what a worker takes next finishes what it took before', async () => {
      const { ledger } = fixture.next();
      await ledger().saveWork('job-1', ['a', 'b', 'c', 'd']);
      const work = await ledger().work('job-1');
      expect(work.total).toBe(4);

      expect(await take(work, 'w1', 2)).toEqual(['a', 'b']);
      expect(await work.progress()).toEqual({ open: 2, held: 2, done: 0 });
      expect(await take(work, 'w1')).toEqual(['c']);
      expect(await work.progress()).toEqual({ open: 1, held: 1, done: 2 });
      await work.finish('w1');
      expect(await work.progress()).toEqual({ open: 1, held: 0, done: 3 });
      expect(await take(work, 'w1', 5)).toEqual(['d']);
      expect(await take(work, 'w1')).toEqual([]);
      expect(await work.progress()).toEqual({ open: 0, held: 0, done: 4 });
    });

    test('a worker that died gets what it held when it comes again, before anything else', async () => {
      const { ledger } = fixture.next();
      await ledger().saveWork('job-1', ['a', 'b', 'c', 'd']);
      expect(await take(await ledger().work('job-1'), 'w1', 2)).toEqual(['a', 'b']);
      expect(await take(await ledger().work('job-1'), 'w2')).toEqual(['c']);

      const reborn = await ledger().work('job-1');

      expect(await take(reborn, 'w1')).toEqual(['a']);
      expect(await take(reborn, 'w1', 2)).toEqual(['b', 'd']);
      expect(await reborn.progress()).toEqual({ open: 0, held: 3, done: 1 });
    });

    test('a worker that comes again only to stop leaves what it held to others', async () => {
      const { ledger } = fixture.next();
      await ledger().saveWork('job-1', ['a', 'b']);
      await take(await ledger().work('job-1'), 'w1');

      const reborn = await ledger().work('job-1');
      await reborn.finish('w1');

      expect(await reborn.progress()).toEqual({ open: 2, held: 0, done: 0 });
      expect(await take(await ledger().work('job-1'), 'w2', 2)).toEqual(['a', 'b']);
    });

    test('what is handed back comes before what nobody had', async () => {
      const { ledger } = fixture.next();
      await ledger().saveWork('job-1', ['a', 'b', 'c']);
      const work = await ledger().work('job-1');
      const [first] = await work.take('w1', 1);
      await work.giveBack('w1', first?.index ?? -1);
      await work.giveBack('w1', first?.index ?? -1);
      await work.giveBack('w2', 0);

      expect(await work.progress()).toEqual({ open: 3, held: 0, done: 0 });
      expect(await take(work, 'w2', 2)).toEqual(['a', 'b']);
      expect(await take(work, 'w1', 2)).toEqual(['c']);
    });

    test('units that are added while others work are handed out too', async () => {
      const { ledger } = fixture.next();
      await ledger().saveWork('job-1', ['a']);
      const work = await ledger().work('job-1');
      expect(await take(work, 'w1')).toEqual(['a']);

      await Promise.all(Array.from({ length: 12 }, async (_, n) => (await ledger().work('job-1')).add([`x${n}`, `y${n}`])));
      await work.add([]);

      const rest = await take(work, 'w1', 100);
      expect([...rest].sort()).toEqual(
        Array.from({ length: 12 }, (_, n) => [`x${n}`, `y${n}`])
          .flat()
          .sort(),
      );
      expect(work.total).toBe(25);
    });

    test('an adder that was killed between page and total stops nobody', async () => {
      const { ledger, store } = fixture.next();
      await ledger().saveWork('job-1', ['a']);
      const dying = await ledger(new FaultyStore(store(), { at: 2, fault: 'before', isDead: true })).work('job-1');
      await expect(dying.add(['killed'])).rejects.toThrow('write 2');

      const work = await ledger().work('job-1');
      await work.add(['b']);

      expect(await take(work, 'w1', 10)).toEqual(['a', 'killed', 'b']);
    });

    test('a large list is kept in pages and handed out by number', async () => {
      const { ledger, store, name } = fixture.next();
      const units = Array.from({ length: 4_000 }, (_, n) => ({ n, text: 'x'.repeat(300) }));
      await ledger().saveWork('job-1', units);

      const pages = await all(store().list(name, { prefix: 'unit#' }));
      const got = await (await ledger().work('job-1')).take('w1', 4_000);

      expect(pages.length).toBe(5);
      expect(Math.max(...pages.map(({ body }) => body.length))).toBeLessThan(301_000);
      expect(got.every(({ index, unit }) => (unit as { n: number }).n === index)).toBe(true);
      expect((await store().get(name, 'work#job-1'))?.body.length).toBeLessThan(30_000);
    });

    test('a list that is saved again is still the first one', async () => {
      const { ledger, store } = fixture.next();
      const dying = ledger(new FaultyStore(store(), { at: 2, fault: 'before', isDead: true }));
      await expect(dying.saveWork('job-1', ['half saved'])).rejects.toThrow('write 2');
      expect(await codeOf(ledger().work('job-1'))).toBe('job-unknown');

      await ledger().saveWork('job-1', ['a', 'b']);
      await ledger().saveWork('job-1', ['c']);

      expect(await take(await ledger().work('job-1'), 'w1', 9)).toEqual(['a', 'b']);
    });

    test('an empty list is done at once', async () => {
      const { ledger } = fixture.next();
      await ledger().saveWork('job-1', []);
      const work = await ledger().work('job-1');

      expect(await take(work, 'w1')).toEqual([]);
      expect(await work.progress()).toEqual({ open: 0, held: 0, done: 0 });
    });
  });
}
