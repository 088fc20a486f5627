import { describe, expect, it } from 'vitest';
import type { JobRecord } from '../../functions/engine/ledger/ledger.ts';
import { parseSummary, summaryJson, summaryOf, usageOf } from '../../functions/engine/report/usage.ts';
import { jobId, sampleRecord, sampleReport, sampleTable } from './sample-report.ts';

const NOW = new Date('2026-03-10T12:00:00Z');
const ORDERS = 'shop.public.orders';

describe('usage', () => {
  const edges: readonly (readonly [string, string, readonly [number, number, number]])[] = [
    ['a minute ago', '2026-03-10T11:59:00Z', [7, 7, 0]],
    ['23 hours and 59 minutes ago', '2026-03-09T12:01:00Z', [7, 7, 0]],
    ['a day and a minute ago', '2026-03-09T11:59:00Z', [0, 7, 0]],
    ['at the first second of this month', '2026-03-01T00:00:00Z', [0, 7, 0]],
    ['begun last month, ended this month', '2026-02-28T23:59:55Z', [0, 7, 0]],
    ['late last month', '2026-02-28T23:50:00Z', [0, 0, 7]],
    ['at the first second of last month', '2026-02-01T00:00:00Z', [0, 0, 7]],
    ['two months ago', '2026-01-31T23:00:00Z', [0, 0, 0]],
  ];
  it.each(edges)('counts a job %s where it ended', async (_, startedAt, [last24Hours, thisMonth, lastMonth]) => {
    const usage = await usageOf([sampleRecord(startedAt, { [ORDERS]: 7 })], NOW);

    expect(usage).toMatchObject({ last24Hours, thisMonth, lastMonth });
    expect(usage.streams).toEqual(
      last24Hours + thisMonth + lastMonth === 0 ? [] : [{ stream: ORDERS, last24Hours, thisMonth, lastMonth }],
    );
  });

  it('knows January’s last month', async () => {
    const usage = await usageOf([sampleRecord('2025-12-15T00:00:00Z', { [ORDERS]: 7 })], new Date('2026-01-01T00:00:00Z'));

    expect(usage).toMatchObject({ last24Hours: 0, thisMonth: 0, lastMonth: 7 });
  });

  it('adds up streams, in order, and counts what a summary had no room for', async () => {
    const crowded = sampleRecord('2026-03-10T11:00:00Z', { b: 3, a: 2 }, { rows: 105 });
    const usage = await usageOf([crowded, sampleRecord('2026-03-10T10:00:00Z', { a: 1 })], NOW);

    expect(usage.thisMonth).toBe(106);
    expect(usage.streams.map(({ stream, thisMonth }) => [stream, thisMonth])).toEqual([
      ['a', 3],
      ['b', 3],
    ]);
  });

  it('counts a running job as of now, and one that died at its start', async () => {
    const { endedAt: _, ...open } = sampleRecord('2026-02-27T00:00:00Z', { [ORDERS]: 7 });
    const running: JobRecord = { ...open, state: 'running' };
    const died: JobRecord = { ...open, state: 'failed' };

    expect(await usageOf([running], NOW)).toMatchObject({ last24Hours: 7, thisMonth: 7, lastMonth: 0 });
    expect(await usageOf([died], NOW)).toMatchObject({ last24Hours: 0, thisMonth: 0, lastMonth: 7 });
  });

  /** A job every 30 minutes up to `NOW`, newest first; tells how many were read. */
  function* jobs(days: number, read: { count: number }): Generator<JobRecord> {
    for (let at = NOW.getTime() - 1_800_000; at > NOW.getTime() - days * 86_400_000; at -= 1_800_000) {
      read.count += 1;
      yield sampleRecord(new Date(at).toISOString(), { [ORDERS]: 1 });
    }
  }

  it('reads no further back than last month', async () => {
    const read = { count: 0 };
    const usage = await usageOf(jobs(365, read), NOW);

    expect(usage).toMatchObject({ last24Hours: 48, thisMonth: (9 * 24 + 12) * 2, lastMonth: 28 * 48 });
    expect(read.count).toBe((9 * 24 + 12) * 2 + 28 * 48 + 1);
  });

  it('is not misled by a job that was skipped while a long one ran', async () => {
    const long = sampleRecord('2026-01-31T20:00:00Z', { [ORDERS]: 7 }, { endedAt: '2026-02-01T04:00:00Z' });
    const skipped = sampleRecord('2026-01-31T22:00:00Z', {}, { state: 'skipped', endedAt: '2026-01-31T22:00:00Z' });

    expect(await usageOf([skipped, long], NOW)).toMatchObject({ lastMonth: 7 });
  });

  it('with an earlier usage reads one day and comes to the same', async () => {
    const then = NOW.getTime() - 1_800_000;
    const all = [...jobs(365, { count: 0 })];
    const earlier = {
      job: jobId(new Date(then).toISOString()),
      at: new Date(then + 10_000).toISOString(),
      usage: await usageOf(all, new Date(then + 10_000)),
    };
    const later = new Date(NOW.getTime() + 1_800_000);
    const read = { count: 0 };
    const fresh = sampleRecord(NOW.toISOString(), { [ORDERS]: 5 });
    const usage = await usageOf([fresh, ...jobs(365, read)], later, earlier);

    expect(usage).toEqual(await usageOf([fresh, ...all], later));
    const counted = { count: 0 };
    await usageOf(jobs(365, counted), later, earlier);
    expect(counted.count).toBeLessThan(60);
  });

  it('with an earlier usage from before a turn of months moves its months on', async () => {
    const usage = {
      last24Hours: 1,
      thisMonth: 100,
      lastMonth: 900,
      streams: [{ stream: ORDERS, last24Hours: 1, thisMonth: 100, lastMonth: 900 }],
    };
    const from = (at: string): Parameters<typeof usageOf>[2] => ({ job: jobId(at), at, usage });

    expect(await usageOf([], NOW, from('2026-03-05T00:00:00Z'))).toMatchObject({ thisMonth: 100, lastMonth: 900 });
    expect(await usageOf([], NOW, from('2026-02-20T00:00:00Z'))).toMatchObject({ thisMonth: 0, lastMonth: 100 });
    expect(await usageOf([], NOW, from('2026-01-20T00:00:00Z'))).toEqual({
      last24Hours: 0,
      thisMonth: 0,
      lastMonth: 0,
      streams: [],
    });
  });
});

