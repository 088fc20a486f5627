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
import type { TextCell, TextStyle } from './render-text.ts';
import type { SlotReport } from '../model/report.ts';
import type { IntegrationStatus, JobFacts, StreamStatus } from './status.ts';

/** Status of one integration for a terminal. */
export function renderStatus(status: IntegrationStatus, now: Date, style: TextStyle = plainStyle): string {
  const facts: (readonly [string, string])[] = [['State', stateLine(status, style)]];
  if (status.error !== null) {
    facts.push(
      ['Error', `${style.bad(status.error.code)}: ${printableLines(status.error.message)}`],
      ['Remedy', printableLines(status.error.remedy)],
    );
  }
  if (status.running !== null && status.pausedAt !== null) facts.push(['Paused', `since ${moment(status.pausedAt, now)}`]);
  facts.push(
    ['Last started', status.lastStarted === null ? 'never' : moment(status.lastStarted.at, now)],
    ['Last completed', status.lastCompleted === null ? 'never' : moment(status.lastCompleted.at, now)],
    ['Next run', nextRun(status, now)],
    ['Rows today', `${humanCount(status.rowsToday)} (since midnight UTC)`],
  );
  if (status.lastJob !== null) facts.push(['Last job', lastJob(status.lastJob)]);
  const width = Math.max(...facts.map(([name]) => name.length));
  const head = facts
    .map(([name, value]) => `  ${style.dim(name.padEnd(width))}  ${value.replaceAll('\n', `\n${' '.repeat(width + 4)}`)}\n`)
    .join('');
  return [`${style.bold(printable(status.integration))}\n${head}`, streamTable(status.streams, style), slotTable(status, style)]
    .filter((part) => part !== '')
    .join('\n');
}

/** The mark of a state in text. */
export function stateMark(state: string, style: TextStyle): (text: string) => string {
  switch (state) {
    case 'complete':
      return style.good;
    case 'failing':
    case 'failed':
      return style.bad;
    case 'partial':
    case 'stopped':
    case 'paused':
    case 'not-configured':
    case 'copying':
      return style.warn;
    default:
      return (text) => text;
  }
}

function stateLine(status: IntegrationStatus, style: TextStyle): string {
  const mark = stateMark(status.state, style);
  switch (status.state) {
    case 'not-configured':
      return `${mark('not configured')}: no table is selected`;
    case 'pending':
      return `${mark('pending')}: no job has ended yet`;
    case 'running': {
      const { running } = status;
      const rows = running?.rows === null || running === null ? '' : `, ${counted(running.rows, 'row')} so far`;
      return `${mark(running?.stopping === true ? 'running, asked to stop' : 'running')}: job ${printable(running?.job ?? '')}${rows}`;
    }
    case 'paused':
      return `${mark('paused')} since ${humanTime(status.pausedAt ?? '')}; go on with: backstitch resume --integration ${printable(status.integration)}`;
    case 'partial':
      return `${mark('partial')}: ${counted(status.streams.filter((stream) => stream.state === 'failing').length, 'stream')} failed in the last job`;
    case 'stopped':
      return `${mark('stopped')}: the last job ended early on request; the next one goes on from there`;
    case 'failing':
    case 'complete':
      return mark(status.state);
  }
}

function lastJob(job: JobFacts): string {
  const durationMs = durationBetween(job.startedAt, job.endedAt);
  const took = durationMs === undefined ? '' : ` in ${humanDuration(durationMs)}`;
  return `${printable(job.job)}, ${job.state}, ${counted(job.rows, 'row')}, ${humanBytes(job.bytes)}${took}`;
}

function nextRun(status: IntegrationStatus, now: Date): string {
  if (status.nextRun !== null) return moment(status.nextRun, now);
  return status.pausedAt === null ? 'no schedule' : 'none while paused';
}

/** A time and how far away it is. */
function moment(iso: string, now: Date): string {
  const awayMs = Date.parse(iso) - now.getTime();
  if (Number.isNaN(awayMs)) return printable(iso);
  return `${humanTime(iso)} (${awayMs > 0 ? `in ${humanDuration(awayMs)}` : `${humanDuration(-awayMs)} ago`})`;
}

function streamTable(streams: readonly StreamStatus[], style: TextStyle): string {
  const rows = streams.map((stream): readonly TextCell[] => [
    stream.stream,
    stream.method,
    { text: conditionText(stream), mark: stateMark(stream.state, style) },
    stream.activeVersion === null ? '-' : String(stream.activeVersion),
    fitTo(printable(stream.bookmark ?? '-'), 50),
    humanCount(stream.rowsLastJob),
    humanCount(stream.rowsToday),
  ]);
  const table = textTable(
    [
      { title: 'Stream' },
      { title: 'Method' },
      { title: 'State' },
      { title: 'Version' },
      { title: 'Bookmark' },
      { title: 'Last job', align: 'right' },
      { title: 'Today', align: 'right' },
    ],
    rows,
    style,
  );
  const failures = streams.flatMap(({ stream, error }) =>
    error === null
      ? []
      : [
          `${style.bad(`${printable(stream)}: ${error.code}`)}: ${printableLines(error.message)}\n  remedy: ${printableLines(error.remedy)}\n`,
        ],
  );
  return failures.length === 0 ? table : `${table}\n${failures.join('')}`;
}

function conditionText(stream: StreamStatus): string {
  if (stream.resetAt !== null && stream.state === 'pending') return 'reset, copied anew next';
  if (stream.ranges === null) return stream.state;
  const ranges = `${humanCount(stream.ranges.done)} of ${counted(stream.ranges.total, 'range')}`;
  return stream.state === 'failing' ? `failing, copied ${ranges}` : `copying ${ranges}`;
}

function behind({ behindBytes, behindSeconds }: SlotReport): string {
  const bytes = behindBytes === null || behindBytes === undefined ? '-' : humanBytes(behindBytes);
  return behindSeconds === null || behindSeconds === undefined ? bytes : `${bytes}, ${humanDuration(behindSeconds * 1000)}`;
}

function slotTable(status: IntegrationStatus, style: TextStyle): string {
  return textTable(
    [
      { title: 'Slot' },
      { title: 'Database' },
      { title: 'Plugin' },
      { title: 'Confirmed' },
      { title: 'Bookmark' },
      { title: 'Behind', align: 'right' },
      { title: 'WAL kept', align: 'right' },
      { title: 'Budget', align: 'right' },
      { title: 'State' },
    ],
    status.slots.map((slot) => [
      slot.slot,
      slot.database,
      slot.plugin,
      slot.confirmed,
      slot.bookmark ?? '-',
      behind(slot),
      humanBytes(slot.retainedBytes),
      slot.budgetUsed === null || slot.budgetUsed === undefined ? 'no limit' : `${String(Math.round(slot.budgetUsed * 100))} %`,
      `${slot.walStatus ?? 'reserved'}${slot.active === true ? ', in use' : ''}`,
    ]),
    style,
  );
}
