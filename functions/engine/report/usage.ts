import type { JobRecord, Json } from '../ledger/ledger.ts';
import type { LoadingReport, TableState, Usage } from '../model/report.ts';

/** What the record of a job keeps per stream, for usage and the pictures of history. Streams that loaded nothing and did not fail are left out. */
export interface JobSummary {
  /** The streams with most rows; at most about 250 KB of them. */
  readonly streams: readonly StreamSummary[];
  /** The streams that did not fit, added up. */
  readonly others?: { readonly streams: number; readonly rows: number; readonly bytes: number };
  readonly durationMs: number;
}

export interface StreamSummary {
  readonly stream: string;
  readonly rows: number;
  /** As stored. */
  readonly bytes: number;
  readonly state: TableState;
  readonly durationMs?: number;
}

/** A job record may hold 300 KB of summary. */
const SUMMARY_BYTES = 250_000;

/** The summary of a report for the record of its job. */
export function summaryOf(report: Pick<LoadingReport, 'tables' | 'startedAt' | 'endedAt'>, now: Date): JobSummary {
  const candidates = report.tables
    .filter((table) => table.rows > 0 || table.state === 'failed')
    .sort((a, b) => b.rows - a.rows)
    .map(({ stream, rows, bytes, state, startedAt, endedAt }): StreamSummary => {
      const durationMs =
        startedAt === null || endedAt === null ? undefined : Math.max(0, Date.parse(endedAt) - Date.parse(startedAt));
      return { stream, rows, bytes, state, ...(durationMs === undefined ? {} : { durationMs }) };
    });
  const streams: StreamSummary[] = [];
  let size = 0;
  for (const candidate of candidates) {
    size += Buffer.byteLength(JSON.stringify(candidate)) + 1;
    if (size > SUMMARY_BYTES) break;
    streams.push(candidate);
  }
  const left = candidates.slice(streams.length);
  const ended = report.endedAt === null ? now.getTime() : Date.parse(report.endedAt);
  return {
    streams,
    ...(left.length === 0 ? {} : { others: { streams: left.length, rows: total(left, 'rows'), bytes: total(left, 'bytes') } }),
    durationMs: Math.max(0, ended - Date.parse(report.startedAt)),
  };
}

/** A {@link JobSummary} as a ledger keeps it. */
export function summaryJson(summary: JobSummary): Json {
  return {
    streams: summary.streams.map((stream) => ({ ...stream })),
    ...(summary.others === undefined ? {} : { others: { ...summary.others } }),
    durationMs: summary.durationMs,
  };
}

/** Reads the summary of a record; undefined if it has none, or one of an unknown form. */
export function parseSummary(summary: unknown): JobSummary | undefined {
  if (typeof summary !== 'object' || summary === null || !('streams' in summary) || !Array.isArray(summary.streams))
    return undefined;
  return 'durationMs' in summary && typeof summary.durationMs === 'number' ? (summary as unknown as JobSummary) : undefined;
}

/** Usage as an earlier job's report has it, that job included: with it the months need no older records. */
export interface EarlierUsage {
  readonly job: string;
  /** When it was computed, ISO 8601. */
  readonly at: string;
  readonly usage: Usage;
}

interface Counts {
  last24Hours: number;
  thisMonth: number;
  lastMonth: number;
}

/**
 * Rows written over the last 24 hours, this calendar month and the last one (UTC). A job counts at its end; while it runs, now.
 * `records` come newest first and are read no further than needed: to the start of last month, or with `earlier` over one day or to that job,
 * whichever is longer ago. Memory is one line a stream.
 */
export async function usageOf(
  records: AsyncIterable<JobRecord> | Iterable<JobRecord>,
  now: Date,
  earlier?: EarlierUsage,
): Promise<Usage> {
  const dayAgo = now.getTime() - 86_400_000;
  const thisMonth = Date.UTC(now.getUTCFullYear(), now.getUTCMonth());
  const lastMonth = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1);
  const all: Counts = { last24Hours: 0, thisMonth: 0, lastMonth: 0 };
  const streams = new Map<string, Counts>();
  if (earlier !== undefined) carryMonths(earlier, { thisMonth, lastMonth, all, streams });

  for await (const record of records) {
    if (record.state === 'skipped') continue;
    const carried = earlier !== undefined && record.job <= earlier.job;
    const ended = record.endedAt === undefined ? undefined : Date.parse(record.endedAt);
    // Jobs do not overlap: once one ended before everything that counts, so did all before it.
    if (ended !== undefined && ended < dayAgo && (carried || ended < lastMonth)) break;
    const at = ended ?? (record.state === 'running' ? now.getTime() : Date.parse(record.startedAt));
    const add = (counts: Counts, rows: number): void => {
      if (at >= dayAgo) counts.last24Hours += rows;
      if (carried) return;
      if (at >= thisMonth) counts.thisMonth += rows;
      else if (at >= lastMonth) counts.lastMonth += rows;
    };
    const summary = parseSummary(record.summary);
    add(all, record.rows ?? rowsIn(summary));
    for (const { stream, rows } of summary?.streams ?? []) {
      if (rows > 0) add(countsOf(streams, stream), rows);
    }
  }
  const lines = [...streams].filter(([, counts]) => counts.last24Hours + counts.thisMonth + counts.lastMonth > 0);
  return { ...all, streams: lines.sort(([a], [b]) => (a < b ? -1 : 1)).map(([stream, counts]) => ({ stream, ...counts })) };
}

/** Takes over the months that still matter: what was this month for `earlier` is this month, last month, or past. */
function carryMonths(
  earlier: EarlierUsage,
  into: { readonly thisMonth: number; readonly lastMonth: number; readonly all: Counts; readonly streams: Map<string, Counts> },
): void {
  const at = Date.parse(earlier.at);
  const carry = (from: Omit<Counts, 'last24Hours'>, counts: Counts): void => {
    if (at >= into.thisMonth) {
      counts.thisMonth += from.thisMonth;
      counts.lastMonth += from.lastMonth;
    } else if (at >= into.lastMonth) counts.lastMonth += from.thisMonth;
  };
  carry(earlier.usage, into.all);
  for (const stream of earlier.usage.streams) carry(stream, countsOf(into.streams, stream.stream));
}

function countsOf(streams: Map<string, Counts>, stream: string): Counts {
  const known = streams.get(stream);
  if (known !== undefined) return known;
  const fresh = { last24Hours: 0, thisMonth: 0, lastMonth: 0 };
  streams.set(stream, fresh);
  return fresh;
}

function rowsIn(summary: JobSummary | undefined): number {
  return summary === undefined ? 0 : total(summary.streams, 'rows') + (summary.others?.rows ?? 0);
}

function total(streams: readonly StreamSummary[], what: 'rows' | 'bytes'): number {
  return streams.reduce((sum, stream) => sum + stream[what], 0);
}
