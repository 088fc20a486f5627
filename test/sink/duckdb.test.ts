import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFileSink } from '../../functions/engine/sink/file/file-sink.ts';
import { openObjectSet } from '../../functions/engine/sink/object-set.ts';
import { queryJsonLines } from '../support/duckdb.ts';
import { block, setOptions } from './object-set.suite.ts';

test('DuckDB reads every row of every object, and no unfinished one', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'duckdb-'));
  try {
    const sink = openFileSink({ url: 'file:out', directory });
    await using set = openObjectSet(setOptions(sink, { rotateBytes: 3_000_000 }));
    for (let n = 0; n < 10; n++) await set.write(block(10_000, { start: n * 10_000, width: 100 }));
    await set.finish();
    await using unfinished = await sink.create(
      't/1/copy-9999.jsonl.gz',
      { contentType: 'application/x-ndjson' },
      new AbortController().signal,
    );
    await unfinished.write(Buffer.from('not a gzip file'));

    const rows = await queryJsonLines({
      files: join(directory, 't/1/[!_]*.jsonl.gz'),
      sql: 'select count(*)::int as rows, count(distinct id)::int as ids, min(id)::int as first, max(id)::int as last from lines',
    });

    expect(rows).toEqual([{ rows: 100_000, ids: 100_000, first: 0, last: 99_999 }]);
  } finally {
    await rm(directory, { recursive: true });
  }
});
