import type { GrowthPoint, GrowthResult } from './growth.ts';

const PANEL = { width: 280, height: 220, left: 46, right: 12, top: 34, bottom: 34 } as const;
const SERIES = [
  { series: 'data', title: 'Rows: 1x and 10x', of: ({ rows }: GrowthPoint) => rows },
  { series: 'tables', title: 'Tables, 200 rows each', of: ({ tables }: GrowthPoint) => tables },
  { series: 'log', title: 'Changes in 1 to 1,000 tables', of: ({ tables }: GrowthPoint) => tables },
  { series: 'workers', title: 'Workers on one table', of: ({ workers }: GrowthPoint) => workers },
] as const;

/** Wall time (blue) and resident memory (grey) over the size, a panel for each series, as an SVG document. Sizes are spaced by their logarithms, times and memory begin at zero. */
export function growthPlot({ points }: GrowthResult): string {
  const width = PANEL.width * SERIES.length;
  const panels = SERIES.map(({ series, title, of }, index) => {
    const own = points.filter((point) => point.series === series);
    return `<g transform="translate(${index * PANEL.width} 0)">${panel(title, own, of)}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${PANEL.height}" width="${width}" height="${PANEL.height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${PANEL.height}" fill="white"/>`,
    ...panels,
    '</svg>',
    '',
  ].join('\n');
}

function panel(title: string, points: readonly GrowthPoint[], sizeOf: (point: GrowthPoint) => number): string {
  const sizes = points.map((point) => Math.log(sizeOf(point)));
  const [low, high] = [Math.min(...sizes), Math.max(...sizes)];
  const most = Math.max(...points.map(({ wallS }) => wallS));
  const mostMb = Math.max(...points.map(({ peakMb }) => peakMb));
  const x = (size: number): number =>
    PANEL.left + 14 + ((size - low) / (high === low ? 1 : high - low)) * (PANEL.width - PANEL.left - PANEL.right - 28);
  const y = (share: number): number => PANEL.height - PANEL.bottom - share * (PANEL.height - PANEL.top - PANEL.bottom);
  const line = (colour: string, share: (point: GrowthPoint) => number): string => {
    const places = points.map((point, index) => `${x(sizes[index] ?? 0).toFixed(1)},${y(share(point)).toFixed(1)}`);
    const dots = places.map(
      (place) => `<circle cx="${place.split(',')[0]}" cy="${place.split(',')[1]}" r="3" fill="${colour}"/>`,
    );
    return `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>${dots.join('')}`;
  };
  const labels = points.map((point, index) => {
    const at = x(sizes[index] ?? 0).toFixed(1);
    return `<text x="${at}" y="${PANEL.height - 18}" text-anchor="middle">${sizeOf(point).toLocaleString('en')}</text>`;
  });
  return [
    `<text x="${PANEL.left}" y="16" font-weight="bold">${title}</text>`,
    `<text x="${PANEL.left}" y="29" fill="#1f6feb">up to ${most.toFixed(1)} s</text><text x="${PANEL.width - PANEL.right}" y="29" fill="#888" text-anchor="end">up to ${mostMb.toFixed(0)} MB</text>`,
    `<path d="M${PANEL.left} ${PANEL.top}V${y(0)}H${PANEL.width - PANEL.right}" fill="none" stroke="#333"/>`,
    `<text x="${PANEL.left - 6}" y="${y(1) + 4}" text-anchor="end">${most.toFixed(1)} s</text><text x="${PANEL.left - 6}" y="${y(0) + 4}" text-anchor="end">0</text>`,
    line('#bbb', ({ peakMb }) => peakMb / mostMb),
    line('#1f6feb', ({ wallS }) => wallS / most),
    ...labels,
  ].join('');
}
