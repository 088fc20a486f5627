import { chmod, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asLedgerError } from '../../functions/engine/ledger/file/durable.ts';
import { openFileStore } from '../../functions/engine/ledger/file/file-store.ts';
import { idOf, pathOf } from '../../functions/engine/ledger/file/path-names.ts';
import { codeOf } from '../contract/ledger-fixture.ts';

const signal = new AbortController().signal;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-'));
});
afterEach(async () => {
  await chmod(folder, 0o755);
  await rm(folder, { recursive: true, force: true });
});

describe('a folder that cannot be used', () => {
  test('a file where the folder should be is a missing store', async () => {
    await writeFile(join(folder, 'state'), '');
    const store = openFileStore({ folder: join(folder, 'state'), url: 'file:./state' });

    expect(await codeOf(store.check(signal))).toBe('ledger-missing');
    expect(await codeOf(store.put('shop', 'a', '1', 0))).toBe('ledger-missing');
    expect(await codeOf(store.get('shop', 'a'))).toBe('ledger-missing');
  });

  test('a store that failed once works as soon as its folder does', async () => {
    const path = join(folder, 'state');
    await writeFile(path, '');
    const store = openFileStore({ folder: path, url: 'file:./state' });
    expect(await codeOf(store.put('shop', 'a', '1', 0))).toBe('ledger-missing');

    await rm(path);

    expect((await store.put('shop', 'a', '1', 0)).state).toBe('written');
  });

  test.each([
    ['EACCES', 'ledger-forbidden', 'file:./state refuses put (EACCES)'],
    ['EPERM', 'ledger-forbidden', 'refuses put (EPERM)'],
    ['EROFS', 'ledger-forbidden', 'refuses put (EROFS)'],
    ['ENOENT', 'ledger-missing', 'file:./state does not exist'],
    ['ENOSPC', 'ledger-failed', 'failed at put (no space left, ENOSPC)'],
    ['EDQUOT', 'ledger-failed', 'no space left'],
    ['EIO', 'ledger-failed', 'failed at put (EIO)'],
  ])('%s is %s', (code, expected, text) => {
    const error = asLedgerError(Object.assign(new Error('secret path'), { code }), { url: 'file:./state', operation: 'put' });

    expect(error).toMatchObject({ code: expected });
    expect(String(error)).toContain(text);
    expect(String(error)).not.toContain('secret');
  });

  test('an item that was cut short is named', async () => {
    const store = openFileStore({ folder, url: 'file:./state' });
    await store.put('shop', 'doc#a', '{"value":1}', 0);
    const item = join(folder, 'shop', 'doc+', 'a');
    const [generation = ''] = await readdir(item);
    const [file = ''] = await readdir(join(item, generation));
    await writeFile(join(item, generation, file), 'body 11\n{"val');

    await expect(store.get('shop', 'doc#a')).rejects.toThrow(
      'The item "doc#a" of the state store file:./state cannot be read: cut short',
    );
  });
});

test('what killed processes began long ago is cleared away, what was begun just now is not', async () => {
  const scratch = join(folder, '.tmp');
  await mkdir(join(scratch, `waste-${Date.now() - 120_000}-a`), { recursive: true });
  await mkdir(join(scratch, `waste-${Date.now()}-b`));
  await mkdir(join(scratch, 'new-old'));
  await writeFile(join(scratch, 'new-now'), '');
  const longAgo = new Date(Date.now() - 2 * 86_400_000);
  await utimes(join(scratch, 'new-old'), longAgo, longAgo);
  const store = openFileStore({ folder, url: 'file:./state' });

  await store.put('shop', 'a', '1', 0);

  expect((await readdir(scratch)).map((name) => name.replace(/-\d+-/, '-'))).toEqual(['new-now', 'waste-b']);
});

test('removed items leave nothing behind but waste', async () => {
  const store = openFileStore({ folder, url: 'file:./state' });
  for (const id of ['commit#job#head#1', 'commit#job#head#2', `doc#${'x'.repeat(600)}`]) {
    const written = await store.put('shop', id, '1', 0);
    if (written.state === 'written') await store.remove('shop', id, written.item.revision);
  }

  expect(await readdir(join(folder, 'shop'))).toEqual([]);
});

test.each([
  ['doc#shop.public.orders', 'doc+/shop.public.orders'],
  ['doc#Shop', 'doc+/%53hop'],
  ['doc#.', 'doc+/%2e'],
  ['doc#..', 'doc+/%2e.'],
  ['#', '%+/%'],
  ['a#', 'a+/%'],
  ['a/b', 'a%2fb'],
  ['a+~%', 'a%2b%7e%25'],
  ['ä', '%c3%a4'],
  [`${'a'.repeat(180)}.b`, `${'a'.repeat(180)}~/%2eb`],
  [`${'a'.repeat(179)}ä#x`, `${'a'.repeat(179)}~/%c3%a4+/x`],
])('the id %j is kept as %s', (id, path) => {
  expect(pathOf(id).join('/')).toBe(path);
  expect(idOf(pathOf(id))).toBe(id);
});
