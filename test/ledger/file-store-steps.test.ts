import type * as Fs from 'node:fs/promises';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openFileStore } from '../../functions/engine/ledger/file/file-store.ts';
import type { LedgerStore } from '../../functions/engine/ledger/store.ts';
import { all } from '../contract/ledger-clock.ts';

/** How many more calls change anything before the process is dead. */
const life = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY, isDead: false }));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof Fs>();
  const step = (): void => {
    if (life.left > 0 && !life.isDead) {
      life.left -= 1;
      return;
    }
    life.isDead = true;
    throw new Error('dead');
  };
  const dying =
    <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      step();
      return call(...args);
    };
  return {
    ...real,
    mkdir: dying(real.mkdir),
    rename: dying(real.rename),
    link: dying(real.link),
    unlink: dying(real.unlink),
    rmdir: dying(real.rmdir),
    rm: dying(real.rm),
    open: async (...args: Parameters<typeof real.open>) => {
      if (args[1] !== 'wx') return real.open(...args);
      step();
      const file = await real.open(...args);
      const write = file.writeFile.bind(file);
      file.writeFile = async (text) => {
        // A kill in the middle of a write leaves half of it.
        if (life.left <= 0 && typeof text === 'string') await write(text.slice(0, text.length / 2));
        step();
        return write(text);
      };
      return file;
    },
  };
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-'));
});
afterEach(async () => {
  life.left = Number.POSITIVE_INFINITY;
  life.isDead = false;
  await rm(folder, { recursive: true, force: true });
});

interface State {
  readonly body: string | undefined;
  readonly revision: number;
}

/** Makes, changes and removes one item. Tells before each step what will be, and after it that it was acknowledged. */
async function live(
  store: LedgerStore,
  tell: { readonly next: (state: State) => void; readonly acknowledged: () => void },
): Promise<void> {
  for (let incarnation = 0; incarnation < 2; incarnation += 1) {
    let revision = 0;
    for (let n = 0; n < 6; n += 1) {
      const body = `${incarnation}.${n}${'x'.repeat(90_000)}`;
      tell.next({ body, revision: revision + 1 });
      const written = await store.put('shop', 'doc#a', body, revision);
      if (written.state === 'refused') throw new Error('refused');
      revision = written.item.revision;
      tell.next({ body, revision });
      tell.acknowledged();
    }
    tell.next({ body: undefined, revision: 0 });
    if ((await store.remove('shop', 'doc#a', revision)) === 'refused') throw new Error('refused');
    tell.acknowledged();
  }
}

test('whatever call a process dies at, what was acknowledged is there, and the next process goes on', async () => {
  let steps = 0;
  for (; ; steps += 1) {
    const own = join(folder, `${steps}`);
    let acknowledged: State = { body: undefined, revision: 0 };
    let next = acknowledged;
    life.left = steps;
    life.isDead = false;
    const isAlive = await live(openFileStore({ folder: own, url: 'file:./state' }), {
      next: (state) => {
        next = state;
      },
      acknowledged: () => {
        acknowledged = next;
      },
    }).then(
      () => true,
      () => false,
    );
    life.left = Number.POSITIVE_INFINITY;
    life.isDead = false;

    const store = openFileStore({ folder: own, url: 'file:./state' });
    const found = await store.get('shop', 'doc#a');
    expect([acknowledged.body, next.body], `step ${steps}`).toContain(found?.body);
    expect((await all(store.list('shop', { prefix: '' }))).length, `step ${steps}`).toBe(found === undefined ? 0 : 1);

    const written = await store.put('shop', 'doc#a', 'after', found?.revision ?? 0);
    expect(written.state, `step ${steps}`).toBe('written');
    expect((await store.get('shop', 'doc#a'))?.body).toBe('after');
    if (written.state === 'written') expect(await store.remove('shop', 'doc#a', written.item.revision)).toBe('written');
    expect(await store.get('shop', 'doc#a')).toBeUndefined();
    expect(await all(store.list('shop', { prefix: '' }))).toEqual([]);
    expect(await readdir(join(own, 'shop')), `step ${steps}`).toEqual([]);
    if (isAlive) break;
  }
  expect(steps).toBeGreaterThan(70);
});

test('a listing clears away a half removed item, and the item can be made anew by a store that had it before', async () => {
  const store = openFileStore({ folder, url: 'file:./state' });
  const made = await store.put('shop', 'doc#a', 'one', 0);
  if (made.state === 'refused') throw new Error('refused');
  const dying = openFileStore({ folder, url: 'file:./state' });
  await dying.get('shop', 'doc#a');
  // Scratch folder, file, contents, link, unlink: the end is written, nothing is cleared.
  life.left = 5;
  await expect(dying.remove('shop', 'doc#a', made.item.revision)).rejects.toThrow('dead');
  life.left = Number.POSITIVE_INFINITY;
  life.isDead = false;

  expect(await readdir(join(folder, 'shop'))).toEqual(['doc+']);
  expect(await all(store.list('shop', { prefix: '' }))).toEqual([]);
  expect(await readdir(join(folder, 'shop'))).toEqual([]);
  expect(await store.put('shop', 'doc#a', 'late', made.item.revision)).toEqual({ state: 'refused', current: undefined });
  expect((await store.put('shop', 'doc#a', 'two', 0)).state).toBe('written');
});
