import { describe, expect, it } from 'vitest';
import { errorReport, ReplicationError } from '../../functions/engine/model/errors.ts';
import { renderJobList, renderReport } from '../../functions/engine/report/render-report.ts';
import { jobFacts } from '../../functions/engine/report/status.ts';
import { sampleRecord, sampleReport, sampleTable } from './sample-report.ts';

const error = errorReport(new ReplicationError('connection-lost', { host: 'db', port: 5432, reason: 'ECONNRESET' }));

describe('a report as text', () => {
  it('begins with what the job came to', () => {
    expect(renderReport(sampleReport()).split('\n').slice(0, 3)).toEqual([
      'shop  job 20261122T081200.123Z-000042  complete',
      'started 2026-11-22 08:12:00 UTC (schedule), took 9.7 s',
      '1,204 rows of 1 table in 1 object, 181 KB stored, 901 KB of JSON, 124 rows/s',
    ]);
  });

  it('has a line a table, with the bookmark before and after', () => {
    const tables = [
      sampleTable({ newVersion: true }),
      sampleTable({ stream: 'shop.public.same', bookmark: { before: '7', after: '7' }, startedAt: null }),
      sampleTable({ stream: 'shop.public.none', bookmark: { before: null, after: null } }),
      sampleTable({ stream: 'shop.public.long', bookmark: { before: null, after: 'x'.repeat(100) } }),
    ];
    const text = renderReport(sampleReport({ tables }));

    expect(text).toMatch(
      /^shop\.public\.orders +INCREMENTAL +complete, new version +1,204 +181 KB +1 +4\.5 s {2}2026-11-22T07:00:00Z -> 2026-11-22T08:00:00Z$/m,
    );
    expect(text).toMatch(/^shop\.public\.same .* - {2}7$/m);
    expect(text).toMatch(/^shop\.public\.none .* {2}-$/m);
    expect(text).toMatch(/^shop\.public\.long .* x{31}…$/m);
  });

  it('names failures with their remedies, and rows that were read but not written', () => {
    const tables = [sampleTable({ state: 'failed', error }), sampleTable({ stream: 'lossy', rowsRead: 1205 })];
    const text = renderReport(sampleReport({ state: 'failed', error, tables }));

    expect(text).toContain(`job: connection-lost: ${error.message}\n  remedy: ${error.remedy}\n`);
    expect(text).toContain(`shop.public.orders: connection-lost: ${error.message}\n`);
    expect(text).toContain('lossy: 1,205 rows read, but 1,204 written\n');
  });

  it('groups what is not replicated by reason, and shortens long lists', () => {
    const skipped = [
      ...Array.from({ length: 25 }, (_, at) => ({ stream: `t${at}`, reason: 'not-selected' })),
      { stream: 'f', reason: 'unsupported' },
    ];
    const text = renderReport(sampleReport({ skipped }));

    expect(text).toContain('not replicated (not-selected): t0, t1, t2, t3, t4, t5, t6, t7, t8, t9 and 15 more\n');
    expect(text).toContain('not replicated (unsupported): f\n');
  });

  it('shows slots and warnings', () => {
    const slots = [{ database: 'shop', slot: 'backstitch_shop', plugin: 'wal2json', confirmed: '0/1', retainedBytes: 0 }];
    const text = renderReport(sampleReport({ slots, warnings: ['odd'], tables: [sampleTable({ warnings: ['odder'] })] }));

    expect(text).toMatch(/^backstitch_shop +shop +wal2json +0\/1 +0 B$/m);
    expect(text).toContain('warning: odd\nwarning: shop.public.orders: odder\n');
  });

  it('of a running job without tables is short and whole', () => {
    expect(renderReport(sampleReport({ state: 'running', endedAt: null, tables: [] }))).toBe(
      'shop  job 20261122T081200.123Z-000042  running\nstarted 2026-11-22 08:12:00 UTC (schedule)\n0 rows of 0 tables in 0 objects, 0 B stored, 0 B of JSON\n',
    );
  });

  it('holds nothing that acts on a terminal', () => {
    const hostile = '\u001b[2J\u0007\r\u202e';
    const table = sampleTable({
      stream: hostile,
      bookmark: { before: hostile, after: `${hostile}2` },
      warnings: [hostile],
      error: { ...error, message: hostile },
      state: 'failed',
    });
    const text = renderReport(
      sampleReport({ integration: hostile, tables: [table], skipped: [{ stream: hostile, reason: hostile }] }),
    );

    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
  });
});

describe('a list of jobs', () => {
  it('has a line a job', () => {
    const { endedAt: _, ...open } = sampleRecord('2026-11-22T08:30:00Z');
    const text = renderJobList([
      jobFacts({ ...open, state: 'running' }),
      jobFacts(sampleRecord('2026-11-22T08:00:00Z', { a: 1500 })),
    ]);

    expect(text.split('\n').slice(1)).toEqual([
      '20261122T083000Z-000042  running   schedule  2026-11-22 08:30:00 UTC       -      0      0 B',
      '20261122T080000Z-000042  complete  schedule  2026-11-22 08:00:00 UTC  10.0 s  1,500  75.0 KB',
      '',
    ]);
  });
});
