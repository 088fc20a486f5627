import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ReplicationError } from '../../functions/engine/model/errors.ts';
import type { Sink } from '../../functions/engine/sink/sink.ts';

/** A sink under test, and what is there as seen past it. */
export interface SinkUnderTest extends AsyncDisposable {
  readonly sink: Sink;
  /** Another sink on the same place, as another process would open it. */
  reopen(): Sink;
  /** Bytes that make more than two parts, for stores that have parts. */
  readonly manyPartsBytes: number;
  /** Keys of finished objects. */
  visible(): Promise<readonly string[]>;
  /** Keys of objects that were begun and neither completed nor given up. */
  unfinished(): Promise<readonly string[]>;
  /** A sink whose place does not exist. */
  missing(): Promise<Sink>;
}

const never = new AbortController().signal;
const JSONL = { contentType: 'application/x-ndjson', contentEncoding: 'gzip' } as const;
const JSON_TEXT = { contentType: 'application/json' } as const;

/** What every sink does. One fresh place per test. */
export function sinkSuite(name: string, open: () => Promise<SinkUnderTest>): void {
  describe(`the sink contract: ${name}`, () => {
    test.each([0, 1, 70_000])('an object of %i bytes is invisible until it is complete, then whole', async (bytes) => {
      await using place = await open();
      const body = randomBytes(bytes);

      await using upload = await place.sink.create('t/1/copy-0.jsonl.gz', JSONL, never);
      await upload.write(body);
      const before = [await place.visible(), await keysOf(place.sink, ''), await place.sink.read('t/1/copy-0.jsonl.gz', never)];
      await upload.complete();

      expect(before).toEqual([[], [], undefined]);
      expect(await place.visible()).toEqual(['t/1/copy-0.jsonl.gz']);
      expect(await place.unfinished()).toEqual([]);
      expect((await place.reopen().read('t/1/copy-0.jsonl.gz', never))?.equals(body)).toBe(true);
    });

    test('an object of many parts is written in pieces of any size, and whole', async () => {
      await using place = await open();
      const body = randomBytes(place.manyPartsBytes);

      await using upload = await place.sink.create('big', JSONL, never);
      for (const [start, end] of pieces(body.length)) await upload.write(body.subarray(start, end));
      const before = await place.visible();
      await upload.complete();

      expect(before).toEqual([]);
      expect((await place.sink.read('big', never))?.equals(body)).toBe(true);
      expect(await place.unfinished()).toEqual([]);
    });

    test('an object that exists is never replaced, and the one that came late leaves nothing', async () => {
      await using place = await open();
      await place.sink.put('taken', Buffer.from('old'), JSON_TEXT, never);

      for (const bytes of [10, place.manyPartsBytes]) {
        await using upload = await place.sink.create('taken', JSONL, never);
        await upload.write(randomBytes(bytes));
        expect(await codeOf(upload.complete())).toBe('object-exists');
      }

      expect((await place.sink.read('taken', never))?.toString()).toBe('old');
      expect(await place.unfinished()).toEqual([]);
    });

    test('of twenty that create one key at the same time, one wins and its bytes stay', async () => {
      await using place = await open();
      const bodies = Array.from({ length: 20 }, (_, writer) => Buffer.from(`writer ${writer}`));

      const codes = await Promise.all(
        bodies.map(async (body) => {
          await using upload = await place.sink.create('race', JSONL, never);
          await upload.write(body);
          return await codeOf(upload.complete());
        }),
      );

      const winner = codes.indexOf(undefined);
      expect(codes.filter((code) => code === undefined)).toHaveLength(1);
      expect(codes.filter((code) => code === 'object-exists')).toHaveLength(19);
      expect((await place.sink.read('race', never))?.equals(bodies[winner] ?? Buffer.alloc(0))).toBe(true);
      expect(await place.unfinished()).toEqual([]);
    });

    test('disposing leaves nothing, at whatever point', async () => {
      await using place = await open();

      for (const bytes of [0, 10, place.manyPartsBytes]) {
        await using upload = await place.sink.create(`given-up-${bytes}`, JSONL, never);
        if (bytes > 0) await upload.write(randomBytes(bytes));
      }

      expect([await place.visible(), await place.unfinished()]).toEqual([[], []]);
    });

    test('disposing after completion leaves the object; disposing twice is no error', async () => {
      await using place = await open();
      const upload = await place.sink.create('kept', JSONL, never);
      await upload.write(Buffer.from('x'));
      await upload.complete();

      await upload[Symbol.asyncDispose]();
      await upload[Symbol.asyncDispose]();

      expect(await place.visible()).toEqual(['kept']);
    });

    test('an aborted signal ends an upload with its reason, and leaves nothing', async () => {
      await using place = await open();
      const abort = new AbortController();
      const reason = new Error('stop');
      await using upload = await place.sink.create('aborted', JSONL, abort.signal);
      await upload.write(randomBytes(place.manyPartsBytes));

      abort.abort(reason);

      await expect(upload.write(Buffer.from('x'))).rejects.toBe(reason);
      await expect(upload.complete()).rejects.toBe(reason);
      await upload[Symbol.asyncDispose]();
      await expect(place.sink.create('another', JSONL, abort.signal)).rejects.toBe(reason);
      await expect(place.sink.put('another', Buffer.from('x'), JSON_TEXT, abort.signal)).rejects.toBe(reason);
      await expect(place.sink.read('another', abort.signal)).rejects.toBe(reason);
      expect([await place.visible(), await place.unfinished()]).toEqual([[], []]);
    });

    test('put replaces; read gives the whole or nothing', async () => {
      await using place = await open();
      await place.sink.put('a/_table.json', Buffer.from('one, and longer'), JSON_TEXT, never);
      await place.sink.put('a/_table.json', Buffer.from('two'), JSON_TEXT, never);

      expect((await place.sink.read('a/_table.json', never))?.toString()).toBe('two');
      expect(await place.sink.read('a/none.json', never)).toBeUndefined();
      expect(await place.sink.read('a', never)).toBeUndefined();
      expect(await place.sink.read('a/_table.json/below', never)).toBeUndefined();
      expect(await place.unfinished()).toEqual([]);
    });

    test('lists keys below a prefix by their bytes, with sizes', async () => {
      await using place = await open();
      for (const key of ['p/b', 'p/a/2', 'p/a/1', 'p/a-', 'p/a.x', 'p/ä', 'p/B', 'pa', 'q']) {
        await place.sink.put(key, Buffer.from(key), JSON_TEXT, never);
      }

      expect(await keysOf(place.sink, 'p/')).toEqual(['p/B', 'p/a-', 'p/a.x', 'p/a/1', 'p/a/2', 'p/b', 'p/ä']);
      expect(await keysOf(place.sink, 'p/a')).toEqual(['p/a-', 'p/a.x', 'p/a/1', 'p/a/2']);
      expect(await keysOf(place.sink, 'p')).toEqual(['p/B', 'p/a-', 'p/a.x', 'p/a/1', 'p/a/2', 'p/b', 'p/ä', 'pa']);
      expect(await keysOf(place.sink, 'none/')).toEqual([]);
      const sizes = [];
      for await (const { bytes } of place.sink.list('p/a/', never)) sizes.push(bytes);
      expect(sizes).toEqual([5, 5]);
    });

    test('removes objects, missing ones too', async () => {
      await using place = await open();
      for (const key of ['r/1', 'r/2', 'r/3']) await place.sink.put(key, Buffer.from('x'), JSON_TEXT, never);

      await place.sink.remove(['r/1', 'r/none', 'r/3', 'no/folder/either'], never);
      await place.sink.remove([], never);

      expect(await place.visible()).toEqual(['r/2']);
    });

    test('gives up uploads that nobody works on, below a prefix, and only those', async () => {
      await using place = await open();
      const uploads = [];
      for (const key of ['x/a/1', 'x/a/2', 'x/b/1', 'y/a/1']) {
        const upload = await place.sink.create(key, JSONL, never);
        await upload.write(randomBytes(place.manyPartsBytes));
        uploads.push(upload);
      }
      const begun = await place.unfinished();
      const asked: string[] = [];

      const count = await place.reopen().abandonUploads(
        'x/a/',
        (key) => {
          asked.push(key);
          return key !== 'x/a/2';
        },
        never,
      );

      expect(begun).toEqual(['x/a/1', 'x/a/2', 'x/b/1', 'y/a/1']);
      expect(count).toBe(1);
      expect(asked.sort()).toEqual(['x/a/1', 'x/a/2']);
      expect(await place.unfinished()).toEqual(['x/a/2', 'x/b/1', 'y/a/1']);
      expect(await place.reopen().abandonUploads('', () => true, never)).toBe(3);
      for (const upload of uploads) await upload[Symbol.asyncDispose]();
      expect([await place.visible(), await place.unfinished()]).toEqual([[], []]);
    });

    test('check leaves nothing where it passes, and says what is missing where it does not', async () => {
      await using place = await open();

      await place.sink.check(never);

      expect([await place.visible(), await place.unfinished()]).toEqual([[], []]);
      expect(await codeOf((await place.missing()).check(never))).toBe('sink-missing');
    });

    test.each([
      '',
      '/',
      '/abs',
      'a//b',
      'a/',
      '..',
      'a/../../b',
      './a',
      'a/.',
      'nul\0',
      'line\n',
      'back\\slash',
      `a/${'x'.repeat(256)}`,
      '_tmp-x',
      'a/_tmp-x/b',
      '\ud800',
    ])('refuses the key %j, however it is used', async (key) => {
      await using place = await open();

      expect(await codeOf(place.sink.create(key, JSONL, never))).toBe('key-unsuitable');
      expect(await codeOf(place.sink.put(key, Buffer.from('x'), JSON_TEXT, never))).toBe('key-unsuitable');
      expect(await codeOf(place.sink.read(key, never))).toBe('key-unsuitable');
      expect(await codeOf(place.sink.remove([key], never))).toBe('key-unsuitable');
      expect(await place.visible()).toEqual([]);
    });

    test('takes keys with any letters, and names as long as PostgreSQL makes them', async () => {
      await using place = await open();
      const keys = ['ünï/日本.gz', 'a b+c&d=e%20.gz', `${'t'.repeat(63)}/${'v'.repeat(200)}`, 'quote\'"<>.gz', 'A', 'a'];

      for (const key of keys) await place.sink.put(key, Buffer.from(key), JSON_TEXT, never);

      expect([...(await keysOf(place.sink, ''))].sort()).toEqual([...keys].sort());
      for (const key of keys) expect((await place.sink.read(key, never))?.toString()).toBe(key);
    });
  });
}

export async function keysOf(sink: Sink, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of sink.list(prefix, never)) keys.push(key);
  return keys;
}

/** The code that it failed with; undefined if it did not. */
export async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof ReplicationError) return error.code as string;
    throw error;
  }
}

/** Cuts at uneven places: tiny, empty, and larger than a part. */
function pieces(bytes: number): readonly (readonly [number, number])[] {
  const cuts = [0, 1, 1, 1000, Math.floor(bytes / 3), bytes - 1, bytes];
  return cuts.slice(1).map((end, index) => [cuts[index] ?? 0, end] as const);
}
