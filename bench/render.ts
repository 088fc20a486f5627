import type { ConverterResult } from './converter.ts';
import { LEAST_RATIOS } from './converter.ts';
import type { GrowthResult } from './growth.ts';
import type { CaseResult, GroupResult } from './run-groups.ts';

/** Resident memory that no process of ours may exceed that makes one read. */
export const PEAK_MB = 150;

/** Everything that a run has measured; parts that were not run are absent. */
export interface BenchResults {
  readonly limits?: LimitsResult;
  readonly small?: SmallResult;
  readonly converter?: { readonly about: RunFacts; readonly results: readonly ConverterResult[] };
  readonly growth?: { readonly about: RunFacts; readonly result: GrowthResult };
  readonly parallel?: { readonly about: RunFacts; readonly groups: readonly GroupResult[] };
}

export interface LimitsResult {
  readonly about: RunFacts;
  readonly groups: readonly GroupResult[];
  /** Names of cases for which something is not installed here. */
  readonly notMeasured: readonly string[];
}

/** Jobs that have little to do, and the start of functions. */
export interface SmallResult {
  readonly about: RunFacts;
  readonly groups: readonly GroupResult[];
  /** Milliseconds until a function's Node has loaded what a handler needs, from the start of the process. */
  readonly imports?: readonly (readonly [handler: string, ms: number])[];
}

/** When, where and how a part was run. */
export interface RunFacts {
  readonly at: string;
  readonly scale: number;
  readonly rounds: number;
  readonly machine: string;
  readonly versions: string;
  /** How fast the folder for objects takes a first write. */
  readonly folderMbPerS?: number;
  /** Load averages of 1, 5 and 15 minutes when it ended. */
  readonly load: string;
}

const HEAD = ['case', 'rows/s', 'JSON MB/s', 'wall s', 'client CPU s', 'server CPU s', 'peak MB', 'ratios'];

/** A group as a Markdown table, for a terminal as well. */
export function renderGroup({ title, cases }: GroupResult, mostMb = PEAK_MB): string {
  const lines = [
    `### ${title}`,
    '',
    `| ${HEAD.join(' | ')} |`,
    `|${HEAD.map(() => '---').join('|')}|`,
    ...cases.map((result) => `| ${cellsOf(result, mostMb).join(' | ')} |`),
    ...cases.filter(({ notes }) => notes.length > 0).map(({ name, notes }) => `\n${name}: ${notes.join('; ')}.`),
    ...cases.filter(({ missed }) => missed.length > 0).map(({ name, missed }) => `\n${name}, missed: ${missed.join('; ')}.`),
  ];
  return `${lines.join('\n')}\n`;
}

/** What was not reached, one line each. */
export function missesOf(groups: readonly GroupResult[], mostMb: number): readonly string[] {
  return groups.flatMap(({ title, cases }) =>
    cases.flatMap(({ name, side, peakMb, ratios, missed }) => [
      ...ratios
        .filter(({ ratio, atLeast }) => ratio < atLeast)
        .map(({ of, ratio, atLeast }) => `${title}: ${name}: ${ratio.toFixed(2)} of ${of}, wanted ${atLeast.toFixed(2)}`),
      ...(side === 'ours' && peakMb > mostMb ? [`${title}: ${name}: ${peakMb.toFixed(0)} MB, wanted ${mostMb}`] : []),
      ...missed.map((what) => `${title}: ${name}: ${what}`),
    ]),
  );
}

function cellsOf(result: CaseResult, mostMb: number): readonly string[] {
  const { name, side, rowsPerS, jsonMbPerS, wallS, clientCpuS, serverCpuS, peakMb, ratios } = result;
  const peak = peakMb.toFixed(0) + (side === 'ours' && peakMb > mostMb ? ' (missed)' : '');
  const verdicts = ratios.map(
    ({ of, atLeast, ratio, withStart, cpuRatio }) =>
      `${ratio.toFixed(2)} of ${of.replaceAll('|', String.raw`\|`)} (wanted ${atLeast.toFixed(2)}${ratio < atLeast ? ', missed' : ''}; with start ${withStart.toFixed(2)}; by CPU ${cpuRatio.toFixed(2)})`,
  );
  return [
    name.replaceAll('|', String.raw`\|`),
    Math.round(rowsPerS).toLocaleString('en'),
    jsonMbPerS === 0 ? '' : jsonMbPerS.toFixed(0),
    wallS.toFixed(2),
    clientCpuS.toFixed(2),
    serverCpuS.toFixed(2),
    peak,
    verdicts.join('; '),
  ];
}

