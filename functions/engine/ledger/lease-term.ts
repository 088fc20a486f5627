import type { Clock } from '../runtime/clock.ts';

/** Runs something later without keeping the process alive. */
export type Alarm = (ms: number, run: () => void) => { cancel(): void };

/** Node's timers. Longer waits than they can take end early: whoever is woken looks at the clock anyway. */
export const systemAlarm: Alarm = (ms, run) => {
  const timer = setTimeout(run, Math.min(Math.max(ms, 0), 2 ** 31 - 1));
  timer.unref();
  return { cancel: () => clearTimeout(timer) };
};

/** The moment at which a question to the store was asked: what its answer grants counts from there. */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** Reads both clocks. The monotonic one does not go back when the wall clock is set; the wall clock goes on while a machine sleeps. */
export function momentOf(clock: Clock): Moment {
  return { wallMs: clock.now().getTime(), monotonicMs: performance.now() };
}

/** How long a lease may be relied upon here: it has run out as soon as either clock says so. */
export class Term {
  readonly endsAtMs: number;
  readonly #monotonicEndMs: number;

  /** @param expiresAtMs what the store has, maybe from a machine whose clock is ahead: no more than the time to live from `asked` is taken from it. */
  constructor(asked: Moment, { ttlMs, expiresAtMs }: { readonly ttlMs: number; readonly expiresAtMs: number }) {
    const forMs = Math.min(ttlMs, expiresAtMs - asked.wallMs);
    this.endsAtMs = asked.wallMs + forMs;
    this.#monotonicEndMs = asked.monotonicMs + forMs;
  }

  isOver(now: Moment): boolean {
    return now.wallMs >= this.endsAtMs || now.monotonicMs >= this.#monotonicEndMs;
  }
}
