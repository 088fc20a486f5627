import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { failpoint, setFailpoints } from '../../functions/engine/runtime/failpoints.ts';
import { COLUMNS } from './columns.ts';
import { ALL_FAILPOINTS, everyMethod, wholeMatrix } from './subset.ts';
import { whyUnreached } from './ways.ts';

afterEach(() => setFailpoints(undefined));

test('every failpoint of the list is in the product, and every one in the product is in the list', async () => {
  const used = new Set<string>();
  for (const name of await readdir('functions', { recursive: true })) {
    if (!name.endsWith('.ts')) continue;
    const text = await readFile(join('functions', name), 'utf8');
    for (const [, found = ''] of text.matchAll(/\bfailpoint\('([^']+)'\)/g)) used.add(found);
  }

  expect([...used].sort()).toEqual([...ALL_FAILPOINTS].sort());
});

test('without a hook a failpoint is nothing to wait for', () => {
  expect(failpoint('commit.before')).toBeUndefined();
});

test('a hook sees the name, and the product waits for what it returns', async () => {
  const seen: string[] = [];
  setFailpoints(async (name) => void seen.push(name));

  await failpoint('commit.before');

  expect(seen).toEqual(['commit.before']);
});

test('a hook that fails makes its step fail', async () => {
  setFailpoints(() => Promise.reject(new Error('wanted')));

  await expect(failpoint('claim.before')).rejects.toThrow('wanted');
});

test('the part of the matrix that runs with the tests has every failpoint that a method comes by, of both kinds of store and all decoders', () => {
  const cells = everyMethod();

  for (const name of ALL_FAILPOINTS) {
    const methods = new Set(COLUMNS.filter((column) => whyUnreached(name, column) === undefined).map(({ method }) => method));
    expect(new Set(cells.filter((cell) => cell.name === name).map(({ column }) => column.method))).toEqual(methods);
  }
  expect(new Set(cells.map(({ column }) => JSON.stringify(column))).size).toBe(COLUMNS.length);
  expect(wholeMatrix()).toHaveLength(ALL_FAILPOINTS.length * COLUMNS.length);
});
