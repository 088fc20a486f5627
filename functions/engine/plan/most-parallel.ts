import type { Unit } from './plan.ts';

/**
 * How many workers can be busy at once with these units, at most: one each, but for a table that is going to be cut, which has as many as it will have ranges of about
 * `rangeBytes`. Pure. `bytesOf` gives a stream's size on disk.
 */
export function mostParallel(units: readonly Unit[], bytesOf: (stream: string) => number, rangeBytes: number): number {
  return units.reduce(
    (sum, unit) => sum + (unit.kind === 'copy' ? Math.max(1, Math.ceil(bytesOf(unit.stream) / rangeBytes)) : 1),
    0,
  );
}
