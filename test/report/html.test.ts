import { describe, expect, it } from 'vitest';
import { errorReport, ReplicationError } from '../../functions/engine/model/errors.ts';
import { chartFigure, scaleFor, sparkline } from '../../functions/engine/report/html-chart.ts';
import { html } from '../../functions/engine/report/html-text.ts';
import { reportPage } from '../../functions/engine/report/html.ts';
import type { ReportPageInput } from '../../functions/engine/report/html.ts';
import { sampleRecord, sampleReport, sampleTable } from './sample-report.ts';

const NOW = new Date('2026-11-22T09:00:00Z');
const error = errorReport(new ReplicationError('connection-lost', { host: 'db', port: 5432, reason: 'ECONNRESET' }));

function page(input: Partial<ReportPageInput> = {}): string {
  return reportPage({ report: sampleReport(), history: [], now: NOW, ...input });
}

/** Names of elements that are not closed in the order in which they were opened. */
function unbalanced(markup: string): readonly string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  for (const [, slash, name = '', , selfClosed] of markup.matchAll(/<(\/?)([a-z][a-z0-9]*)((?:"[^"]*"|[^">])*?)(\/?)>/gi)) {
    if (selfClosed === '/' || name === 'meta') continue;
    if (slash !== '/') open.push(name);
    else if (open.pop() !== name) wrong.push(name);
  }
  return [...wrong, ...open];
}

/** 60 jobs, one of each state among them, newest first. */
const sixty = Array.from({ length: 60 }, (_, at) => {
  const state = ({ 3: 'failed', 5: 'partial', 8: 'stopped' } as const)[at] ?? 'complete';
  return sampleRecord(
    new Date(NOW.getTime() - (at + 2) * 1_800_000).toISOString(),
    { 'shop.public.orders': 1000 + at },
    { state },
  );
});

