import { expect, test } from 'vitest';
import { mostParallel } from '../../functions/engine/plan/most-parallel.ts';
import type { Unit } from '../../functions/engine/plan/plan.ts';

const copy: Unit = { kind: 'copy', stream: 'large', version: 1 };
const small: Unit = { kind: 'copy', stream: 'small', version: 1 };
const range: Unit = { kind: 'range', stream: 'large', version: 1, range: 3 };
const key: Unit = { kind: 'key', stream: 'small', version: 1 };

test.each<readonly [what: string, units: readonly Unit[], most: number]>([
  ['nothing to do', [], 0],
  ['a table that is read at once', [small], 1],
  ['a table that will be cut: its ranges', [copy], 11],
  ['ranges that are left', [range, range], 2],
  ['all of them', [copy, small, range, key], 14],
])('%s', (_, units, most) => {
  expect(mostParallel(units, (stream) => (stream === 'large' ? 1_050 : 0), 100)).toBe(most);
});
