import type { ErrorReport } from '../model/errors.ts';
import type { LoadingReport, TableReport } from '../model/report.ts';
import { stateMark } from './render-status.ts';
import {
  counted,
  durationBetween,
  fitTo,
  humanBytes,
  humanCount,
  humanDuration,
  humanTime,
  plainStyle,
  printable,
  printableLines,
  textTable,
} from './render-text.ts';
import type { TextStyle } from './render-text.ts';
import type { JobFacts } from './status.ts';

/** A loading report for a terminal: what was loaded per table, where it failed and what to do, what was left out. */
export function renderReport(report: LoadingReport, style: TextStyle = plainStyle): string {
  const parts = [
    heading(report, style),
    tables(report.tables, style),
    failures(report, style),
    slots(report, style),
    skipped(report),
    warnings(report, style),
    cost(report),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function heading(report: LoadingReport, style: TextStyle): string {
  const durationMs = durationBetween(report.startedAt, report.endedAt);
  const sum = (value: (table: TableReport) => number): number => report.tables.reduce((total, table) => total + value(table), 0);
  const rows = sum((table) => table.rows);
  const objects = sum((table) => table.objects.length);
  const rate =
    durationMs === undefined || durationMs < 1 || rows === 0 ? '' : `, ${humanCount((rows * 1000) / durationMs)} rows/s`;
  return [
    `${style.bold(printable(report.integration))}  job ${printable(report.job)}  ${stateMark(report.state, style)(report.state)}\n`,
    `started ${humanTime(report.startedAt)} (${printable(report.trigger)})${durationMs === undefined ? '' : `, took ${humanDuration(durationMs)}`}\n`,
    `${counted(rows, 'row')} of ${counted(report.tables.length, 'table')} in ${counted(objects, 'object')}, `,
    `${humanBytes(sum((table) => table.bytes))} stored, ${humanBytes(sum((table) => table.jsonBytes))} of JSON${rate}\n`,
  ].join('');
}

function tables(reports: readonly TableReport[], style: TextStyle): string {
  return textTable(
    [
      { title: 'Stream' },
      { title: 'Method' },
      { title: 'State' },
      { title: 'Rows', align: 'right' },
      { title: 'Stored', align: 'right' },
      { title: 'Objects', align: 'right' },
      { title: 'Time', align: 'right' },
      { title: 'Bookmark' },
    ],
    reports.map((table) => [
      table.stream,
      table.method,
      { text: table.newVersion ? `${table.state}, new version` : table.state, mark: stateMark(table.state, style) },
      humanCount(table.rows),
      humanBytes(table.bytes),
      humanCount(table.objects.length),
      tableDuration(table),
      bookmarkText(table),
    ]),
    style,
  );
}

function tableDuration(table: TableReport): string {
  const durationMs = durationBetween(table.startedAt, table.endedAt);
  return durationMs === undefined ? '-' : humanDuration(durationMs);
}

/** The bookmark before and after, cut to what fits a line. */
function bookmarkText({ bookmark: { before, after } }: TableReport): string {
  const cut = (value: string): string => fitTo(printable(value), 32);
  if (after === null) return before === null ? '-' : cut(before);
  return before === null || before === after ? cut(after) : `${cut(before)} -> ${cut(after)}`;
}

function failures(report: LoadingReport, style: TextStyle): string {
  const lines = report.tables.flatMap((table) => [
    ...(table.error === null ? [] : [failureText(table.stream, table.error, style)]),
    ...(table.rowsRead === table.rows
      ? []
      : [
          `${style.bad(printable(table.stream))}: ${counted(table.rowsRead, 'row')} read, but ${humanCount(table.rows)} written\n`,
        ]),
  ]);
  return [...(report.error === null ? [] : [failureText('job', report.error, style)]), ...lines].join('');
}

function failureText(what: string, error: ErrorReport, style: TextStyle): string {
  return `${style.bad(`${printable(what)}: ${error.code}`)}: ${printableLines(error.message)}\n  remedy: ${printableLines(error.remedy)}\n`;
}

function slots(report: LoadingReport, style: TextStyle): string {
  return textTable(
    [
      { title: 'Slot' },
      { title: 'Database' },
      { title: 'Plugin' },
      { title: 'Confirmed' },
      { title: 'WAL kept', align: 'right' },
    ],
    report.slots.map((slot) => [slot.slot, slot.database, slot.plugin, slot.confirmed, humanBytes(slot.retainedBytes)]),
    style,
  );
}

function skipped(report: LoadingReport): string {
  const reasons = new Map<string, string[]>();
  for (const { stream, reason } of report.skipped) {
    const streams = reasons.get(reason) ?? [];
    streams.push(printable(stream));
    reasons.set(reason, streams);
  }
  return [...reasons].map(([reason, streams]) => `not replicated (${printable(reason)}): ${firstFew(streams)}\n`).join('');
}

/** The first ten of a list, and how many more there are. */
export function firstFew(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(', ');
  return names.length > 10 ? `${shown} and ${humanCount(names.length - 10)} more` : shown;
}

function warnings(report: LoadingReport, style: TextStyle): string {
  const all = [
    ...report.warnings,
    ...report.tables.flatMap((table) => table.warnings.map((warning) => `${table.stream}: ${warning}`)),
  ];
  return all.map((warning) => `${style.warn('warning')}: ${printable(warning)}\n`).join('');
}

function cost({ cost: estimate }: LoadingReport): string {
  if (estimate === undefined) return '';
  const { total, perMillionRows, perGigabyte, storagePerMonth, prices } = estimate;
  const per = [
    ...(perMillionRows === null ? [] : [`${dollars(perMillionRows)} per million rows`]),
    ...(perGigabyte === null ? [] : [`${dollars(perGigabyte)} per GB`]),
  ];
  return [
    `cost about ${dollars(total)}${per.length === 0 ? '' : ` (${per.join(', ')})`}, `,
    `and ${dollars(storagePerMonth)} a month to keep it; prices of ${printable(prices)}\n`,
  ].join('');
}

/** Cents, and below one the first two digits that are not zero. */
function dollars(value: number): string {
  return `$${value >= 0.01 || value === 0 ? value.toFixed(2) : Number(value.toPrecision(2)).toFixed(6).replace(/0+$/, '')}`;
}

/** Jobs as a list for a terminal, in the order given. */
export function renderJobList(jobs: readonly JobFacts[], style: TextStyle = plainStyle): string {
  return textTable(
    [
      { title: 'Job' },
      { title: 'State' },
      { title: 'Trigger' },
      { title: 'Started' },
      { title: 'Took', align: 'right' },
      { title: 'Rows', align: 'right' },
      { title: 'Stored', align: 'right' },
    ],
    jobs.map((job) => {
      const durationMs = durationBetween(job.startedAt, job.endedAt);
      return [
        job.job,
        { text: job.state, mark: stateMark(job.state, style) },
        job.trigger,
        humanTime(job.startedAt),
        durationMs === undefined ? '-' : humanDuration(durationMs),
        humanCount(job.rows),
        humanBytes(job.bytes),
      ];
    }),
    style,
  );
}
