import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openFileStore } from '../../functions/engine/ledger/file/file-store.ts';
import { all, until } from '../contract/ledger-clock.ts';

const CHILD = join(import.meta.dirname, 'file-store-child.ts');

interface Child {
  readonly process: ChildProcess;
  readonly lines: () => readonly string[];
  readonly ended: Promise<unknown>;
}

let folder: string;
const children: Child[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-'));
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.process.kill('SIGKILL');
    await child.ended;
  }
  await rm(folder, { recursive: true, force: true });
});

function startChild(kind: string, name: string): Child {
  const process_ = spawn(process.execPath, ['--import', 'tsx', CHILD, folder, kind, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  process_.stdout.on('data', (data: Buffer) => {
    text += data.toString();
  });
  // The last line may be cut short by the kill: what was not said was not acknowledged.
  const child = { process: process_, lines: () => text.split('\n').slice(0, -1), ended: once(process_, 'close') };
  children.push(child);
  return child;
}

test('keeps every acknowledged write of a process that is killed again and again', async () => {
  interface Known {
    readonly n: number;
    readonly revision: number;
    readonly isBeingRemoved?: boolean;
  }
  const known = new Map<string, Known | 'removed'>();
  for (let round = 0; round < 20; round += 1) {
    const child = startChild('loop', 'a');
    // Another number of writes each time, and from there on whatever the next signal hits.
    await until(() => child.lines().length >= 3 + ((round * 7) % 20), 60_000);
    child.process.kill('SIGKILL');
    await child.ended;

    for (const line of child.lines().slice(1)) {
      const [what, id = '', n, revision] = line.split(' ');
      const before = known.get(id);
      if (what === 'wrote') known.set(id, { n: Number(n), revision: Number(revision) });
      else if (what === 'removed') known.set(id, 'removed');
      else if (before !== undefined && before !== 'removed') known.set(id, { ...before, isBeingRemoved: true });
    }
    await using store = openFileStore({ folder, url: 'file:./state' });
    for (const [id, last] of known) {
      const item = await store.get('shop', id);
      const body = item === undefined ? undefined : (JSON.parse(item.body) as { readonly n: number });
      if (last === 'removed') {
        if (item !== undefined) known.set(id, { n: body?.n ?? 0, revision: item.revision });
        continue;
      }
      if (item === undefined) {
        expect(last.isBeingRemoved, `${id} in round ${round}`).toBe(true);
        known.set(id, 'removed');
        continue;
      }
      // One write beyond the last acknowledged one may have happened.
      expect([last.revision, last.revision + 1], `${id} in round ${round}`).toContain(item.revision);
      if (item.revision === last.revision) expect(body?.n).toBe(last.n);
      known.set(id, { n: body?.n ?? 0, revision: item.revision });
    }
    const live = [...known].filter(([, last]) => last !== 'removed').map(([id]) => id);
    expect((await all(store.list('shop', { prefix: 'head#' }))).map(({ id }) => id)).toEqual(expect.arrayContaining(live));
  }
  expect(known.size).toBe(5);
});

test('counts right when several processes write the same item', async () => {
  const own = ['a', 'b', 'c', 'd'].map((name) => startChild('count', name));

  const codes = await Promise.all(own.map(({ ended }) => ended));

  expect(codes).toEqual(own.map(() => [0, null]));
  await using store = openFileStore({ folder, url: 'file:./state' });
  expect((await store.get('shop', 'counter'))?.body).toBe('200');
  // Old generations are moved away: a hot item does not grow.
  expect((await readdir(join(folder, 'shop', 'counter'))).length).toBe(1);
});

test('gives each new item to exactly one of several processes', async () => {
  const own = ['a', 'b', 'c', 'd'].map((name) => startChild('race', name));
  await Promise.all(own.map(({ ended }) => ended));

  const won = own.flatMap((child) => (child.lines().at(-1) ?? '').split(' ').slice(1)).filter((n) => n !== '');

  expect(won.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, n) => n));
});

test('a lease does not keep its process alive', async () => {
  const child = startChild('lease', 'job-1');

  expect(await child.ended).toEqual([0, null]);
  expect(child.lines()).toEqual(['started', 'held']);
});
