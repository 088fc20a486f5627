import { describe, expect, test, vi } from 'vitest';
import { openDeadline } from '../../../functions/aws/deadline.ts';
import { emfLine } from '../../../functions/aws/emf.ts';
import { eventPage } from '../../../functions/aws/events.ts';
import { placesOf } from '../../../functions/aws/places.ts';
import { loadConfigText } from '../../../functions/engine/config/load.ts';
import { OutOfTime } from '../../../functions/engine/jobs/job.ts';
import type { LoadingReport, TableReport } from '../../../functions/engine/model/report.ts';
import { intervalsSince } from '../../../functions/engine/schedule/intervals-since.ts';
import { sampleReport } from '../../report/sample-report.ts';

describe('the deadline of an invocation', () => {
  const context = (leftMs: number) => ({ awsRequestId: 'r', memoryLimitInMB: '512', getRemainingTimeInMillis: () => leftMs });
  const now = new Date('2026-11-22T08:00:00Z');

  test.each([
    // Lambda's longest: 45 s for the checkpoint, 8 s for the answer.
    { leftMs: 900_000, stopMs: 855_000, abortMs: 892_000 },
    { leftMs: 10_000, stopMs: 6_000, abortMs: 9_000 },
  ])('of $leftMs ms asks for a checkpoint, then drops the work', ({ leftMs, stopMs, abortMs }) => {
    vi.useFakeTimers();
    try {
      using deadline = openDeadline(context(leftMs), now);
      vi.advanceTimersByTime(stopMs - 1);
      expect(deadline.stop.aborted).toBe(false);
      vi.advanceTimersByTime(1);
      expect(deadline.stop.reason).toBeInstanceOf(OutOfTime);
      expect(deadline.graceMs).toBeLessThan(abortMs - stopMs);
      vi.advanceTimersByTime(abortMs - stopMs - 1);
      expect(deadline.abort.aborted).toBe(false);
      vi.advanceTimersByTime(1);
      expect(deadline.abort.aborted).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  test('stops at the end of the job, which is not the end of its time', () => {
    vi.useFakeTimers();
    try {
      using deadline = openDeadline(context(900_000), now, new Date(now.getTime() + 5_000));
      vi.advanceTimersByTime(5_000);
      expect(deadline.stop.aborted).toBe(true);
      expect(deadline.stop.reason).not.toBeInstanceOf(OutOfTime);
      expect(deadline.abort.aborted).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });

  test('leaves no timer for the next invocation', () => {
    vi.useFakeTimers();
    try {
      openDeadline(context(900_000), now, new Date(now.getTime() + 5_000))[Symbol.dispose]();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a line of metrics', () => {
  const at = new Date('2026-11-22T08:00:00Z');

  test('has the values, their units, and the integration as the only dimension', () => {
    expect(JSON.parse(emfLine({ integration: 'shop', at }, { Rows: 7, Bytes: 100, LagSeconds: 0 }) ?? '')).toEqual({
      _aws: {
        Timestamp: at.getTime(),
        CloudWatchMetrics: [
          {
            Namespace: 'Backstitch',
            Dimensions: [['Integration']],
            Metrics: [
              { Name: 'Rows', Unit: 'Count' },
              { Name: 'Bytes', Unit: 'Bytes' },
              { Name: 'LagSeconds', Unit: 'Seconds' },
            ],
          },
        ],
      },
      Integration: 'shop',
      Rows: 7,
      Bytes: 100,
      LagSeconds: 0,
    });
  });

  test.each([{}, { Rows: Number.NaN }, { Rows: Infinity }])('is not written for %j', (values) => {
    expect(emfLine({ integration: 'shop', at }, values)).toBeUndefined();
  });
});

describe('events', () => {
  const place = { bucket: 'landing', prefix: 'postgres' };

  function reportOf(tables: number, { objects = 1 }: { readonly objects?: number } = {}): LoadingReport {
    const sample = sampleReport();
    const [table] = sample.tables;
    const [object] = table?.objects ?? [];
    if (table === undefined || object === undefined) throw new Error('the sample has no objects');
    const one = (n: number): TableReport => ({
      ...table,
      rows: 5,
      destinationTable: `table_${String(n)}`,
      objects: Array.from({ length: objects }, (_, at) => ({
        ...object,
        key: `postgres/shop/table_${String(n)}/${'v'.repeat(60)}/${String(at)}`,
      })),
    });
    return { ...sample, tables: Array.from({ length: tables }, (_, n) => one(n)) };
  }

  test.each([
    { tables: 0, pages: [1] },
    { tables: 9, pages: [10] },
    { tables: 10, pages: [10, 1] },
    { tables: 25, pages: [10, 10, 6] },
  ])('of $tables tables come in pages of $pages', ({ tables, pages }) => {
    const report = reportOf(tables);
    const sizes: number[] = [];
    const names: unknown[] = [];
    for (let from: number | null = 0; from !== null;) {
      const page: ReturnType<typeof eventPage> = eventPage(report, place, from);
      sizes.push(page.events.length);
      names.push(...page.events.map(({ detail }) => detail['destination_root_table_name'] ?? 'job'));
      from = page.next;
    }

    expect(sizes).toEqual(pages);
    expect(names).toEqual([...report.tables.map(({ destinationTable }) => destinationTable), 'job']);
  });

  test('stay below what state machines and buses take, however many objects a table has; the report has them all', () => {
    const report = reportOf(30, { objects: 5_000 });

    const page = eventPage(report, place, 0);

    expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(256 * 1024);
    const [event] = page.events;
    const [table] = event?.detail['tables'] as [
      { s3_objects: readonly string[]; s3_objects_truncated: boolean; num_s3_objects: number },
    ];
    expect(table).toMatchObject({ s3_objects_truncated: true, num_s3_objects: 5_000 });
    expect(table.s3_objects.length).toBeGreaterThan(50);
    expect(event?.detail['report']).toMatch(/^landing\/postgres\/.+\/_reports\/\d{4}\/\d{2}\/\d{2}\/.+\.json$/);
  });

  test('leave out tables that loaded nothing, but not those that became a new version', () => {
    const report = reportOf(3);
    const [a, b, c] = report.tables as [TableReport, TableReport, TableReport];
    const tables = [{ ...a, rows: 0, newVersion: false }, { ...b, rows: 0, newVersion: true }, c];

    const { events } = eventPage({ ...report, tables }, place, 0);

    expect(events.map(({ detailType, detail }) => [detailType, detail['destination_root_table_name']])).toEqual([
      ['Table Loaded', 'table_1'],
      ['Table Loaded', 'table_2'],
      ['Job Finished', undefined],
    ]);
  });

  test('leave out bookmarks that are too long for an event', () => {
    const report = reportOf(1);
    const [table] = report.tables as [TableReport];
    const long = { ...table, bookmarkMetadata: [{ key: 'name', minValue: 'a', maxValue: 'z'.repeat(10_000) }] };

    const { events } = eventPage({ ...report, tables: [long] }, place, 0);

    expect(events[0]?.detail).toMatchObject({
      tables: [{ bookmark_metadata: [{ key: 'name', min_value: 'a', max_value: null }] }],
    });
  });
});

describe('the places of a function', () => {
  const config = (destination: string, state: string) =>
    loadConfigText(
      `destination: { url: "${destination}" }\nstate: { url: "${state}" }\nintegrations: [{ name: shop, connection: { host: h, database: d, user: u }, tables: [{ table: a.b, method: FULL_TABLE }] }]\n`,
      '/f.yaml',
    ).config;

  test('are those of its environment before those of the configuration', () => {
    const written = config('s3://landing/postgres', 'dynamodb://ledger');
    const env = { BACKSTITCH_DESTINATION: 's3://made-by-the-stack/a/b/', BACKSTITCH_STATE: 'dynamodb://made-too' };

    expect(placesOf(written, {})).toEqual({
      destination: { url: 's3://landing/postgres', bucket: 'landing', prefix: 'postgres' },
      state: { url: 'dynamodb://ledger', table: 'ledger' },
    });
    expect(placesOf(config('file:./out', 'file:./state'), env)).toEqual({
      destination: { url: 's3://made-by-the-stack/a/b/', bucket: 'made-by-the-stack', prefix: 'a/b' },
      state: { url: 'dynamodb://made-too', table: 'made-too' },
    });
    expect(placesOf(written, { BACKSTITCH_DESTINATION: 's3://bare' }).destination).toMatchObject({ bucket: 'bare', prefix: '' });
  });

  test.each([
    ['file:./out', 'dynamodb://ledger', {}],
    ['s3://landing', 'file:./state', {}],
    ['s3://landing', 'dynamodb://ledger', { BACKSTITCH_DESTINATION: 'landing' }],
    ['s3://landing', 'dynamodb://ledger', { BACKSTITCH_STATE: 's3://landing' }],
  ])('are not folders: %s, %s, %j', (destination, state, env) => {
    expect(() => placesOf(config(destination, state), env)).toThrow(
      expect.objectContaining({ code: 'place-not-for-aws' }) as Error,
    );
  });
});

describe('intervals since', () => {
  const cron = {
    kind: 'cron',
    expression: '0 * * * ? *',
    fields: { minute: '0', hour: '*', dayOfMonth: '*', month: '*', dayOfWeek: '?', year: '*' },
    timezone: 'UTC',
  } as const;

  test.each([
    [{ kind: 'every', minutes: 30 } as const, '2026-11-22T08:00:00Z', '2026-11-22T09:30:00Z', 3],
    [{ kind: 'every', minutes: 60 } as const, '2026-11-22T08:00:00Z', '2026-11-22T08:30:00Z', 0.5],
    [{ kind: 'every', minutes: 60 } as const, '2026-11-22T09:00:00Z', '2026-11-22T08:00:00Z', 0],
    [cron, '2026-11-22T08:05:00Z', '2026-11-22T08:59:00Z', 0],
    [cron, '2026-11-22T08:05:00Z', '2026-11-22T11:00:00Z', 3],
    [cron, '2020-11-22T08:05:00Z', '2026-11-22T11:00:00Z', 100],
  ])('%j from %s to %s are %d', (schedule, since, now, intervals) => {
    expect(intervalsSince(schedule, new Date(since), new Date(now))).toBe(intervals);
  });
});
