import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { StoredObject } from '../../functions/engine/model/objects.ts';
import { openFileSink } from '../../functions/engine/sink/file/file-sink.ts';
import { openS3Sink } from '../../functions/engine/sink/s3/s3-sink.ts';
import type { Sink } from '../../functions/engine/sink/sink.ts';
import { keysOf } from '../contract/sink.suite.ts';
import { startS3 } from '../support/s3.ts';
import { verifiedIds } from './object-set.suite.ts';

const never = new AbortController().signal;
const CHILD = join(import.meta.dirname, 'write-until-killed.ts');
/** Output lines after which the child is killed: 20 and the objects are one set. */
const MOMENTS = [1, 12, 20, 31];

/** Runs the child for so many lines of output, kills it, and returns the objects that it named. */
async function killedAfter(lines: number, kind: string, place: string): Promise<readonly StoredObject[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, kind, place], { stdio: ['ignore', 'pipe', 'inherit'] });
  const named: StoredObject[] = [];
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== '.') named.push(JSON.parse(line) as StoredObject);
    if (++count === lines) child.kill('SIGKILL');
  }
  if (child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  return named;
}

/** What a reader finds is whole; what was named is there; what is unfinished can be given up. */
async function expectWhole(sink: Sink, named: readonly StoredObject[]): Promise<void> {
  const keys = await keysOf(sink, '');
  for (const key of keys)
    expect(
      gunzipSync((await sink.read(key, never)) ?? Buffer.alloc(0))
        .toString()
        .endsWith('}\n'),
    ).toBe(true);
  for (const object of named) await verifiedIds(sink, object);
  await sink.abandonUploads('', () => true, never);
  expect(await keysOf(sink, '')).toEqual(keys);
}

test.each(MOMENTS)('a process that is killed after %i steps leaves only whole objects in a folder', async (lines) => {
  const directory = await mkdtemp(join(tmpdir(), 'killed-'));
  try {
    const named = await killedAfter(lines, 'folder', directory);

    await expectWhole(openFileSink({ url: 'file:out', directory }), named);
    if (lines < 8) expect(await keysOf(openFileSink({ url: 'file:out', directory }), '')).toEqual([]);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test.each(MOMENTS)('a process that is killed after %i steps leaves only whole objects in S3', async (lines) => {
  await using s3 = await startS3();

  const named = await killedAfter(lines, 's3', s3.endpoint);

  if (lines < 8) expect(s3.store.objects.size).toBe(0);
  await expectWhole(openS3Sink({ url: 's3://landing', bucket: s3.bucket, prefix: '', client: s3.client }), named);
  expect(s3.store.uploads.size).toBe(0);
});
