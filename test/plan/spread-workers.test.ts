import { expect, test } from 'vitest';
import { bytesToCopy } from '../../functions/engine/plan/bytes-to-copy.ts';
import type { Unit } from '../../functions/engine/plan/plan.ts';
import { spreadWorkers } from '../../functions/engine/plan/spread-workers.ts';

test.each<readonly [what: string, workers: number, cores: number, bytes: number, spread: readonly (readonly string[])[]]>([
  ['nobody', 0, 8, 1_000, [[]]],
  ['one worker', 1, 8, 1_000, [['w0']]],
  ['one core', 3, 1, 1_000, [['w0', 'w1', 'w2']]],
  ['little to read', 3, 8, 199, [['w0', 'w1', 'w2']]],
  ['enough for two threads', 3, 8, 299, [['w0', 'w2'], ['w1']]],
  ['a core for each', 3, 8, 1_000, [['w0'], ['w1'], ['w2']]],
  [
    'fewer cores than workers',
    5,
    2,
    1_000,
    [
      ['w0', 'w2', 'w4'],
      ['w1', 'w3'],
    ],
  ],
  ['no threads at all', 2, 1, Infinity, [['w0', 'w1']]],
])('workers are spread over threads: %s', (_, workers, cores, bytes, spread) => {
  expect(spreadWorkers(workers, { cores, bytes, bytesPerThread: 100 })).toEqual(spread);
});

const log = { kind: 'log', streams: [] as readonly string[] } as unknown as Unit;

test.each<readonly [what: string, units: readonly Unit[], bytes: number]>([
  ['nothing', [], 0],
  ['copies count with their tables', [{ kind: 'copy', stream: 'large', version: 1 }], 1_050],
  ['ranges count with their size', [{ kind: 'range', stream: 'large', version: 1, range: 3 }], 100],
  ['keys and slots do not count', [{ kind: 'key', stream: 'large', version: 1 }, log], 0],
])('what is going to be copied: %s', (_, units, bytes) => {
  expect(bytesToCopy(units, () => 1_050, 100)).toBe(bytes);
});
