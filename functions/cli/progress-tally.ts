import type { ProgressEvent } from '../engine/jobs/progress.ts';
import { counted, fitTo, humanBytes, humanCount, humanDuration, plainStyle, printable } from '../engine/report/render-text.ts';
import type { TextStyle } from '../engine/report/render-text.ts';

/** What a running job has done so far. */
export interface ProgressView {
  readonly phase: 'preparing' | 'working';
  readonly streams: number;
  readonly unitsDone: number;
  readonly units: number;
  readonly rows: number;
  readonly jsonBytes: number;
  /** 0 to 1; below 1 until the last unit is done. */
  readonly share: number;
  /** Over the last ten seconds. */
  readonly rowsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Undefined where it cannot be told. */
  readonly remainingMs: number | undefined;
  readonly remainingRows: number | undefined;
  readonly elapsedMs: number;
  /** Streams that are being read, those with most rows first. */
  readonly active: readonly { readonly stream: string; readonly what: string; readonly rows: number }[];
  readonly failed: readonly { readonly stream: string; readonly code: string }[];
}

/** Adds up events. Knows no clock: every call says what time it is. */
export interface ProgressTally {
  apply(event: ProgressEvent, atMs: number): void;
  view(atMs: number): ProgressView;
}

const WINDOW_MS = 10_000;

/** A tally of one job after the other: a new plan begins it anew. */
export function createTally(startedMs: number): ProgressTally {
  let plan: { readonly streams: number; units: number; readonly estimatedRows: number } | undefined;
  let begunMs = startedMs;
  let unitsDone = 0;
  let rows = 0;
  let jsonBytes = 0;
  const active = new Map<string, { units: number; what: string; rows: number }>();
  const failed = new Map<string, string>();
  let samples: { readonly atMs: number; readonly rows: number; readonly jsonBytes: number }[] = [];

  const apply = (event: ProgressEvent, atMs: number): void => {
    switch (event.kind) {
      case 'planned':
        begunMs = atMs;
        plan = { streams: event.streams, units: event.units, estimatedRows: event.estimatedRows };
        unitsDone = rows = jsonBytes = 0;
        active.clear();
        failed.clear();
        samples = [];
        return;
      case 'units-added':
        if (plan !== undefined) plan.units += event.count;
        return;
      case 'unit-started': {
        const known = active.get(event.stream);
        active.set(event.stream, { units: (known?.units ?? 0) + 1, what: event.what, rows: known?.rows ?? 0 });
        return;
      }
      case 'rows': {
        rows += event.rows;
        jsonBytes += event.jsonBytes;
        const known = active.get(event.stream);
        if (known !== undefined) known.rows += event.rows;
        return;
      }
      case 'unit-done': {
        unitsDone += 1;
        const known = active.get(event.stream);
        if (known === undefined) return;
        known.units -= 1;
        if (known.units <= 0) active.delete(event.stream);
        return;
      }
      case 'stream-failed':
        failed.set(event.stream, event.code);
        active.delete(event.stream);
        return;
    }
  };

  const view = (atMs: number): ProgressView => {
    samples = [...samples.filter((sample) => atMs - sample.atMs <= WINDOW_MS), { atMs, rows, jsonBytes }];
    const oldest = samples[0] ?? { atMs, rows, jsonBytes };
    const seconds = (atMs - oldest.atMs) / 1000;
    const rate = (now: number, then: number): number => (seconds < 0.5 ? 0 : (now - then) / seconds);
    const rowsPerSecond = rate(rows, oldest.rows);
    const units = plan?.units ?? 0;
    // Estimates are PostgreSQL's statistics: they may be short, so they never say that all is done.
    const byRows = plan !== undefined && plan.estimatedRows > rows ? rows / plan.estimatedRows : undefined;
    const isDone = plan !== undefined && unitsDone >= units;
    const remainingRows = plan === undefined || byRows === undefined || isDone ? undefined : plan.estimatedRows - rows;
    return {
      phase: plan === undefined ? 'preparing' : 'working',
      streams: plan?.streams ?? 0,
      unitsDone,
      units,
      rows,
      jsonBytes,
      share: isDone ? 1 : Math.min(0.99, byRows ?? (units === 0 ? 0 : unitsDone / units)),
      rowsPerSecond,
      bytesPerSecond: rate(jsonBytes, oldest.jsonBytes),
      remainingRows,
      remainingMs: remainingRows === undefined || rowsPerSecond <= 0 ? undefined : (remainingRows / rowsPerSecond) * 1000,
      elapsedMs: atMs - begunMs,
      active: [...active]
        .map(([stream, { what, rows: count }]) => ({ stream, what, rows: count }))
        .sort((a, b) => b.rows - a.rows),
      failed: [...failed].map(([stream, code]) => ({ stream, code })),
    };
  };
  return { apply, view };
}

export interface ProgressTitle {
  readonly title: string;
  readonly preparation: string;
}

const BAR_WIDTH = 20;
const ACTIVE_SHOWN = 4;

/** The lines that stand for a running job, each no wider than the terminal. `preparation` says what goes on before there is a plan. */
export function renderProgress(
  { title, preparation }: ProgressTitle,
  view: ProgressView,
  columns: number,
  style: TextStyle = plainStyle,
): readonly string[] {
  // The last column stays free: some terminals wrap when it is written.
  const width = columns - 1;
  if (view.phase === 'preparing') return [fitTo(`${printable(title)}  ${preparation}, ${humanDuration(view.elapsedMs)}`, width)];
  const filled = Math.floor(view.share * BAR_WIDTH);
  const facts = [
    `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${String(Math.floor(view.share * 100)).padStart(3)} %`,
    `${humanCount(view.unitsDone)} of ${counted(view.units, 'unit')} (${counted(view.streams, 'stream')})`,
    counted(view.rows, 'row'),
    `${humanBytes(view.bytesPerSecond)}/s`,
    view.remainingMs === undefined ? `${humanDuration(view.elapsedMs)} so far` : `about ${roughDuration(view.remainingMs)} left`,
    ...(view.failed.length === 0 ? [] : [`${humanCount(view.failed.length)} failed`]),
  ];
  const rest = view.active.length - ACTIVE_SHOWN;
  return [
    fitTo(`${printable(title)}  ${facts.join('  ')}`, width),
    ...view.active
      .slice(0, ACTIVE_SHOWN)
      .map(({ stream, what, rows }) =>
        style.dim(fitTo(`  ${printable(stream)}  ${printable(what)}, ${counted(rows, 'row')}`, width)),
      ),
    ...(rest > 0 ? [style.dim(fitTo(`  and ${counted(rest, 'more stream')}`, width))] : []),
  ];
}

/** An estimate in whole seconds, never none. */
function roughDuration(durationMs: number): string {
  const seconds = Math.max(1, Math.ceil(durationMs / 1000));
  return seconds < 60 ? `${seconds} s` : humanDuration(seconds * 1000);
}
