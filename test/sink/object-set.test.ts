import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EncodedBlock } from '../../functions/engine/model/objects.ts';
import { openFileSink } from '../../functions/engine/sink/file/file-sink.ts';
import { openObjectSet } from '../../functions/engine/sink/object-set.ts';
import type { ObjectSet, SetProgress } from '../../functions/engine/sink/object-set.ts';
import type { Sink } from '../../functions/engine/sink/sink.ts';
import { codeOf, keysOf } from '../contract/sink.suite.ts';
import { block, setOptions, verifiedIds } from './object-set.suite.ts';

const never = new AbortController().signal;
let root: string;
let sink: Sink;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'object-set-'));
  sink = openFileSink({ url: 'file:out', directory: root });
});
afterEach(() => rm(root, { recursive: true }));

async function writeAll(set: ObjectSet, rows: number, rowsPerBlock = 100): Promise<void> {
  for (let start = 0; start < rows; start += rowsPerBlock)
    await set.write(block(Math.min(rowsPerBlock, rows - start), { start }));
}

test('rows, bytes and sha-256 of every object are those of what is stored, and no row is lost or doubled by rotation', async () => {
  await using set = openObjectSet(setOptions(sink, { rotateBytes: 100_000 }));
  await writeAll(set, 20_000, 77);

  const objects = await set.finish();

  const ids = [];
  for (const object of objects) ids.push(...(await verifiedIds(sink, object)));
  expect(objects.length).toBeGreaterThan(10);
  expect(objects.every(({ jsonBytes }) => jsonBytes <= 100_000)).toBe(true);
  expect(ids).toEqual(Array.from({ length: 20_000 }, (_, n) => n));
  expect(objects.map(({ key }) => key)).toEqual(await keysOf(sink, ''));
  expect(objects[0]).toMatchObject({ kind: 'copy', firstSequence: '100', lastSequence: '100' });
});

test('a set without rows has no objects', async () => {
  await using set = openObjectSet(setOptions(sink));
  await set.write({ bytes: Buffer.alloc(0), rows: 0 });

  expect(await set.finish()).toEqual([]);
  expect(await readdir(root)).toEqual([]);
});

test('a block that is larger than an object may be is an object of its own', async () => {
  await using set = openObjectSet(setOptions(sink, { rotateBytes: 1000 }));
  for (const rows of [1, 500, 1]) await set.write(block(rows));

  expect((await set.finish()).map(({ rows }) => rows)).toEqual([1, 500, 1]);
});

test.each([0, 1, 2_000, 20_000])('disposing before the end leaves nothing after %i rows', async (rows) => {
  {
    await using set = openObjectSet(setOptions(sink, { rotateBytes: 100_000 }));
    await writeAll(set, rows);
  }

  expect(await readdir(root, { recursive: true }).then((names) => names.filter((name) => name.includes('copy')))).toEqual([]);
});

test('disposing after the end leaves everything', async () => {
  const set = openObjectSet(setOptions(sink));
  await writeAll(set, 10);
  await set.finish();

  await set[Symbol.asyncDispose]();

  expect(await keysOf(sink, '')).toEqual(['t/1/copy-0000.jsonl.gz']);
});

test('a key that is taken surfaces, and the other objects of the set are taken back', async () => {
  await sink.put('t/1/copy-0003.jsonl.gz', Buffer.from('of another'), { contentType: 'x' }, never);
  const code = await codeOf(
    (async () => {
      await using set = openObjectSet(setOptions(sink, { rotateBytes: 10_000 }));
      await writeAll(set, 5_000);
      await set.finish();
    })(),
  );

  expect(code).toBe('object-exists');
  expect(await keysOf(sink, '')).toEqual(['t/1/copy-0003.jsonl.gz']);
  expect((await sink.read('t/1/copy-0003.jsonl.gz', never))?.toString()).toBe('of another');
});

test('an aborted signal ends the set with its reason, and leaves nothing', async () => {
  const abort = new AbortController();
  const reason = new Error('out of time');
  const set = openObjectSet(setOptions(sink, { signal: abort.signal, rotateBytes: 50_000 }));
  await writeAll(set, 3_000);

  abort.abort(reason);

  await expect(set.write(block(1))).rejects.toBe(reason);
  await expect(set.finish()).rejects.toBe(reason);
  await set[Symbol.asyncDispose]();
  expect(await keysOf(sink, '')).toEqual([]);
});

test('sequences per block become the bounds of each object, compared as numbers of 64 bits', async () => {
  const sequences = new Map<EncodedBlock, readonly [string, string]>([
    [block(10, { width: 500 }), ['9007199254740993', '9007199254740995']],
    [block(10, { width: 501 }), ['9', '10']],
    [block(10, { width: 502 }), ['18446744073709551614', '18446744073709551615']],
  ]);
  await using set = openObjectSet(
    setOptions(sink, {
      kind: 'log',
      rotateBytes: 12_000,
      firstSequence: (written) => sequences.get(written)?.[0] ?? '',
      lastSequence: (written) => sequences.get(written)?.[1] ?? '',
    }),
  );
  for (const written of sequences.keys()) await set.write(written);

  expect((await set.finish()).map(({ firstSequence, lastSequence }) => [firstSequence, lastSequence])).toEqual([
    ['9', '9007199254740995'],
    ['18446744073709551614', '18446744073709551615'],
  ]);
});

test('progress ends with what the objects hold', async () => {
  const progress: SetProgress[] = [];
  await using set = openObjectSet(setOptions(sink, { rotateBytes: 100_000, onProgress: (so) => void progress.push(so) }));
  await writeAll(set, 5_000);

  const objects = await set.finish();

  const sum = (name: 'rows' | 'jsonBytes' | 'bytes'): number => objects.reduce((total, object) => total + object[name], 0);
  expect(progress.at(-1)).toEqual({ rows: sum('rows'), jsonBytes: sum('jsonBytes'), storedBytes: sum('bytes') });
});

test.each(['none', 'gzip'] as const)('%s objects are whole', async (kind) => {
  await using set = openObjectSet(setOptions(sink, { compression: { kind }, keyOf: (part) => `o/${part}` }));
  await writeAll(set, 5_000);

  const [object] = await set.finish();

  const stored = await sink.read('o/0', never);
  expect(stored?.length).toBe(object?.bytes);
  if (kind === 'none') expect(object?.bytes).toBe(object?.jsonBytes);
});

test('is of no use after its end', async () => {
  const set = openObjectSet(setOptions(sink));
  await set.finish();

  await expect(set.write(block(1))).rejects.toThrow(TypeError);
  await expect(set.finish()).rejects.toThrow(TypeError);
});