export function renderConverter(results: readonly ConverterResult[]): string {
  const lines = [
    '| rows | ours, JSON MB/s per core | JSON.stringify, MB/s | ratio | at least |',
    '|---|---|---|---|---|',
    ...results.map(
      ({ table, jsonMbPerS, stringifyMbPerS, ratio }) =>
        `| ${table} | ${jsonMbPerS.toFixed(0)} | ${stringifyMbPerS.toFixed(0)} | ${ratio.toFixed(2)} | ${LEAST_RATIOS[table].toFixed(2)} |`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

export function renderGrowth({ points }: GrowthResult): string {
  const lines = [
    '| series | tables | rows | workers | wall s | rows/s | client CPU s | peak MB |',
    '|---|---|---|---|---|---|---|---|',
    ...points.map(
      ({ series, tables, rows, workers, wallS, clientCpuS, peakMb }) =>
        `| ${series} | ${tables} | ${rows.toLocaleString('en')} | ${workers} | ${wallS.toFixed(2)} | ${Math.round(rows / wallS).toLocaleString('en')} | ${clientCpuS.toFixed(2)} | ${peakMb.toFixed(0)} |`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** What goes into the file that is committed, each part below a heading of its own. */
export function renderResults({ limits, small, converter, growth, parallel }: BenchResults): string {
  const parts = [
    '# Results of `npm run bench`',
    'Written by the run itself; see `bench/README.md` for what is measured and how.',
  ];
  if (limits !== undefined) {
    parts.push('## Against what PostgreSQL can send', about(limits.about));
    parts.push(
      'Ratios are medians over rounds of rows per second in the same round. "By CPU" is the same with the CPU time of client and server together in place of wall time: it is what the ratio would be on one core, and moves less when other programs want the machine. "With start" adds to our time what loading the program takes, as the limits have it.',
      verdict(limits),
    );
    parts.push(...limits.groups.map((group) => renderGroup(group)));
  }
  if (small !== undefined) {
    parts.push('## Small jobs', about(small.about), ...small.groups.map((group) => renderGroup(group)));
    if (small.imports !== undefined) parts.push(renderImports(small.imports));
  }
  if (converter !== undefined) parts.push('## The converter alone', about(converter.about), renderConverter(converter.results));
  if (growth !== undefined) {
    parts.push('## Growth', about(growth.about), '![Growth](growth.svg)', renderGrowth(growth.result));
  }
  if (parallel !== undefined) {
    parts.push('## Parallel copies', about(parallel.about));
    parts.push(
      'The source answers from memory, so that the server is not the limit: "server CPU" is that of the process that replays and of PostgreSQL together. Ratios are medians over rounds of rows per second in the same round, "by CPU" of CPU time in place of wall time.',
    );
    parts.push(...parallel.groups.map((group) => renderGroup(group, Infinity)));
  }
  return `${parts.join('\n\n').trimEnd()}\n`;
}

function renderImports(imports: NonNullable<SmallResult['imports']>): string {
  const cells = imports.map(([handler, ms]) => `\`${handler}\` ${ms.toFixed(0)} ms`);
  return `### Start of functions\n\nFrom the start of Node 24 until the bundle is loaded, by handler: ${cells.join(', ')}.`;
}

/** Whether everything was reached, in a sentence or a list. */
export function verdict({ groups, notMeasured }: LimitsResult): string {
  const misses = missesOf(groups, PEAK_MB);
  const lines = [
    misses.length === 0
      ? 'Everything that was measured reached what was wanted.'
      : `Missed:\n\n${misses.map((miss) => `- ${miss}`).join('\n')}`,
    ...(notMeasured.length === 0 ? [] : [`Not measured here: ${notMeasured.join('; ')}.`]),
  ];
  return lines.join('\n\n');
}

function about({ at, scale, rounds, machine, versions, folderMbPerS, load }: RunFacts): string {
  const folder = folderMbPerS === undefined ? '' : ` A first write to the folder for objects: ${folderMbPerS.toFixed(0)} MB/s.`;
  return `${at}, scale ${scale}, ${rounds} round${rounds === 1 ? '' : 's'}, ${machine}; ${versions}.${folder} Load average at the end ${load}: other programs used the machine at the same time wherever that is above what one job and its server need (2).`;
}
