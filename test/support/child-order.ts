import type { Failpoint } from '../../functions/engine/runtime/failpoint-list.ts';

/** What a child is told through its environment: nothing of it exists in the product. */
export interface ChildOrder {
  /** What to do at the n-th time (from 1) that a failpoint is reached. `stop` is SIGSTOP: the process stands still until it is sent SIGCONT. */
  readonly fail?: { readonly at: Failpoint; readonly hit: number; readonly how: 'kill' | 'stop' | 'throw' };
  /** Waits here, the first time, until the process came by another one: for what happens beside the work. */
  readonly hold?: { readonly at: Failpoint; readonly until: Failpoint };
  /** The job is asked to stop when it comes by here for the first time. */
  readonly askToStopAt?: Failpoint;
  readonly settings?: { readonly leaseTtlMs?: number; readonly stopGraceMs?: number; readonly windowRows?: number };
}

/** The variable that carries an order, as JSON. */
export const CHILD_ORDER = 'BACKSTITCH_TEST_CHILD';