describe('the page of a report', () => {
  it.each([
    ['a report with one job', {}],
    ['sixty jobs', { history: sixty }],
    [
      'a job that failed before it read anything',
      { report: sampleReport({ state: 'failed', error, tables: [], endedAt: null }) },
    ],
    [
      'failed and copying tables',
      { report: sampleReport({ tables: [sampleTable({ state: 'failed', error }), sampleTable({ state: 'copying' })] }) },
    ],
  ] as const)('of %s is whole and asks nothing of the network', (_, input) => {
    const text = page(input);

    expect(unbalanced(text)).toEqual([]);
    expect(text).toMatch(/^<!doctype html>\s*<html lang="en">/);
    expect(text).not.toMatch(/<script|<link|<img|<iframe|\ssrc=|\shref=|url\(|@import|https?:|\son[a-z]+=/i);
    expect(text).toContain("default-src 'none'");
    expect(text).toContain('prefers-color-scheme: dark');
    expect(text).not.toMatch(/NaN|undefined|Infinity|\[object/);
  });

  it('shows what the issue asks for of each table', () => {
    const text = page({ report: sampleReport({ tables: [sampleTable({ state: 'failed', error })] }) });

    for (const part of [
      '1,204',
      '181 KB',
      '4.5 s',
      '2026-11-22T07:00:00Z',
      '2026-11-22T08:00:00Z',
      'key-000000000007-000003-0000.jsonl.gz',
      error.message,
      error.remedy,
    ]) {
      expect(text).toContain(part);
    }
  });

  it('escapes every name and text, wherever it stands', () => {
    const evil = '"><script>alert(1)</script>\'&\u202e\u0000';
    const report = sampleReport({
      integration: evil,
      job: evil,
      trigger: evil,
      warnings: [evil],
      error: { code: 'unexpected', message: evil, remedy: evil },
      skipped: [{ stream: evil, reason: evil }],
      slots: [{ database: evil, slot: evil, plugin: evil, confirmed: evil, retainedBytes: 1 }],
      usage: {
        last24Hours: 1,
        thisMonth: 1,
        lastMonth: 1,
        streams: [{ stream: evil, last24Hours: 1, thisMonth: 1, lastMonth: 1 }],
      },
      tables: [
        sampleTable({
          stream: evil,
          destinationTable: evil,
          primaryKeys: [evil],
          replicationKey: evil,
          warnings: [evil],
          error: { code: 'unexpected', message: evil, remedy: evil },
          bookmark: { before: evil, after: `${evil}2` },
          bookmarkMetadata: [{ key: evil, minValue: evil, maxValue: evil }],
          objects: sampleTable().objects.map((object) => ({ ...object, key: evil })),
        }),
      ],
    });
    const text = page({
      report,
      history: [sampleRecord('2026-11-22T07:00:00Z', { [evil]: 1 }, { job: `0${evil}`, trigger: evil })],
    });

    expect(unbalanced(text)).toEqual([]);
    expect(text).not.toMatch(/<script|[\u202e\u0000]/);
    expect(text).toContain('&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#39;&amp;\\u202e\\u0000');
  });

  it('draws the last sixty jobs that ran, its own among them', () => {
    const skipped = sampleRecord('2026-11-22T08:50:00Z', {}, { state: 'skipped' });
    const text = page({ history: [skipped, ...sixty] });

    expect(text.match(/<rect[^>]*class="bar /g)).toHaveLength(60);
    expect(text.match(/<circle/g)).toHaveLength(60);
    expect(text).toContain('The last 60 jobs');
    expect(text).toContain('× failed');
    expect(text).toContain('2026-11-22 08:12:00 UTC: 1,204 rows in 9.7 s, complete');
  });

  it('of an old job still draws that job', () => {
    const report = sampleReport({
      job: sixty.at(-1)?.job ?? '',
      startedAt: '2026-11-21T02:30:00.000Z',
      endedAt: '2026-11-21T02:30:01.000Z',
    });
    const newer = Array.from({ length: 70 }, (_, at) => sampleRecord(new Date(NOW.getTime() + at * 60_000).toISOString()));
    const text = page({ report, history: [...newer.reverse(), ...sixty] });

    expect(text).toContain('2026-11-21 02:30:00 UTC: 1,204 rows in 1.0 s, complete');
  });

  it('puts failed tables first, then those with most rows', () => {
    const tables = [
      sampleTable({ stream: 'few', rows: 1, rowsRead: 1 }),
      sampleTable({ stream: 'many', rows: 9, rowsRead: 9 }),
      sampleTable({ stream: 'bad', state: 'failed', error }),
    ];
    const text = page({ report: sampleReport({ tables }) });
    const section = text.slice(text.indexOf('<h2>Tables</h2>'));

    expect([...section.matchAll(/<th scope="row">\s*(few|many|bad)/g)].map((match) => match[1])).toEqual(['bad', 'many', 'few']);
  });

  it('of ten thousand tables stays a page that a browser opens', () => {
    const tables = Array.from({ length: 10_000 }, (_, at) => sampleTable({ stream: `shop.public.t${at}` }));

    expect(page({ report: sampleReport({ tables }), history: sixty }).length).toBeLessThan(25_000_000);
  });

  it('lists the first objects of a table and counts the rest', () => {
    const [object] = sampleTable().objects;
    const objects =
      object === undefined ? [] : Array.from({ length: 1200 }, (_, at) => ({ ...object, key: `object-${at}.jsonl.gz` }));
    const text = page({ report: sampleReport({ tables: [sampleTable({ objects })] }) });

    expect(text).toContain('object-49.jsonl.gz');
    expect(text).not.toContain('object-50.jsonl.gz');
    expect(text).toContain('and 1,150 more in the JSON report');
  });
});

describe('charts', () => {
  const points = (values: readonly number[]): Parameters<typeof chartFigure>[0]['points'] =>
    values.map((value, at) => ({
      at: new Date(NOW.getTime() + at * 60_000).toISOString(),
      value,
      state: 'complete',
      label: `job ${at}`,
    }));

  it.each([
    [[], [0, 1], 'linear'],
    [[0], [0, 1], 'linear'],
    [[3], [0, 1, 2, 3], 'linear'],
    [[1204], [0, 500, 1000, 1500], 'linear'],
    [[10], [0, 5, 10], 'linear'],
    [[100, 100, 100, 100, 1_000_000], [1, 100, 10_000, 1_000_000], 'log'],
    [[100, 1_000_000], [0, 500_000, 1_000_000], 'linear'],
  ] as const)('of %j have round ticks', (values, ticks, kind) => {
    const scale = scaleFor(values, [1]);

    expect(scale.kind).toBe(kind);
    expect(scale.ticks).toEqual(ticks);
    for (const value of values) expect(scale.share(value)).toBeLessThanOrEqual(1);
  });

  it.each(['bars', 'line'] as const)('as %s stay inside their frame and name their axis', (form) => {
    const { markup } = chartFigure({ title: 'Rows', form, points: points([5, 0, 3, 80_000_000, 12, 12]), tickText: String });
    const ys = [...markup.matchAll(/ (?:c?y|y1)="(-?[\d.]+)"/g)].map((match) => Number(match[1]));

    expect(ys.length).toBeGreaterThan(6);
    expect(Math.min(...ys)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...ys)).toBeLessThanOrEqual(210);
    expect(markup).toContain('(logarithmic axis)');
    expect(markup).toContain('aria-label="Rows of the last 6 jobs; highest 80000000, latest 12"');
  });

  it('never hide a value that is not zero', () => {
    const { markup } = chartFigure({ title: 'Rows', form: 'bars', points: points([1, 100_000]), tickText: String });
    const heights = [...markup.matchAll(/class="bar complete"[^>]* height="([\d.]+)"/g)].map((match) => Number(match[1]));

    expect(Math.min(...heights)).toBeGreaterThanOrEqual(2);
  });

  it('say so where there is no job', () => {
    expect(chartFigure({ title: 'Rows', form: 'bars', points: [], tickText: String }).markup).toContain('No job yet');
    expect(sparkline([0, 0]).markup).toBe('');
  });
});

describe('markup', () => {
  it('escapes text, keeps markup, joins lists and leaves out what is undefined', () => {
    const inner = html`<b>${'<&>'}</b>`;

    expect(html`<p title="${'"\''}">${inner}${[inner, inner]}${undefined}${3}</p>`.markup).toBe(
      '<p title="&quot;&#39;"><b>&lt;&amp;&gt;</b><b>&lt;&amp;&gt;</b><b>&lt;&amp;&gt;</b>3</p>',
    );
  });
});
