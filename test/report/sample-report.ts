import type { JobRecord } from '../../functions/engine/ledger/ledger.ts';
import type { LoadingReport, TableReport } from '../../functions/engine/model/report.ts';
import { summaryJson } from '../../functions/engine/report/usage.ts';
import type { StreamSummary } from '../../functions/engine/report/usage.ts';

/** A loading report with one table, complete. */
export function sampleReport(changes: Partial<LoadingReport> = {}): LoadingReport {
  return {
    version: 1,
    integration: 'shop',
    job: '20261122T081200.123Z-000042',
    trigger: 'schedule',
    state: 'complete',
    startedAt: '2026-11-22T08:12:00.123Z',
    endedAt: '2026-11-22T08:12:09.870Z',
    error: null,
    tables: [sampleTable()],
    slots: [],
    skipped: [],
    warnings: [],
    usage: { last24Hours: 0, thisMonth: 0, lastMonth: 0, streams: [] },
    ...changes,
  };
}

/** The report of a key-based table that loaded 1,204 rows in one object. */
export function sampleTable(changes: Partial<TableReport> = {}): TableReport {
  return {
    stream: 'shop.public.orders',
    database: 'shop',
    schema: 'public',
    table: 'orders',
    destinationTable: 'orders',
    method: 'INCREMENTAL',
    state: 'complete',
    error: null,
    primaryKeys: ['id'],
    replicationKey: 'updated_at',
    tableVersion: 1_764_000_000_000,
    activeVersion: 1_764_000_000_000,
    newVersion: false,
    schemaHash: 'c0ffee',
    rowsRead: 1204,
    rows: 1204,
    inserts: 1204,
    updates: 0,
    deletes: 0,
    nullKeys: 0,
    bytes: 181_234,
    jsonBytes: 901_234,
    startedAt: '2026-11-22T08:12:01.000Z',
    endedAt: '2026-11-22T08:12:05.500Z',
    minimumBatchedAt: '2026-11-22T08:12:01.500Z',
    maximumExtractedAt: '2026-11-22T08:12:01.200Z',
    bookmark: { before: '2026-11-22T07:00:00Z', after: '2026-11-22T08:00:00Z' },
    bookmarkMetadata: [{ key: 'updated_at', minValue: '2026-11-22T07:00:00Z', maxValue: '2026-11-22T08:00:00Z' }],
    warnings: [],
    objects: [
      {
        key: 'postgres/shop/orders/1764000000000/key-000000000007-000003-0000.jsonl.gz',
        kind: 'key',
        rows: 1204,
        bytes: 181_234,
        jsonBytes: 901_234,
        sha256: 'ab'.repeat(32),
        firstSequence: '23803720',
        lastSequence: '9223372036854775807',
      },
    ],
    ...changes,
  };
}

/** The id of a job that starts at a time. */
export function jobId(startedAt: string, number = 42): string {
  return `${startedAt.replaceAll(/[-:]/g, '')}-${String(number).padStart(6, '0')}`;
}

/** The record of a complete job that loaded these rows and took ten seconds. */
export function sampleRecord(
  startedAt: string,
  rows: Readonly<Record<string, number>> = {},
  changes: Partial<JobRecord> = {},
): JobRecord {
  const streams = Object.entries(rows).map(([stream, count]): StreamSummary => ({
    stream,
    rows: count,
    bytes: count * 50,
    state: 'complete',
  }));
  const total = streams.reduce((sum, stream) => sum + stream.rows, 0);
  return {
    job: jobId(startedAt),
    state: 'complete',
    trigger: 'schedule',
    startedAt,
    endedAt: new Date(Date.parse(startedAt) + 10_000).toISOString(),
    rows: total,
    bytes: total * 50,
    summary: summaryJson({ streams, durationMs: 10_000 }),
    ...changes,
  };
}
