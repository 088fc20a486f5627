import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LedgerStore } from '../../functions/engine/ledger/store.ts';
import { all, pick } from './ledger-clock.ts';

/** What the suites need of an implementation: stores that see the same items, as processes of their own would. */
export interface StoreUnderTest extends AsyncDisposable {
  open(): LedgerStore;
  /** Puts many new items, faster than one by one. */
  fill(partition: string, items: readonly { readonly id: string; readonly body: string }[]): Promise<void>;
}

/** What every store must do. */
export function ledgerStoreContract(name: string, start: () => Promise<StoreUnderTest>): void {
  describe(`${name} as a ledger store`, () => {
    let under: StoreUnderTest;
    let store: LedgerStore;
    let partitions = 0;
    const partition = (): string => `part-${++partitions}`;

    beforeAll(async () => {
      under = await start();
      store = under.open();
    });
    afterAll(async () => {
      await store[Symbol.asyncDispose]();
      await under[Symbol.asyncDispose]();
    });

    test('passes its own check and leaves nothing behind', async () => {
      await store.check(new AbortController().signal);

      expect(await all(store.list('#check', { prefix: '' }))).toEqual([]);
    });

    test('gives what was put, to every store that sees it', async () => {
      const p = partition();

      const written = await store.put(p, 'a', '{"x":"ä\u2028\\n𝄞"}', 0);

      expect(written.state).toBe('written');
      expect(await under.open().get(p, 'a')).toEqual(written.state === 'written' ? written.item : undefined);
      expect(await store.get(p, 'b')).toBeUndefined();
      expect(await store.get(partition(), 'a')).toBeUndefined();
    });

    test('writes only over the expected revision, and shows what is there otherwise', async () => {
      const p = partition();
      const first = await store.put(p, 'a', '1', 0);
      if (first.state !== 'written') throw new Error('refused');

      const second = await under.open().put(p, 'a', '2', first.item.revision);

      const current = { id: 'a', revision: first.item.revision + 1, body: '2' };
      expect(second).toEqual({ state: 'written', item: current });
      expect(await store.put(p, 'a', '3', first.item.revision)).toEqual({ state: 'refused', current });
      expect(await store.put(p, 'a', '3', first.item.revision + 5)).toEqual({ state: 'refused', current });
      expect(await store.put(p, 'a', '3', 0)).toEqual({ state: 'refused', current });
      expect(await store.put(p, 'b', '3', 7)).toEqual({ state: 'refused', current: undefined });
      expect(await store.get(p, 'a')).toEqual(current);
    });

    test('removes only the expected revision', async () => {
      const p = partition();
      const made = await store.put(p, 'a', '1', 0);
      if (made.state !== 'written') throw new Error('refused');

      expect(await store.remove(p, 'a', made.item.revision + 1)).toBe('refused');
      expect(await store.remove(p, 'a', made.item.revision)).toBe('written');
      expect(await store.remove(p, 'a', made.item.revision)).toBe('refused');

      expect(await store.get(p, 'a')).toBeUndefined();
      expect(await all(store.list(p, { prefix: '' }))).toEqual([]);
    });

    test('refuses an expectation from before a removal, whatever came after it', async () => {
      const p = partition();
      const other = under.open();
      const old = await store.put(p, 'a', 'old', 0);
      if (old.state !== 'written') throw new Error('refused');
      await other.remove(p, 'a', old.item.revision);
      const anew = await other.put(p, 'a', 'new', 0);
      if (anew.state !== 'written') throw new Error('refused');

      expect(await store.put(p, 'a', 'late', old.item.revision)).toEqual({ state: 'refused', current: anew.item });
      expect(await store.remove(p, 'a', old.item.revision)).toBe('refused');
      expect(await store.get(p, 'a')).toEqual(anew.item);
    });

    test('goes on over hundreds of revisions, seen by another store', async () => {
      const p = partition();
      const other = under.open();
      let revision = 0;

      for (let n = 0; n < 150; n += 1) {
        const written = await (n % 2 === 0 ? store : other).put(p, 'hot#item', `${n}`, revision);
        if (written.state !== 'written') throw new Error(`write ${n} was refused`);
        expect(revision === 0 || written.item.revision === revision + 1).toBe(true);
        revision = written.item.revision;
      }

      expect(await under.open().get(p, 'hot#item')).toEqual({ id: 'hot#item', revision, body: '149' });
    });

    const ids = [
      'a',
      'A',
      'a#',
      'a#b',
      'a!',
      'ab',
      'a%23',
      'a.b',
      '.',
      '..',
      '.tmp',
      'a/../b',
      'con',
      'ä',
      'Ä',
      '\u{10000}',
      '\uffff',
      'x+',
      'x~',
      'x+#y',
      'l'.repeat(180),
      `${'l'.repeat(180)}#m`,
      'l'.repeat(181),
      `${'l'.repeat(180)}.m`,
      `${'ö'.repeat(400)}#${'.'.repeat(190)}`,
      'Weird "Name"#$\n',
    ];

    test('keeps ids of any characters apart, and lists them by their bytes', async () => {
      const p = partition();
      for (const [index, id] of ids.entries()) expect((await store.put(p, id, `${index}`, 0)).state).toBe('written');

      const found = await all(store.list(p, { prefix: '' }));
      const back = await all(store.list(p, { prefix: '', descending: true }));

      const sorted = [...ids].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(found.map(({ id }) => id)).toEqual(sorted);
      expect(found.map(({ id, body }) => ids[Number(body)] === id)).not.toContain(false);
      expect(back).toEqual([...found].reverse());
      for (const id of ids) expect((await store.get(p, id))?.id).toBe(id);
      for (const prefix of ['a', 'a#', 'l', 'lll', 'ö', '\u{10000}', 'nothing', `${'l'.repeat(180)}#`]) {
        const expected = sorted.filter((id) => id.startsWith(prefix));
        expect((await all(store.list(p, { prefix }))).map(({ id }) => id)).toEqual(expected);
      }
    });

    test('lists from a place on, in both directions, up to a limit', async () => {
      const p = partition();
      for (const id of ['j#1', 'j#2', 'j#3', 'j#4', 'k#1']) await store.put(p, id, id, 0);
      const listed = async (query: Parameters<LedgerStore['list']>[1]) =>
        (await all(store.list(p, query))).map(({ id }) => id).join(' ');

      expect(await listed({ prefix: 'j#', after: 'j#2' })).toBe('j#3 j#4');
      expect(await listed({ prefix: 'j#', after: 'j#25' })).toBe('j#3 j#4');
      expect(await listed({ prefix: 'j#', after: 'j#2', limit: 1 })).toBe('j#3');
      expect(await listed({ prefix: 'j#', descending: true, limit: 2 })).toBe('j#4 j#3');
      expect(await listed({ prefix: 'j#', descending: true, after: 'j#3' })).toBe('j#2 j#1');
      expect(await listed({ prefix: 'j#', after: 'a' })).toBe('j#1 j#2 j#3 j#4');
      expect(await listed({ prefix: 'j#', after: 'z' })).toBe('');
      expect(await listed({ prefix: 'j#', descending: true, after: 'a' })).toBe('');
      expect(await listed({ prefix: 'j#', descending: true, after: 'z' })).toBe('j#4 j#3 j#2 j#1');
      expect(await listed({ prefix: 'j#', limit: 0 })).toBe('');
    });

    test('a listing may be left early', async () => {
      const p = partition();
      for (let n = 0; n < 5; n += 1) await store.put(p, `i#${n}`, `${n}`, 0);

      for await (const item of store.list(p, { prefix: 'i#' })) if (item.body === '1') break;

      expect((await all(store.list(p, { prefix: 'i#' }))).length).toBe(5);
    });

    test('gets many at once, each once, and leaves out what is not there', async () => {
      const p = partition();
      const many = Array.from({ length: 230 }, (_, n) => `m#${n}`);
      await Promise.all(many.filter((_, n) => n % 2 === 0).map((id) => store.put(p, id, id, 0)));

      const found = await store.getMany(p, [...many, ...many]);

      expect([...found.keys()].sort()).toEqual(many.filter((_, n) => n % 2 === 0).sort());
      expect(await store.getMany(p, [])).toEqual(new Map());
    });

    test('keeps bodies of 350 KB and gets a hundred of them', async () => {
      const p = partition();
      const body = 'x'.repeat(350_000);
      const large = Array.from({ length: 60 }, (_, n) => `l#${n}`);
      for (const id of large) await store.put(p, id, body, 0);

      expect((await store.getMany(p, large)).size).toBe(60);
      expect((await all(store.list(p, { prefix: 'l#' }))).every((item) => item.body.length === 350_000)).toBe(true);
    });

    test.each([
      ['makes an item', 0],
      ['writes over one', 1],
    ])('of 50 contenders exactly one %s', async (_, existing) => {
      const p = partition();
      const made = existing === 1 ? await store.put(p, 'race', 'before', 0) : undefined;
      const expected = made?.state === 'written' ? made.item.revision : 0;
      const stores = Array.from({ length: 10 }, () => under.open());

      const results = await Promise.all(Array.from({ length: 50 }, (_, n) => pick(stores, n).put(p, 'race', `${n}`, expected)));

      const winners = results.flatMap((result, n) => (result.state === 'written' ? [n] : []));
      expect(winners.length).toBe(1);
      const body = `${winners[0]}`;
      expect((await store.get(p, 'race'))?.body).toBe(body);
      for (const result of results) if (result.state === 'refused') expect(result.current?.body).toBe(body);
    });

    test('contenders that write, remove and make an item again lose no step', async () => {
      const p = partition();
      const counts = { written: 0, removed: 0 };
      const contend = async (own: LedgerStore): Promise<void> => {
        for (let n = 0; n < 25; n += 1) {
          const now = await own.get(p, 'hot');
          if (now === undefined) {
            if ((await own.put(p, 'hot', '1', 0)).state === 'written') counts.written += 1;
          } else if (n % 5 === 0) {
            if ((await own.remove(p, 'hot', now.revision)) === 'written') counts.removed += Number(now.body);
          } else if ((await own.put(p, 'hot', `${Number(now.body) + 1}`, now.revision)).state === 'written') counts.written += 1;
        }
      };

      await Promise.all(Array.from({ length: 8 }, () => contend(under.open())));

      const last = await store.get(p, 'hot');
      // Each write adds one; what was removed and what is there now is the sum of them all.
      expect(counts.removed + Number(last?.body ?? 0)).toBe(counts.written);
      expect(counts.removed).toBeGreaterThan(0);
    });
  });
}
