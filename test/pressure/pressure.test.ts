import { describe, expect, test } from 'vitest';
import { CALM_LOOKS, nextPressure } from '../../functions/engine/jobs/pressure.ts';
import type { Pressure, PressureLimits } from '../../functions/engine/jobs/pressure.ts';
import type { PressureLook } from '../../functions/engine/source/pressure-look.ts';
import { CALM, LIMITS } from './support.ts';

const WORKERS = 8;
const FREE: Pressure = { kind: 'free' };

/** The state after these looks. */
function after(looks: readonly (Partial<PressureLook> | 'not-known')[], limits: Partial<PressureLimits> = {}): Pressure {
  return looks.reduce<Pressure>(
    (now, look) =>
      nextPressure(now, look === 'not-known' ? look : { ...CALM, ...look }, {
        limits: { ...LIMITS, ...limits },
        workers: WORKERS,
      }),
    FREE,
  );
}

/** How many reads may run: all of them, or so many, for these reasons. */
function summary(pressure: Pressure): string {
  return pressure.kind === 'free'
    ? 'free'
    : `${String(pressure.to)}: ${pressure.reasons.map(({ sign, found, limit }) => `${sign} ${String(found)} > ${String(limit)}`).join(', ')}`;
}

describe('the first look', () => {
  test.each<[string, Partial<PressureLook>, Partial<PressureLimits>, string]>([
    ['a quiet server', {}, {}, 'free'],
    ['as many statements as may run', { activeBackends: 25 }, {}, 'free'],
    ['one more than that', { activeBackends: 26 }, {}, '1: active-backends 26 > 25'],
    ['a limit of statements of its own', { activeBackends: 5 }, { maxActiveBackends: 4 }, '1: active-backends 5 > 4'],
    ['no limit of statements', { activeBackends: 99 }, { maxActiveBackends: 'none' }, 'free'],
    ['a small server', { connectionLimit: 17, connections: 7, activeBackends: 8 }, {}, 'free'],
    ['a busy small server', { connectionLimit: 17, connections: 7, activeBackends: 9 }, {}, '1: active-backends 9 > 8'],
    ['as many connections as leave a tenth with ours', { connections: 82 }, {}, 'free'],
    ['one connection more', { connections: 83 }, {}, '7: connections 91 > 90'],
    ['room for three', { connections: 87 }, {}, '3: connections 95 > 90'],
    ['no room at all', { connections: 99 }, {}, '1: connections 107 > 90'],
    ['more than there are (superusers)', { connections: 103 }, {}, '1: connections 111 > 90'],
    ['a reserve of its own', { connections: 62 }, { minFreeConnections: 35 }, '3: connections 70 > 65'],
    ['no reserve', { connections: 92 }, { minFreeConnections: 0 }, 'free'],
    ['a reserve larger than the server', { connections: 1 }, { minFreeConnections: 500 }, '1: connections 9 > 0'],
    ['a standby that is behind as far as it may be', { replicaLagMs: 60_000 }, {}, 'free'],
    ['a standby that is further behind', { replicaLagMs: 60_001 }, {}, '1: replica-lag 60001 > 60000'],
    ['no standby', { replicaLagMs: null }, {}, 'free'],
    ['a standby that is behind on purpose', { replicaLagMs: 3_600_000 }, { maxReplicaLagMs: 'none' }, 'free'],
    [
      'several signs: the strictest one decides',
      { connections: 87, replicaLagMs: 90_000 },
      {},
      '1: connections 95 > 90, replica-lag 90000 > 60000',
    ],
    [
      'what is seen counts where something is hidden',
      { activeBackends: 26, hidden: ['active-backends'] },
      {},
      '1: active-backends 26 > 25',
    ],
    ['nothing is seen', { activeBackends: 0, hidden: ['active-backends', 'replica-lag'] }, {}, 'free'],
  ])('at %s', (_, look, limits, expected) => {
    expect(summary(after([look], limits))).toBe(expected);
  });

  test('that failed holds nobody', () => {
    expect(after(['not-known'])).toEqual(FREE);
  });
});

describe('a hold', () => {
  const high = { activeBackends: 30 };
  const between = { activeBackends: 20 };
  const calm = { activeBackends: 18 };
  const HELD = '1: active-backends 30 > 25';

  test.each<[string, readonly (Partial<PressureLook> | 'not-known')[], string]>([
    ['goes on at one calm look', [high, calm], HELD],
    ['goes on at two', [high, calm, calm], HELD],
    ['ends at three in a row', [high, calm, calm, calm], 'free'],
    ['goes on for as long as it is neither calm nor beyond', [high, between, between, between, between], HELD],
    ['counts anew after a look in between', [high, calm, calm, between, calm, calm], HELD],
    ['counts anew after a look beyond', [high, calm, calm, high, calm, calm], HELD],
    [
      'ends when the source cannot be looked at any more: the reads will tell why',
      [high, 'not-known', 'not-known', 'not-known'],
      'free',
    ],
    ['does not begin in between', [between], 'free'],
    ['gives way further as connections get scarce', [{ connections: 85 }, { connections: 88 }], '2: connections 96 > 90'],
    ['lets more go on as they come back', [{ connections: 88 }, { connections: 85 }], '5: connections 93 > 90'],
    ['ends where there is room for all again', [{ connections: 88 }, {}, {}, {}], 'free'],
    ['says the newest reason', [high, { replicaLagMs: 70_000 }], '1: replica-lag 70000 > 60000'],
  ])('%s', (_, looks, expected) => {
    expect(summary(after(looks))).toBe(expected);
  });

  test('allows at least one read, and no more than there are workers, whatever is found', () => {
    for (const connections of [0, 50, 83, 90, 91, 1_000_000]) {
      for (const activeBackends of [0, 25, 26, 1_000_000]) {
        for (const connectionLimit of [0, 1, 9, 97, 5_000]) {
          const next = after([{ connections, activeBackends, connectionLimit }]);
          if (next.kind === 'hold') expect(next.to >= 1 && next.to <= WORKERS && next.reasons.length > 0).toBe(true);
        }
      }
    }
  });

  test('takes as many calm looks as it says', () => {
    expect(CALM_LOOKS).toBe(3);
  });
});
