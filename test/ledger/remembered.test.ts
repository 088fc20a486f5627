import { expect, test } from 'vitest';
import { Remembered } from '../../functions/engine/ledger/remembered.ts';

const item = (id: string, characters: number) => ({ id, revision: 1, body: 'x'.repeat(characters) });

test('keeps items as they were seen last, and forgets the oldest beyond 4 MiB', () => {
  const remembered = new Remembered();
  remembered.note(item('a', 2 * 1024 * 1024));
  remembered.note(item('b', 1024 * 1024));
  remembered.note({ ...item('a', 1024 * 1024), revision: 2 });
  remembered.note(item('c', 2 * 1024 * 1024));

  expect(['a', 'b', 'c', 'd'].map((id) => remembered.get(id)?.revision)).toEqual([2, 1, 1, undefined]);

  remembered.note(item('d', 1));
  expect(['a', 'b', 'c', 'd'].map((id) => remembered.get(id)?.revision)).toEqual([2, undefined, 1, 1]);

  remembered.note(item('e', 5 * 1024 * 1024));
  expect(['a', 'c', 'd', 'e'].map((id) => remembered.get(id))).toEqual([undefined, undefined, undefined, undefined]);
});
