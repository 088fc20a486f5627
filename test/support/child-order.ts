import type { Failpoint } from '../../functions/engine/runtime/failpoint-list.ts';

/** What a child is told through its environment: nothing of it exists in the product. */
export interface ChildOrder {
  /** What to do at the n-th time (from 1) that a failpoint is reached. `stop` is SIGSTOP: the process stands still until it is sent SIGCONT. */
  readonly fail?: { readonly at: Failpoint; readonly hit: number; readonly how: 'kill' | 'stop' | 'throw' };
  /** Runs workers in so many threads. What is to happen at failpoints happens in those beside the first alone; `hits` are those of the first. */
  readonly threads?: number;
  /** Waits here, the first time, until the process came by another one: for what happens beside the work. */
  readonly hold?: { readonly at: Failpoint; readonly until: Failpoint };
  /** The job is asked to stop when it comes by here for the first time. */
  readonly askToStopAt?: Failpoint;
  readonly settings?: { readonly leaseTtlMs?: number; readonly stopGraceMs?: number; readonly windowRows?: number };
}

/** The variable that carries an order, as JSON. */
export const CHILD_ORDER = 'BACKSTITCH_TEST_CHILD';
/** The variable that has the path of the program of its threads. */
export const CHILD_THREAD = 'BACKSTITCH_TEST_CHILD_THREAD';