describe('the summary of a job', () => {
  it('keeps what loaded or failed, and survives the ledger', () => {
    const tables = [
      sampleTable({ stream: 'quiet', rows: 0 }),
      sampleTable({ stream: 'bad', rows: 0, state: 'failed', startedAt: null }),
      sampleTable({ stream: 'busy' }),
    ];
    const summary = summaryOf(sampleReport({ tables }), NOW);

    expect(summary).toEqual({
      streams: [
        { stream: 'busy', rows: 1204, bytes: 181_234, state: 'complete', durationMs: 4500 },
        { stream: 'bad', rows: 0, bytes: 181_234, state: 'failed' },
      ],
      durationMs: 9747,
    });
    expect(parseSummary(JSON.parse(JSON.stringify(summaryJson(summary))))).toEqual(summary);
  });

  it('of ten thousand tables fits a record, and loses no row', () => {
    const tables = Array.from({ length: 10_000 }, (_, at) =>
      sampleTable({ stream: `db.schema.${'t'.repeat(50)}${at}`, rows: at + 1, bytes: 10 }),
    );
    const summary = summaryOf(sampleReport({ tables }), NOW);

    expect(JSON.stringify(summaryJson(summary)).length).toBeLessThan(300_000);
    expect(summary.streams[0]?.rows).toBe(10_000);
    expect(summary.streams.reduce((sum, stream) => sum + stream.rows, summary.others?.rows ?? 0)).toBe(50_005_000);
    expect(summary.streams.length + (summary.others?.streams ?? 0)).toBe(10_000);
  });

  it.each([undefined, null, 'x', {}, { streams: 'x', durationMs: 1 }])('%j is none', (value) => {
    expect(parseSummary(value)).toBeUndefined();
  });
});
