import type { JobRecord } from '../ledger/ledger.ts';
import type { ErrorReport } from '../model/errors.ts';
import type { LoadingReport, TableReport } from '../model/report.ts';
import { chartFigure, STATE_SIGNS } from './html-chart.ts';
import type { ChartPoint } from './html-chart.ts';
import { REPORT_STYLE } from './html-style.ts';
import { tableSection } from './html-tables.ts';
import { html, nothing } from './html-text.ts';
import type { Markup } from './html-text.ts';
import { counted, durationBetween, humanBytes, humanCount, humanDuration, humanTime } from './render-text.ts';
import { parseSummary } from './usage.ts';

export interface ReportPageInput {
  readonly report: LoadingReport;
  /** Newest first; the last 60 that ran are drawn. */
  readonly history: readonly JobRecord[];
  readonly now: Date;
}

const JOBS_DRAWN = 60;

/**
 * One self-contained page for a loading report: no script, no request to anywhere, readable on a phone and in the dark. Names in it come from other people's databases:
 * all text is escaped, and the page's own policy forbids everything but its style.
 */
export function reportPage({ report, history, now }: ReportPageInput): string {
  const jobs = drawnJobs(report, history, now);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <meta name="referrer" content="no-referrer" />
        <meta name="color-scheme" content="light dark" />
        <title>${report.integration}: ${report.state}, job ${report.job}</title>
        <style>
          ${{ markup: REPORT_STYLE }}
        </style>
      </head>
      <body>
        <main>
          ${header(report, now)} ${notices(report)} ${historySection(jobs)} ${tableSection(report, jobs)} ${slotSection(report)}
          ${skippedSection(report)} ${usageSection(report)}
          <footer>
            Made by Backstitch at ${humanTime(now.toISOString())}. All times are UTC. The JSON report of this job names every
            object with its checksum.
          </footer>
        </main>
      </body>
    </html> `;
  return page.markup;
}

/** A job of the history, as the page draws it. */
export interface DrawnJob {
  readonly job: string;
  readonly at: string;
  readonly state: string;
  readonly rows: number;
  readonly bytes: number;
  readonly durationMs: number;
  /** Rows per stream. */
  readonly streams: ReadonlyMap<string, number>;
}

/** Oldest first; the report's own job is always among them, with the report's numbers. */
function drawnJobs(report: LoadingReport, history: readonly JobRecord[], now: Date): readonly DrawnJob[] {
  const own: DrawnJob = {
    job: report.job,
    at: report.startedAt,
    state: report.state,
    rows: report.tables.reduce((sum, table) => sum + table.rows, 0),
    bytes: report.tables.reduce((sum, table) => sum + table.bytes, 0),
    durationMs: durationBetween(report.startedAt, report.endedAt ?? now.toISOString()) ?? 0,
    streams: new Map(report.tables.map((table) => [table.stream, table.rows])),
  };
  const others = history
    .filter((record) => record.state !== 'skipped' && record.job !== report.job)
    .map((record): DrawnJob => {
      const summary = parseSummary(record.summary);
      return {
        job: record.job,
        at: record.startedAt,
        state: record.state,
        rows: record.rows ?? 0,
        bytes: record.bytes ?? 0,
        durationMs: durationBetween(record.startedAt, record.endedAt) ?? summary?.durationMs ?? 0,
        streams: new Map((summary?.streams ?? []).map((stream) => [stream.stream, stream.rows])),
      };
    });
  const ordered = [own, ...others].sort((a, b) => (a.job < b.job ? 1 : -1));
  // Jobs after the report's own stay in view, but never push it out of it.
  const last = Math.max(JOBS_DRAWN, ordered.indexOf(own) + 1);
  return ordered.slice(last - JOBS_DRAWN, last).reverse();
}

function header(report: LoadingReport, now: Date): Markup {
  const sum = (value: (table: TableReport) => number): number => report.tables.reduce((total, table) => total + value(table), 0);
  const rows = sum((table) => table.rows);
  const durationMs = durationBetween(report.startedAt, report.endedAt ?? now.toISOString()) ?? 0;
  const failed = report.tables.filter((table) => table.state === 'failed').length;
  const copying = report.tables.filter((table) => table.state === 'copying').length;
  const notes = [
    failed === 0 ? '' : `${humanCount(failed)} failed`,
    copying === 0 ? '' : `${humanCount(copying)} still copying`,
  ].filter((note) => note !== '');
  const tile = (name: string, value: string, note = ''): Markup =>
    html`<div>
      <dt>${name}</dt>
      <dd>${value}${note === '' ? nothing : html`<small>${note}</small>`}</dd>
    </div>`;
  return html`<header>
    <div class="title">
      <h1>${report.integration}</h1>
      <span class="pill ${report.state}">${report.state}</span>
    </div>
    <p class="soft">Job <code>${report.job}</code>, started ${humanTime(report.startedAt)} (${report.trigger})</p>
    <dl class="tiles">
      ${[
        tile('Rows', humanCount(rows), durationMs < 1 ? '' : `${humanCount((rows * 1000) / durationMs)} a second`),
        tile('Stored', humanBytes(sum((table) => table.bytes)), `${humanBytes(sum((table) => table.jsonBytes))} of JSON`),
        tile('Objects', humanCount(sum((table) => table.objects.length))),
        tile('Tables', humanCount(report.tables.length), notes.length === 0 ? 'all without errors' : notes.join(', ')),
        tile('Duration', humanDuration(durationMs), report.endedAt === null ? 'still running' : ''),
      ]}
    </dl>
  </header>`;
}

function notices(report: LoadingReport): Markup {
  const failure = (what: string, error: ErrorReport): Markup =>
    html`<div class="notice">
      <b>${what}</b> <code>${error.code}</code>
      <p class="lines">${error.message}</p>
      <p class="lines"><span class="soft">Remedy:</span> ${error.remedy}</p>
    </div>`;
  const mismatch = (table: TableReport): Markup =>
    html`<div class="notice">
      <b>${table.stream}</b> ${counted(table.rowsRead, 'row')} read, but ${humanCount(table.rows)} written
    </div>`;
  return html`${report.error === null ? nothing : failure('The job failed', report.error)}${report.tables.flatMap((table) => [
    ...(table.error === null ? [] : [failure(table.stream, table.error)]),
    ...(table.rowsRead === table.rows ? [] : [mismatch(table)]),
  ])}${report.warnings.map((warning) => html`<div class="notice warning"><b>Warning</b> ${warning}</div>`)}`;
}

const TIME_STEPS_MS = [
  10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000,
  3_600_000, 7_200_000, 14_400_000,
];

function historySection(jobs: readonly DrawnJob[]): Markup {
  const point = (job: DrawnJob, value: number): ChartPoint => ({
    at: job.at,
    value,
    state: job.state,
    label: `${humanTime(job.at)}: ${counted(job.rows, 'row')} in ${humanDuration(job.durationMs)}, ${job.state}`,
  });
  const signs = Object.entries(STATE_SIGNS).filter(([state]) => jobs.some((job) => job.state === state));
  const legend =
    signs.length === 0
      ? nothing
      : html`<p class="legend soft">${signs.map(([state, sign]) => html`<span>${sign} ${state}</span> `)}</p>`;
  const numbers = [...jobs].reverse().map(
    (job) =>
      html`<tr>
        <th scope="row"><code>${job.job}</code></th>
        <td data-label="State"><span class="pill ${job.state}">${job.state}</span></td>
        <td class="number" data-label="Rows">${humanCount(job.rows)}</td>
        <td class="number" data-label="Stored">${humanBytes(job.bytes)}</td>
        <td class="number" data-label="Duration">${humanDuration(job.durationMs)}</td>
      </tr>`,
  );
  return html`<section>
    <h2>${jobs.length === 1 ? 'This job' : `The last ${counted(jobs.length, 'job')}`}</h2>
    <div class="charts">
      ${chartFigure({ title: 'Rows', form: 'bars', points: jobs.map((job) => point(job, job.rows)), steps: [1], tickText: compactCount })}${chartFigure({ title: 'Duration', form: 'line', points: jobs.map((job) => point(job, job.durationMs)), steps: TIME_STEPS_MS, tickText: compactDuration })}
    </div>
    ${legend}
    <div class="card" style="margin-top:12px">
      <details>
        <summary>The numbers behind the pictures</summary>
        <div class="scroll">
          <table class="cards">
            <thead>
              <tr>
                <th scope="col">Job</th>
                <th scope="col">State</th>
                <th scope="col" class="number">Rows</th>
                <th scope="col" class="number">Stored</th>
                <th scope="col" class="number">Duration</th>
              </tr>
            </thead>
            <tbody>
              ${numbers}
            </tbody>
          </table>
        </div>
      </details>
    </div>
  </section>`;
}

/** `0`, `950`, `1.5k`, `20M`. */
function compactCount(count: number): string {
  const [size, unit] = count >= 1e9 ? [1e9, 'G'] : count >= 1e6 ? [1e6, 'M'] : count >= 1e4 ? [1e3, 'k'] : [1, ''];
  return size === 1 ? humanCount(count) : `${String(Number((count / size).toFixed(1)))}${unit}`;
}

function compactDuration(durationMs: number): string {
  if (durationMs === 0) return '0';
  const [size, unit] =
    durationMs >= 7_200_000
      ? [3_600_000, 'h']
      : durationMs >= 120_000
        ? [60_000, 'min']
        : durationMs >= 1000
          ? [1000, 's']
          : [1, 'ms'];
  return `${String(Number((durationMs / size).toFixed(1)))} ${unit}`;
}

function slotSection(report: LoadingReport): Markup {
  if (report.slots.length === 0) return nothing;
  const rows = report.slots.map(
    (slot) =>
      html`<tr>
        <th scope="row">${slot.slot}</th>
        <td data-label="Database">${slot.database}</td>
        <td data-label="Plugin">${slot.plugin}</td>
        <td data-label="Confirmed"><code>${slot.confirmed}</code></td>
        <td class="number" data-label="WAL kept">${humanBytes(slot.retainedBytes)}</td>
      </tr>`,
  );
  return html`<section>
    <h2>Replication slots</h2>
    <div class="card scroll">
      <table class="cards">
        <thead>
          <tr>
            <th scope="col">Slot</th>
            <th scope="col">Database</th>
            <th scope="col">Plugin</th>
            <th scope="col">Confirmed</th>
            <th scope="col" class="number">WAL kept</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
  </section>`;
}

function skippedSection(report: LoadingReport): Markup {
  if (report.skipped.length === 0) return nothing;
  const items = report.skipped
    .slice(0, 1000)
    .map(({ stream, reason }) => html`<li>${stream} <span class="soft">(${reason})</span></li>`);
  const more =
    report.skipped.length > items.length
      ? html`<li>and ${humanCount(report.skipped.length - items.length)} more in the JSON report</li>`
      : nothing;
  return html`<section>
    <h2>Not replicated</h2>
    <div class="card">
      <details>
        <summary>${counted(report.skipped.length, 'table')}, with the reasons</summary>
        <ul>
          ${items}${more}
        </ul>
      </details>
    </div>
  </section>`;
}

function usageSection({ usage }: LoadingReport): Markup {
  const line = (
    name: string,
    counts: { readonly last24Hours: number; readonly thisMonth: number; readonly lastMonth: number },
  ): Markup =>
    html`<tr>
      <th scope="row">${name}</th>
      <td class="number" data-label="24 hours">${humanCount(counts.last24Hours)}</td>
      <td class="number" data-label="This month">${humanCount(counts.thisMonth)}</td>
      <td class="number" data-label="Last month">${humanCount(counts.lastMonth)}</td>
    </tr>`;
  const streams = [...usage.streams].sort((a, b) => b.thisMonth + b.lastMonth - a.thisMonth - a.lastMonth).slice(0, 1000);
  return html`<section>
    <h2>Usage: rows written</h2>
    <div class="card scroll">
      <table class="cards">
        <thead>
          <tr>
            <th scope="col">Stream</th>
            <th scope="col" class="number">24 hours</th>
            <th scope="col" class="number">This month</th>
            <th scope="col" class="number">Last month</th>
          </tr>
        </thead>
        <tbody>
          ${line('All', usage)}${streams.map((stream) => line(stream.stream, stream))}
        </tbody>
      </table>
    </div>
  </section>`;
}
