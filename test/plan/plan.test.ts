import { describe, expect, test } from 'vitest';
import { plan, rangesLeft } from '../../functions/engine/plan/plan.ts';
import type { PlannedStream, StreamPlan } from '../../functions/engine/plan/plan.ts';
import type { StreamState } from '../../functions/engine/model/stream-state.ts';

const NOW = 1_764_000_000_000;
const ID = { position: 1, name: 'id', type: 'int8' };
const NOTE = { position: 2, name: 'note', type: 'text' };

function stream(over: Partial<PlannedStream> = {}): PlannedStream {
  return {
    id: 'shop.public.orders',
    method: 'FULL_TABLE',
    replicationKey: null,
    primaryKey: ['id'],
    schemaHash: 'aa',
    columns: [ID],
    isView: false,
    bytes: 8192,
    ...over,
  };
}

function state(over: Partial<StreamState> = {}): StreamState {
  return {
    format: 1,
    stream: 'shop.public.orders',
    name: { database: 'shop', schema: 'public', table: 'orders' },
    method: 'FULL_TABLE',
    replicationKey: null,
    primaryKey: ['id'],
    destinationTable: 'orders',
    version: 100,
    activeVersion: 100,
    schemaHash: 'aa',
    columns: [ID],
    logFrom: null,
    copy: null,
    resetAt: null,
    last: null,
    ...over,
  };
}

function copy(done: string, schemaHash = 'aa'): NonNullable<StreamState['copy']> {
  return {
    start: { sequence: '1', oldestXid: '1', at: '2026-01-01T00:00:00Z' },
    total: done.length,
    done,
    schemaHash,
    keyBookmark: null,
  };
}

const LOGGED = { method: 'LOG_BASED' } as const;
const KEYED = { method: 'INCREMENTAL', replicationKey: 'updated_at' } as const;

