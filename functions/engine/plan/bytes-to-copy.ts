import type { Unit } from './plan.ts';

/** About how many bytes, on the source's disk, these units copy. What is read by key or from a slot is not known before. Pure. `bytesOf` gives a stream's size on disk. */
export function bytesToCopy(units: readonly Unit[], bytesOf: (stream: string) => number, rangeBytes: number): number {
  return units.reduce((sum, unit) => {
    switch (unit.kind) {
      case 'copy':
        return sum + bytesOf(unit.stream);
      case 'range':
        return sum + rangeBytes;
      case 'key':
      case 'log':
        return sum;
    }
  }, 0);
}
