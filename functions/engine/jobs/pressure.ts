import type { PressureLook } from '../source/pressure-look.ts';

/** When parallel reads give way to the other work of the source. */
export type PressureSettings =
  | { readonly kind: 'off' }
  | {
      readonly kind: 'on';
      /** A look is not older than this when a read begins, and held reads look as often. */
      readonly everyMs: number;
      /** Statements of others that may run at once. `auto`: a quarter of the connections that the server allows, and at least 8. */
      readonly maxActiveBackends: number | 'auto' | 'none';
      /** Connections that are left to others. `auto`: a tenth of what the server allows. */
      readonly minFreeConnections: number | 'auto';
      readonly maxReplicaLagMs: number | 'none';
    };

export type PressureLimits = Extract<PressureSettings, { readonly kind: 'on' }>;

/** How many reads of a job may run at once: as many as it has workers, or `to` of them, at least one. */
export type Pressure =
  | { readonly kind: 'free' }
  | {
      readonly kind: 'hold';
      readonly to: number;
      /** Never empty: what was beyond its limit when it was last looked at and found so. */
      readonly reasons: readonly PressureReason[];
      /** Looks in a row that found everything well below its limit. */
      readonly calmLooks: number;
    };

export interface PressureReason {
  readonly sign: 'active-backends' | 'connections' | 'replica-lag';
  /** Statements, connections (with all of ours) or milliseconds. */
  readonly found: number;
  readonly limit: number;
}

/** So many calm looks end a hold: one alone may have met a gap between two waves. */
export const CALM_LOOKS = 3;
/** What is below this part of its limit is calm; in between a hold goes on, and none begins. */
const CALM_PART = 0.75;
const LEAST_ACTIVE_LIMIT = 8;

/**
 * Decides from one more look. Pure. A hold begins with the first look that finds something beyond its limit, since reads that began cannot be taken back; it ends after several calm ones.
 * A look that failed, or did not see something, says nothing against going on. Lag and statements leave one read, scarce connections as many as there is room for.
 */
export function nextPressure(
  before: Pressure,
  look: PressureLook | 'not-known',
  { limits, workers }: { readonly limits: PressureLimits; readonly workers: number },
): Pressure {
  const signs = look === 'not-known' ? [] : signsOf(look, limits, workers);
  const high = signs.filter(({ found, limit }) => found > limit);
  if (high.length > 0) {
    const to = Math.min(...high.map(({ allows }) => allows));
    return { kind: 'hold', to, reasons: high.map(({ sign, found, limit }) => ({ sign, found, limit })), calmLooks: 0 };
  }
  if (before.kind === 'free') return before;
  const calmLooks = signs.every(({ found, calm }) => found <= calm) ? before.calmLooks + 1 : 0;
  return calmLooks >= CALM_LOOKS ? { kind: 'free' } : { ...before, calmLooks };
}

interface Sign extends PressureReason {
  /** Up to here it counts as calm. */
  readonly calm: number;
  /** Reads that may run while it is beyond its limit. */
  readonly allows: number;
}

function signsOf(look: PressureLook, limits: PressureLimits, workers: number): readonly Sign[] {
  const { maxActiveBackends, minFreeConnections, maxReplicaLagMs } = limits;
  const signs: Sign[] = [];
  if (maxActiveBackends !== 'none') {
    const limit =
      maxActiveBackends === 'auto' ? Math.max(LEAST_ACTIVE_LIMIT, Math.ceil(look.connectionLimit / 4)) : maxActiveBackends;
    signs.push({ sign: 'active-backends', found: look.activeBackends, limit, calm: limit * CALM_PART, allows: 1 });
  }
  const free = minFreeConnections === 'auto' ? Math.ceil(look.connectionLimit / 10) : minFreeConnections;
  // With all of ours, also those that a hold has closed: else closing them would end the hold.
  const limit = Math.max(look.connectionLimit - free, 0);
  const room = Math.min(Math.max(limit - look.connections, 1), workers);
  signs.push({ sign: 'connections', found: look.connections + workers, limit, calm: limit, allows: room });
  if (maxReplicaLagMs !== 'none' && look.replicaLagMs !== null) {
    const calm = maxReplicaLagMs * CALM_PART;
    signs.push({ sign: 'replica-lag', found: look.replicaLagMs, limit: maxReplicaLagMs, calm, allows: 1 });
  }
  return signs;
}
