import { describe, expect, it } from 'vitest';
import { boundsOf, refine } from '../../functions/engine/source/postgres/cut-keys.ts';
import { pageRanges } from '../../functions/engine/source/postgres/cut-pages.ts';
import type { CurrentStorage } from '../../functions/engine/source/postgres/cut-storage.ts';

function storage(table: string, pages: number, bytes = pages * 8192): CurrentStorage {
  return {
    schema: 's',
    table,
    filenode: `9${table}`,
    identity: `1:9${table}`,
    isLeaf: true,
    pages,
    bytes: BigInt(bytes),
    isHeap: true,
    isReadable: true,
  };
}

/** `table:from-to` of each part. */
function cutInto(storages: readonly CurrentStorage[], rangeBytes: number): readonly (readonly string[])[] {
  return pageRanges(storages, rangeBytes).map((range) => {
    if (range.kind !== 'pages') throw new Error(range.kind);
    return range.parts.map(({ table, from, to }) => `${table}:${from}-${to ?? ''}`);
  });
}

describe('page ranges', () => {
  it.each([
    ['one table', [storage('1', 100)], 25 * 8192, [['1:0-25'], ['1:25-50'], ['1:50-75'], ['1:75-']]],
    ['pages that do not divide evenly', [storage('1', 10)], 4 * 8192, [['1:0-3'], ['1:3-6'], ['1:6-']]],
    ['a few pages with much TOAST', [storage('1', 2, 1_000_000)], 100_000, [['1:0-1'], ['1:1-']]],
    ['small leaves together', [storage('1', 1), storage('2', 1), storage('3', 1)], 2 * 8192, [['1:0-', '2:0-'], ['3:0-']]],
    ['an empty leaf too', [storage('1', 0), storage('2', 4)], 2 * 8192, [['2:0-2'], ['2:2-'], ['1:0-']]],
    [
      'small and large leaves',
      [storage('1', 1), storage('2', 4), storage('3', 1)],
      2 * 8192,
      [['2:0-2'], ['2:2-'], ['1:0-', '3:0-']],
    ],
  ])('cut %s', (_, storages, rangeBytes, expected) => {
    expect(cutInto(storages, rangeBytes)).toEqual(expected);
  });

  it('put no more than 64 leaves into one statement', () => {
    const ranges = cutInto(
      Array.from({ length: 130 }, (_, index) => storage(String(index), 0)),
      8192,
    );

    expect(ranges.map((parts) => parts.length)).toEqual([64, 64, 2]);
  });
});

describe('key ranges', () => {
  const evenly = (values: readonly string[]): { readonly value: string; readonly weight: number }[] =>
    values.map((value, index) => ({ value, weight: index + 1 < values.length ? 1 : 0 }));

  it.each([
    ['in half', ['a', 'b', 'c', 'd', 'e'], 2, ['c']],
    ['at every point, if there are no more', ['a', 'b', 'c'], 10, ['b']],
    ['not at all', ['a'], 10, []],
    ['into one', ['a', 'b', 'c'], 1, []],
  ])('cut %s', (_, values, count, expected) => {
    expect(boundsOf(evenly(values), count)).toEqual(expected);
  });

  it('cut at a value that many rows have', () => {
    const points = [
      { value: 'a', weight: 0.01 },
      { value: 'b', weight: 0.97 },
      { value: 'c', weight: 0.02 },
    ];

    expect(boundsOf(points, 4)).toEqual(['c']);
  });

  it.each([
    ['int8', ['0', '1000'], 5, ['200', '400', '600', '800']],
    ['int4', ['-10', '10'], 4, ['-5', '0', '5']],
    ['int8', ['0', '2'], 100, ['1']],
    ['int8', ['-9223372036854775808', '9223372036854775807'], 2, ['-1']],
    [
      'uuid',
      ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
      2,
      ['7fffffff-ffff-ffff-ffff-ffffffffffff'],
    ],
    ['text', ['a', 'z'], 5, []],
  ])('cut %s between the points that are known', (type, values, count, expected) => {
    expect(boundsOf(refine(evenly(values), type, count), count)).toEqual(expected);
  });

  it('are never more than asked for, and grow', () => {
    const values = Array.from({ length: 101 }, (_, index) => String(index * index));
    for (const count of [1, 2, 3, 10, 99, 100, 101, 250, 2000]) {
      const bounds = boundsOf(refine(evenly(values), 'int8', count), count).map(Number);

      expect(bounds.length, `${count} ranges`).toBeLessThan(Math.max(count, 2));
      expect(bounds, `${count} ranges`).toEqual([...new Set(bounds)].toSorted((a, b) => a - b));
      if (count <= 250) expect(bounds.length).toBeGreaterThanOrEqual(Math.floor(count * 0.6) - 1);
    }
  });
});
