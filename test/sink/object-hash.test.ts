import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { openThreadHash } from '../../functions/engine/sink/hash-thread.ts';
import { openFastHash, openHash } from '../../functions/engine/sink/object-hash.ts';
import type { ObjectHash } from '../../functions/engine/sink/object-hash.ts';

const OPENERS: readonly { readonly name: string; readonly open: () => ObjectHash | undefined }[] = [
  { name: 'in the calling thread', open: openHash },
  { name: 'in a thread of its own', open: openThreadHash },
];

describe.each(OPENERS)('a hash $name', ({ open }) => {
  test('is the SHA-256 of all bytes in their order, which come back unchanged', async () => {
    using hash = opened(open);
    const blocks = Array.from({ length: 40 }, (_, n) => randomBytes(n * 1000));
    const all = Buffer.concat(blocks);

    const back = await Promise.all(blocks.map((block) => hash.update(block)));

    expect(Buffer.concat(back).equals(all)).toBe(true);
    expect(await hash.digest()).toBe(sha256(all));
  });

  test("leaves Node's pool of small buffers alone", async () => {
    using hash = opened(open);
    const small = Buffer.from('a small one');
    const neighbour = Buffer.from('beside it');

    await hash.update(small);

    expect(neighbour.toString()).toBe('beside it');
    expect(Buffer.from('a later one').toString()).toBe('a later one');
    expect(await hash.digest()).toBe(sha256(Buffer.from('a small one')));
  });

  test('of nothing is that of no bytes', async () => {
    using hash = opened(open);

    expect(await hash.digest()).toBe(sha256(Buffer.alloc(0)));
  });

  test('is not mixed up with others that are made at the same time', async () => {
    const pairs = Array.from({ length: 5 }, () => ({ hash: opened(open), bytes: randomBytes(50_000) }));
    const copies = pairs.map(({ bytes }) => Buffer.from(bytes));

    for (let at = 0; at < 50_000; at += 10_000) {
      await Promise.all(pairs.map(({ hash, bytes }) => hash.update(Buffer.from(bytes.subarray(at, at + 10_000)))));
    }

    expect(await Promise.all(pairs.map(({ hash }) => hash.digest()))).toEqual(copies.map(sha256));
    for (const { hash } of pairs) hash[Symbol.dispose]();
  });
});

test('a hash that is given up in the middle tells who waits for it, and disturbs no other one', async () => {
  const other = opened(openThreadHash);
  const given = opened(openThreadHash);
  const waiting = given.update(randomBytes(1_000_000));

  given[Symbol.dispose]();

  await expect(waiting).rejects.toThrow('given up');
  await expect(given.update(randomBytes(10))).rejects.toThrow('gone');
  const bytes = randomBytes(1000);
  const expected = sha256(bytes);
  await other.update(bytes);
  expect(await other.digest()).toBe(expected);
});

test('the fast hash goes over to the thread once much was hashed, with the same results', async () => {
  const results: string[] = [];
  const expected: string[] = [];
  for (let n = 0; n < 5; n++) {
    using hash = openFastHash();
    const bytes = randomBytes(16 * 1024 * 1024);
    expected.push(sha256(bytes));
    await hash.update(bytes);
    results.push(await hash.digest());
  }

  expect(results).toEqual(expected);
});

function opened(open: () => ObjectHash | undefined): ObjectHash {
  const hash = open();
  if (hash === undefined) throw new Error('no thread');
  return hash;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