describe('what a job does with a stream', () => {
  const cases: readonly [string, PlannedStream, StreamState | undefined, StreamPlan][] = [
    [
      'a new full-table stream is copied',
      stream(),
      undefined,
      { kind: 'start-copy', stream: 'shop.public.orders', version: NOW, reason: 'full-table' },
    ],
    [
      'a full-table stream is copied in every job',
      stream(),
      state(),
      { kind: 'start-copy', stream: 'shop.public.orders', version: NOW, reason: 'full-table' },
    ],
    [
      'a new key-based stream is copied first',
      stream(KEYED),
      undefined,
      { kind: 'start-copy', stream: 'shop.public.orders', version: NOW, reason: 'first-copy' },
    ],
    [
      'a key-based stream goes on by its key',
      stream(KEYED),
      state(KEYED),
      { kind: 'read-key', stream: 'shop.public.orders', version: 100 },
    ],
    [
      'a key-based stream whose first copy never ended is copied',
      stream(KEYED),
      state({ ...KEYED, version: 0, activeVersion: null }),
      { kind: 'start-copy', stream: 'shop.public.orders', version: NOW, reason: 'first-copy' },
    ],
    [
      'a cut copy goes on with what is left, the catch-up apart',
      stream(),
      state({ version: 200, copy: copy('10100') }),
      { kind: 'resume-copy', stream: 'shop.public.orders', version: 200, remaining: [1, 3], total: 5 },
    ],
    [
      'the catch-up alone is left',
      stream(),
      state({ version: 200, copy: copy('11110') }),
      { kind: 'resume-copy', stream: 'shop.public.orders', version: 200, remaining: [4], total: 5 },
    ],
    [
      'a cut copy of another structure begins anew',
      stream({ schemaHash: 'bb' }),
      state({ copy: copy('10') }),
      { kind: 'start-copy', stream: 'shop.public.orders', version: NOW, reason: 'structure-changed' },
    ],
    [
      'a new column alone is no reason for a key-based stream',
      stream({ ...KEYED, schemaHash: 'bb' }),
      state(KEYED),
      { kind: 'read-key', stream: 'shop.public.orders', version: 100 },
    ],
    [
      'a log-based stream goes on from its slot',
      stream(LOGGED),
      state(LOGGED),
      { kind: 'read-log', stream: 'shop.public.orders', version: 100 },
    ],
    [
      'a new column of a log-based stream flows in, a dropped one goes',
      stream({ ...LOGGED, columns: [NOTE] }),
      state(LOGGED),
      { kind: 'read-log', stream: 'shop.public.orders', version: 100 },
    ],
    [
      'a renamed column of a log-based stream begins a fresh copy',
      stream({ ...LOGGED, columns: [{ ...ID, name: 'key' }] }),
      state(LOGGED),
      { kind: 'start-copy', stream: 'shop.public.orders', version: NOW, reason: 'structure-changed' },
    ],
    [
      'another type of a column of a log-based stream begins a fresh copy',
      stream({ ...LOGGED, columns: [{ ...ID, type: 'text' }] }),
      state(LOGGED),
      { kind: 'start-copy', stream: 'shop.public.orders', version: NOW, reason: 'structure-changed' },
    ],
    [
      'another method',
      stream(KEYED),
      state(),
      { kind: 'start-copy', stream: 'shop.public.orders', version: NOW, reason: 'method-changed' },
    ],
    [
      'another replication key',
      stream({ ...KEYED, replicationKey: 'id' }),
      state(KEYED),
      { kind: 'start-copy', stream: 'shop.public.orders', version: NOW, reason: 'replication-key-changed' },
    ],
    [
      'another primary key',
      stream({ ...KEYED, primaryKey: ['id', 'tenant'] }),
      state(KEYED),
      { kind: 'start-copy', stream: 'shop.public.orders', version: NOW, reason: 'primary-key-changed' },
    ],
    [
      'a reset',
      stream(KEYED),
      state({ ...KEYED, resetAt: '2026-01-01T00:00:00Z' }),
      { kind: 'start-copy', stream: 'shop.public.orders', version: NOW, reason: 'reset' },
    ],
  ];
  test.each(cases)('%s', (_, planned, known, expected) => {
    const states = new Map(known === undefined ? [] : [[known.stream, known]]);

    expect(plan([planned], states, NOW).streams).toEqual([expected]);
  });
});

test('a table version never repeats and never goes back, whatever the clock says', () => {
  const states = new Map([['shop.public.orders', state({ version: NOW + 5 })]]);

  expect(plan([stream()], states, NOW).streams[0]?.version).toBe(NOW + 6);
});

test('large tables come first, and equal ones in the order of their names', () => {
  const streams = [stream({ id: 'b', bytes: 1 }), stream({ id: 'c', bytes: 9 }), stream({ id: 'a', bytes: 1 })];

  expect(plan(streams, new Map(), NOW).units.map((unit) => (unit.kind === 'log' ? unit.slot : unit.stream))).toEqual([
    'c',
    'a',
    'b',
  ]);
});

test('a resumed copy gives one unit for each range that is left', () => {
  const states = new Map([['shop.public.orders', state({ version: 200, copy: copy('0100') })]]);

  expect(plan([stream()], states, NOW).units).toEqual([
    { kind: 'range', stream: 'shop.public.orders', version: 200, range: 0 },
    { kind: 'range', stream: 'shop.public.orders', version: 200, range: 2 },
  ]);
});

test('a copy that is done but not active still gets a unit', () => {
  const states = new Map([['shop.public.orders', state({ version: 200, copy: copy('111') })]]);

  expect(plan([stream()], states, NOW).units).toEqual([{ kind: 'range', stream: 'shop.public.orders', version: 200, range: 0 }]);
});

test.each([
  ['000', [0, 1]],
  ['110', [2]],
  ['111', []],
  ['0', [0]],
])('ranges left of %s are %j', (done, left) => {
  expect(rangesLeft(done)).toEqual(left);
});
