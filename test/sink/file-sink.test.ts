import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toSinkError } from '../../functions/engine/sink/file/file-errors.ts';
import { openFileSink } from '../../functions/engine/sink/file/file-sink.ts';
import type { Sink } from '../../functions/engine/sink/sink.ts';
import { codeOf, keysOf } from '../contract/sink.suite.ts';

const CONTENT = { contentType: 'application/x-ndjson' } as const;
const never = new AbortController().signal;

let root: string;
let sink: Sink;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'file-sink-'));
  sink = openFileSink({ url: 'file:out', directory: root });
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Runs as a user who may not write to the folder. */
async function asStranger<T>(work: () => Promise<T>): Promise<T> {
  const isRoot = process.geteuid?.() === 0;
  await chmod(root, 0o555);
  if (isRoot) process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
    await chmod(root, 0o755);
  }
}

test('a temporary file lies beside its final place, under a name that readers ignore', async () => {
  await using upload = await sink.create('t/1/copy.jsonl.gz', CONTENT, never);
  await upload.write(Buffer.from('x'));

  expect(await readdir(join(root, 't', '1'))).toEqual([expect.stringMatching(/^_tmp-[0-9a-f]{12}-copy\.jsonl\.gz$/)]);
});

test('files of others are neither listed as unfinished nor given up', async () => {
  await mkdir(join(root, 'a'));
  await writeFile(join(root, 'a', '_tmp-mine'), '');
  await writeFile(join(root, 'a', '_other'), '');

  expect(await sink.abandonUploads('', () => true, never)).toBe(0);
  expect(await keysOf(sink, '')).toEqual(['a/_other']);
});

test('does not follow links out of the folder when it lists', async () => {
  await sink.put('a/1', Buffer.from('x'), CONTENT, never);
  await symlink(root, join(root, 'a', 'round'));

  expect(await keysOf(sink, '')).toEqual(['a/1']);
});

test('makes a folder again that was removed meanwhile', async () => {
  await sink.put('a/b/1', Buffer.from('x'), CONTENT, never);
  await rm(join(root, 'a'), { recursive: true });

  await sink.put('a/b/2', Buffer.from('y'), CONTENT, never);

  expect(await keysOf(sink, '')).toEqual(['a/b/2']);
});

test('an upload whose temporary file was given up by another job cannot complete', async () => {
  await using upload = await sink.create('k', CONTENT, never);
  await upload.write(Buffer.from('x'));
  await sink.abandonUploads('', () => true, never);

  expect(await codeOf(upload.complete())).toBe('sink-missing');
  expect(await readdir(root)).toEqual([]);
});

test.each([
  ['237 bytes', 'x'.repeat(237), undefined],
  ['238 bytes', 'x'.repeat(238), 'key-unsuitable'],
  ['237 bytes of umlauts', `x${'ü'.repeat(118)}`, undefined],
  ['239 bytes of umlauts', `x${'ü'.repeat(119)}`, 'key-unsuitable'],
])('file names may be as long as leaves room for a temporary name: %s', async (_name, key, code) => {
  expect(await codeOf(sink.put(`t/${key}`, Buffer.from('x'), CONTENT, never))).toBe(code);
});

test('a folder where a file should be, and a file where a folder should be, are errors', async () => {
  await sink.put('a/b', Buffer.from('x'), CONTENT, never);

  expect(await codeOf(sink.put('a/b/c', Buffer.from('x'), CONTENT, never))).toBe('sink-failed');
  expect(await codeOf(sink.put('a', Buffer.from('x'), CONTENT, never))).toBe('sink-failed');
  expect(await readFile(join(root, 'a', 'b'), 'utf8')).toBe('x');
});

test('a folder that may not be written to is forbidden, for every way of writing', async () => {
  await sink.put('there', Buffer.from('x'), CONTENT, never);
  const codes = await asStranger(async () => [
    await codeOf(sink.check(never)),
    await codeOf(sink.create('k', CONTENT, never)),
    await codeOf(sink.create('new/folder/k', CONTENT, never)),
    await codeOf(sink.put('k', Buffer.from('x'), CONTENT, never)),
    await codeOf(sink.remove(['there'], never)),
  ]);

  expect(codes).toEqual(Array.from({ length: 5 }, () => 'sink-forbidden'));
  expect(await readdir(root)).toEqual(['there']);
});

test.each([
  ['ENOSPC', 'sink-full'],
  ['EDQUOT', 'sink-full'],
  ['EACCES', 'sink-forbidden'],
  ['EPERM', 'sink-forbidden'],
  ['EROFS', 'sink-forbidden'],
  ['ENOENT', 'sink-missing'],
  ['ENOTDIR', 'sink-missing'],
  ['EIO', 'sink-failed'],
])('%s is %s', (code, expected) => {
  const error = toSinkError(Object.assign(new Error('/secret/path'), { code }), { url: 'file:out', operation: 'write' });

  expect(error.code).toBe(expected);
  expect(error.message).not.toContain('/secret/path');
});

const MAY_MOUNT = process.platform === 'linux' && process.geteuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;

describe.skipIf(!MAY_MOUNT)('a disk of 1 MB', () => {
  beforeEach(() => {
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', root]).status).toBe(0);
  });
  afterEach(() => {
    expect(spawnSync('umount', [root]).status).toBe(0);
  });

  test('that is full is said to be, the object is gone and there is room again', async () => {
    const write = async (bytes: number): Promise<void> => {
      await using upload = await sink.create('k', CONTENT, never);
      for (let at = 0; at < bytes; at += 100_000) await upload.write(Buffer.alloc(100_000, 1));
      await upload.complete();
    };

    expect(await codeOf(write(2_000_000))).toBe('sink-full');
    expect(await codeOf(sink.put('state', Buffer.alloc(2_000_000), CONTENT, never))).toBe('sink-full');
    expect(await readdir(root)).toEqual([]);
    expect(await codeOf(write(900_000))).toBeUndefined();
    expect((await sink.read('k', never))?.length).toBe(900_000);
  });

  test('keeps what was there when a replacement does not fit', async () => {
    await sink.put('state', Buffer.from('old'), CONTENT, never);

    expect(await codeOf(sink.put('state', Buffer.alloc(2_000_000), CONTENT, never))).toBe('sink-full');
    expect((await sink.read('state', never))?.toString()).toBe('old');
  });
});
