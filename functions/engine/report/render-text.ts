/** Marks for a terminal; `plainStyle` leaves text as it is. */
export interface TextStyle {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly bad: (text: string) => string;
}

export const plainStyle: TextStyle = { bold: same, dim: same, good: same, warn: same, bad: same };

/** ANSI colours, for a terminal that shows them. */
export const colourStyle: TextStyle = {
  bold: ansi(1, 22),
  dim: ansi(2, 22),
  good: ansi(32, 39),
  warn: ansi(33, 39),
  bad: ansi(31, 39),
};

function same(text: string): string {
  return text;
}

function ansi(on: number, off: number): (text: string) => string {
  return (text) => `\u001b[${on}m${text}\u001b[${off}m`;
}

/**
 * Characters that act on a terminal or hide what stands there: C0 and C1 controls, DEL, line and paragraph separators, bidirectional overrides and isolates,
 * zero-width ones, unpaired surrogates. Names come from other people's databases.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu;

/** Text that is safe on a terminal: what could act there is spelled out, as `\u001b`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
}

/** As {@link printable}, but newlines stay: for messages of several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** JSON on one line that is safe on a terminal too: DEL, C1 and direction controls are escaped, which JSON alone does not ask for. */
export function printableJson(value: unknown): string {
  return printable(JSON.stringify(value));
}

export interface TextColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** A cell: text, or text with a mark that does not count for its width. */
export type TextCell = string | { readonly text: string; readonly mark: (text: string) => string };

/** Aligned columns, two spaces between them, no borders; cells are made {@link printable}. Empty without rows. */
export function textTable(
  columns: readonly TextColumn[],
  rows: readonly (readonly TextCell[])[],
  style: TextStyle = plainStyle,
): string {
  if (rows.length === 0) return '';
  const head = columns.map(({ title }): TextCell => ({ text: title, mark: style.dim }));
  const cells = [head, ...rows].map((row) => columns.map((_, at) => cellOf(row[at] ?? '')));
  const widths = columns.map((_, at) => cells.reduce((width, row) => Math.max(width, displayWidth(row[at]?.text ?? '')), 0));
  const lines = cells.map((row) =>
    row
      .map((cell, at) => {
        const space = ' '.repeat((widths[at] ?? 0) - displayWidth(cell.text));
        return columns[at]?.align === 'right' ? space + cell.mark(cell.text) : cell.mark(cell.text) + space;
      })
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

function cellOf(cell: TextCell): { readonly text: string; readonly mark: (text: string) => string } {
  return typeof cell === 'string' ? { text: printable(cell), mark: same } : { text: printable(cell.text), mark: cell.mark };
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** Columns that printable text takes on a terminal: two for East Asian wide characters and most emoji, none for combining marks. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const char of text) width += /\p{M}/u.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
  return width;
}

/** Cuts text to a number of terminal columns, with an ellipsis where something was cut. */
export function fitTo(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let kept = '';
  let width = 0;
  for (const char of text) {
    const next = displayWidth(char);
    if (width + next > columns - 1) break;
    kept += char;
    width += next;
  }
  return columns < 1 ? '' : `${kept}…`;
}

/** `1,204,311`. */
export function humanCount(count: number): string {
  return Math.round(count)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

const BYTE_UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Decimal units with three digits: `512 B`, `1.24 GB`. */
export function humanBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit] ?? ''}`;
}

/** `0.42 s`, `9.7 s`, `4 min 05 s`, `3 h 07 min`, `2 d 04 h`. */
export function humanDuration(durationMs: number): string {
  const seconds = Math.max(0, durationMs) / 1000;
  if (seconds < 0.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${two((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${two((whole % 86_400) / 3600)} h`;
}

/** `2026-11-22 08:12:00 UTC` of an ISO 8601 time; what is none comes back unchanged. */
export function humanTime(iso: string): string {
  const time = Date.parse(iso);
  return Number.isNaN(time) ? iso : `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `1 table`, `2 tables`. */
export function counted(count: number, noun: string): string {
  return `${humanCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Milliseconds between two ISO 8601 times; undefined if one is missing or no time. */
export function durationBetween(from: string | null | undefined, to: string | null | undefined): number | undefined {
  if (from === null || from === undefined || to === null || to === undefined) return undefined;
  const durationMs = Date.parse(to) - Date.parse(from);
  return Number.isNaN(durationMs) ? undefined : Math.max(0, durationMs);
}
