import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readHandover, removeHandover, saveHandover } from '../../functions/engine/jobs/handover.ts';
import type { Handover } from '../../functions/engine/jobs/handover.ts';
import type { JobStream } from '../../functions/engine/jobs/job.ts';
import { ReplicationError } from '../../functions/engine/model/errors.ts';
import { openFileSink } from '../../functions/engine/sink/file/file-sink.ts';

const SIGNAL = AbortSignal.timeout(60_000);
const PLACE = { integration: 'shop', job: '20261122T081200.123Z-000042' };
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'backstitch-handover-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function streamOf(n: number, columns: number): JobStream {
  const name = { database: 'shop', schema: 'public', table: `Weird "Name" ${String(n)}` };
  const all = Array.from({ length: columns }, (_, at) => ({
    name: `column "${String(at)}" ü`,
    position: at + 1,
    type: { kind: 'array', name: '_numeric', delimiter: ',', element: { kind: 'number', name: 'numeric', scale: 2 } } as const,
    sqlType: 'numeric(12,2)[]',
    nullable: true,
    generated: 'no' as const,
    identity: false,
    toastable: true,
  }));
  return {
    id: `shop.public.${name.table}`,
    method: 'INCREMENTAL',
    replicationKey: 'updated_at',
    primaryKey: ['id'],
    schemaHash: 'abc',
    isView: false,
    bytes: 1_234,
    table: {
      name,
      oid: n,
      kind: 'table',
      columns: all,
      primaryKey: ['id'],
      replicaIdentity: 'full',
      bytes: 1_234,
      storage: [{ schema: 'public', table: name.table, oid: n, pages: 3 }],
      rowSecurity: false,
    },
    columns: all,
    destinationTable: `weird_name_${String(n)}`,
    lookBack: { kind: 'number', amount: '18446744073709551616' },
    warnings: ['something'],
    known: null,
  };
}

function handoverOf(tables: number, columns = 3): Handover {
  const streams = Array.from({ length: tables }, (_, n) => streamOf(n, columns));
  return {
    job: PLACE.job,
    trigger: 'schedule',
    startedAt: '2026-11-22T08:12:00.123Z',
    endBy: '2026-11-23T08:12:00.000Z',
    parallel: 7,
    streams: new Map(streams.map((stream) => [stream.id, stream])),
    selection: {
      skipped: [{ stream: 'shop.public.audit', reason: 'not-selected' }],
      warnings: ['a remark'],
      problems: [{ stream: 'shop.public.gone', error: new ReplicationError('no-job-yet', { integration: 'shop' }) }],
    },
  };
}

describe('a handover', () => {
  test.each([
    { tables: 0, columns: 0 },
    { tables: 3, columns: 3 },
    { tables: 10_000, columns: 20 },
  ])('of $tables tables arrives as it was', async ({ tables, columns }) => {
    await using sink = openFileSink({ url: 'file:./out', directory: folder });
    const handover = handoverOf(tables, columns);

    await saveHandover(sink, PLACE, handover, SIGNAL);
    const arrived = await readHandover(sink, PLACE, SIGNAL);

    const [problem] = handover.selection.problems;
    const { code, message, remedy } = problem?.error ?? { code: '', message: '', remedy: '' };
    expect(arrived.selection).toEqual({
      ...handover.selection,
      problems: [{ stream: 'shop.public.gone', error: { code, message, remedy } }],
    });
    expect([...arrived.streams.keys()]).toEqual([...handover.streams.keys()]);
    expect(arrived.streams.get(`shop.public.Weird "Name" ${String(tables - 1)}`)).toEqual([...handover.streams.values()].at(-1));
    expect({ ...arrived, streams: 0, selection: 0 }).toEqual({ ...handover, streams: 0, selection: 0 });
  });

  test('is beside reports and logs, under a name that readers of rows ignore, until it is removed', async () => {
    await using sink = openFileSink({ url: 'file:./out', directory: folder });
    await saveHandover(sink, PLACE, handoverOf(1), SIGNAL);
    const keys: string[] = [];
    for await (const { key } of sink.list('shop/', SIGNAL)) keys.push(key);

    await removeHandover(sink, PLACE, SIGNAL);
    await removeHandover(sink, PLACE, SIGNAL);

    expect(keys).toEqual([`shop/_jobs/${PLACE.job}.json.gz`]);
    await expect(readHandover(sink, PLACE, SIGNAL)).rejects.toMatchObject({ code: 'handover-missing' });
  });

  test.each<readonly [what: string, body: Buffer]>([
    ['what is not compressed', Buffer.from('{}')],
    ['what is not JSON', gzipSync('nothing')],
    ['what is cut off', gzipSync(JSON.stringify({ format: 1 })).subarray(0, 20)],
    ['another format', gzipSync(JSON.stringify({ format: 2, job: PLACE.job }))],
    ['a field that is missing', gzipSync(JSON.stringify({ format: 1, job: PLACE.job, trigger: 'manual' }))],
    [
      'a stream that is none',
      gzipSync(
        JSON.stringify({
          format: 1,
          job: PLACE.job,
          trigger: 'manual',
          startedAt: '',
          endBy: '',
          selection: { skipped: [], warnings: [], problems: [] },
          streams: [{ id: 'shop.public.a' }],
        }),
      ),
    ],
    [
      'that of another job',
      gzipSync(
        JSON.stringify({
          format: 1,
          job: 'another',
          trigger: 'manual',
          startedAt: '',
          endBy: '',
          selection: { skipped: [], warnings: [], problems: [] },
          streams: [],
        }),
      ),
    ],
  ])('refuses %s', async (_, body) => {
    await using sink = openFileSink({ url: 'file:./out', directory: folder });
    await saveHandover(sink, PLACE, handoverOf(0), SIGNAL);
    await writeFile(join(folder, 'shop', '_jobs', `${PLACE.job}.json.gz`), body);

    await expect(readHandover(sink, PLACE, SIGNAL)).rejects.toMatchObject({ code: 'handover-missing' });
  });
});
