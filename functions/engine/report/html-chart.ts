import { html, nothing } from './html-text.ts';
import type { Markup } from './html-text.ts';

/** One job in a chart, oldest first. */
export interface ChartPoint {
  /** Start of the job, ISO 8601. */
  readonly at: string;
  readonly value: number;
  readonly state: string;
  /** What stands in the tooltip. */
  readonly label: string;
}

export interface Chart {
  readonly title: string;
  readonly form: 'bars' | 'line';
  readonly points: readonly ChartPoint[];
  /** Steps that make round ticks, ascending; beyond the last one, powers of ten of 1, 2 and 5. */
  readonly steps?: readonly number[];
  readonly tickText: (value: number) => string;
}

const WIDTH = 480;
const HEIGHT = 210;
const PLOT = { left: 56, right: 470, top: 18, bottom: 172 } as const;

/** A figure with axes for the values of the last jobs. A few outliers far above the rest turn the axis logarithmic, and it says so. */
export function chartFigure(chart: Chart): Markup {
  const { points, title } = chart;
  if (points.length === 0) {
    return html`<figure class="card">
      <figcaption>${title}</figcaption>
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}: no job yet">
        <text x="${WIDTH / 2}" y="${HEIGHT / 2}" text-anchor="middle">No job yet</text>
      </svg>
    </figure>`;
  }
  const scale = scaleFor(
    points.map((point) => point.value),
    chart.steps ?? [],
  );
  const slot = (PLOT.right - PLOT.left) / Math.max(points.length, 8);
  const x = (at: number): number => PLOT.left + slot * (at + 0.5);
  const y = (value: number): number => PLOT.bottom - scale.share(value) * (PLOT.bottom - PLOT.top);
  const ticks = scale.ticks.map(
    (tick) =>
      html`<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${px(y(tick))}" y2="${px(y(tick))}" /><text
          x="${PLOT.left - 8}"
          y="${px(y(tick) + 4)}"
          text-anchor="end"
          >${chart.tickText(tick)}</text
        >`,
  );
  const shapes = chart.form === 'bars' ? bars(points, { x, y, slot }) : line(points, { x, y });
  const peak = Math.max(...points.map((point) => point.value));
  const scaleNote = scale.kind === 'log' ? html` <span class="soft">(logarithmic axis)</span>` : nothing;
  return html`<figure class="card">
    <figcaption>${title}${scaleNote}</figcaption>
    <svg
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      role="img"
      aria-label="${title} of the last ${points.length} jobs; highest ${chart.tickText(peak)}, latest ${chart.tickText(points.at(-1)?.value ?? 0)}"
    >
      ${ticks}
      <line class="axis" x1="${PLOT.left}" x2="${PLOT.right}" y1="${PLOT.bottom}" y2="${PLOT.bottom}" />
      ${shapes}${timeLabels(points, x)}
    </svg>
  </figure>`;
}

interface Scale {
  readonly kind: 'linear' | 'log';
  readonly ticks: readonly number[];
  /** Height of a value as a share of the plot, 0 to 1. */
  readonly share: (value: number) => number;
}

/** Linear from zero, or logarithmic from one where the largest value would flatten all others. */
export function scaleFor(values: readonly number[], steps: readonly number[]): Scale {
  const highest = Math.max(0, ...values);
  const positive = values.filter((value) => value > 0).sort((a, b) => a - b);
  const median = positive[Math.floor(positive.length / 2)] ?? 0;
  if (positive.length >= 4 && highest > 25 * median && median >= 1) {
    const decades = Math.ceil(Math.log10(highest));
    const every = Math.ceil(decades / 5);
    const ticks = Array.from({ length: Math.floor(decades / every) + 1 }, (_, at) => 10 ** (at * every));
    // Half a decade below one, so that a value of one still shows.
    return {
      kind: 'log',
      ticks,
      share: (value) => (value <= 0 ? 0 : Math.max(0.02, (Math.log10(Math.max(value, 1)) + 0.5) / (decades + 0.5))),
    };
  }
  const step = roundStep((highest === 0 ? 1 : highest) / 4, steps);
  const count = Math.max(1, Math.ceil(highest / step - 1e-9));
  return {
    kind: 'linear',
    ticks: Array.from({ length: count + 1 }, (_, at) => at * step),
    share: (value) => value / (count * step),
  };
}

