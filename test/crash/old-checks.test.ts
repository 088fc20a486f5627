import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFileSink } from '../../functions/engine/sink/file/file-sink.ts';

test('what the check of a killed process left in a folder is removed an hour later, and nothing else is', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'backstitch-checks-'));
  try {
    const hoursAgo = new Date(Date.now() - 2 * 3_600_000);
    const old = ['_tmp-check-0123456789ab', '_tmp-0123456789ab-_tmp-check-0123456789ab', 'data.jsonl'];
    for (const name of [...old, '_tmp-check-ba9876543210']) await writeFile(join(directory, name), 'check');
    for (const name of old) await utimes(join(directory, name), hoursAgo, hoursAgo);
    await using sink = openFileSink({ url: 'file:./out', directory });

    await sink.check(AbortSignal.timeout(30_000));

    expect((await readdir(directory)).sort()).toEqual(['_tmp-check-ba9876543210', 'data.jsonl']);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