function roundStep(atLeast: number, steps: readonly number[]): number {
  const named = steps.find((step) => step >= atLeast);
  if (named !== undefined) return named;
  const power = 10 ** Math.floor(Math.log10(atLeast));
  return power * ([1, 2, 5].find((factor) => power * factor >= atLeast * (1 - 1e-9)) ?? 10);
}

interface Axes {
  readonly x: (at: number) => number;
  readonly y: (value: number) => number;
}

function bars(points: readonly ChartPoint[], { x, y, slot }: Axes & { readonly slot: number }): readonly Markup[] {
  const width = Math.min(slot * 0.72, 30);
  return points.map((point, at) => {
    // What is not zero is never invisible.
    const top = point.value > 0 ? Math.min(y(point.value), PLOT.bottom - 2) : PLOT.bottom;
    return html`<g
      ><title>${point.label}</title
      ><rect
        class="hit"
        x="${px(x(at) - slot / 2)}"
        y="${PLOT.top}"
        width="${px(slot)}"
        height="${PLOT.bottom - PLOT.top}"
        fill="transparent"
      /><rect
        class="bar ${point.state}"
        x="${px(x(at) - width / 2)}"
        y="${px(top)}"
        width="${px(width)}"
        height="${px(PLOT.bottom - top)}"
        rx="1.5"
      />${stateMarkAt(point, x(at), top - 4)}</g
    >`;
  });
}

function line(points: readonly ChartPoint[], { x, y }: Axes): readonly Markup[] {
  const path = points.map((point, at) => `${at === 0 ? 'M' : 'L'}${px(x(at))} ${px(y(point.value))}`).join('');
  const radius = points.length > 30 ? 2.5 : 3.5;
  return [
    html`<path class="line" d="${path}" />`,
    ...points.map(
      (point, at) =>
        html`<g
          ><title>${point.label}</title
          ><circle
            class="dot ${point.state}"
            cx="${px(x(at))}"
            cy="${px(y(point.value))}"
            r="${radius}"
          />${stateMarkAt(point, x(at), y(point.value) - 7)}</g
        >`,
    ),
  ];
}

/** Colour alone tells nothing to some readers: jobs that are not complete also carry a sign. */
function stateMarkAt(point: ChartPoint, x: number, y: number): Markup {
  const sign = STATE_SIGNS[point.state];
  return sign === undefined
    ? nothing
    : html`<text class="mark ${point.state}" x="${px(x)}" y="${px(y)}" text-anchor="middle">${sign}</text>`;
}

/** Signs of the states in charts, for the legend too. */
export const STATE_SIGNS: Readonly<Record<string, string>> = { failed: '×', partial: '!', stopped: '–' };

function timeLabels(points: readonly ChartPoint[], x: (at: number) => number): readonly Markup[] {
  const spanMs = Date.parse(points.at(-1)?.at ?? '') - Date.parse(points[0]?.at ?? '');
  const every = Math.max(1, Math.ceil(points.length / 5));
  return points.flatMap((point, at) => {
    if ((points.length - 1 - at) % every !== 0) return [];
    const anchor = at === points.length - 1 && points.length > 6 ? 'end' : 'middle';
    const edge = anchor === 'end' ? Math.min(x(at) + 16, PLOT.right) : x(at);
    const [day, time] = [point.at.slice(5, 10), point.at.slice(11, 16)];
    return [
      html`<text x="${px(edge)}" y="${PLOT.bottom + 17}" text-anchor="${anchor}">${time}</text>`,
      ...(spanMs > 12 * 3_600_000 || at === points.length - 1
        ? [html`<text x="${px(edge)}" y="${PLOT.bottom + 32}" text-anchor="${anchor}">${day}</text>`]
        : []),
    ];
  });
}

/** A word-sized picture of the rows of one stream, oldest first; one path, whatever the number of jobs. */
export function sparkline(values: readonly number[]): Markup {
  const highest = Math.max(...values, 0);
  if (highest === 0) return nothing;
  const width = 3;
  const path = values
    .map((value, at) => {
      const height = value === 0 ? 0 : Math.max(1.5, (value / highest) * 18);
      return height === 0 ? '' : `M${at * (width + 1)} 20v-${px(height)}h${width}V20z`;
    })
    .join('');
  const total = values.length * (width + 1);
  return html`<svg
    class="spark"
    width="${total}"
    height="20"
    viewBox="0 0 ${total} 20"
    role="img"
    aria-label="rows of the last ${values.length} jobs"
  >
    <path d="${path}" />
  </svg>`;
}

/** At most two decimals. */
function px(value: number): string {
  return String(Math.round(value * 100) / 100);
}
