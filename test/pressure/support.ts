import { createLogger } from '../../functions/engine/runtime/logger.ts';
import type { LogEvent, Logger } from '../../functions/engine/runtime/logger.ts';
import type { Clock } from '../../functions/engine/runtime/clock.ts';
import type { PressureLimits } from '../../functions/engine/jobs/pressure.ts';
import type { PressureLook } from '../../functions/engine/source/pressure-look.ts';

/** The settings that a file without any has. */
export const LIMITS: PressureLimits = {
  kind: 'on',
  everyMs: 10_000,
  maxActiveBackends: 'auto',
  minFreeConnections: 'auto',
  maxReplicaLagMs: 60_000,
};

/** A quiet server that allows a hundred connections. */
export const CALM: PressureLook = {
  activeBackends: 3,
  connections: 12,
  connectionLimit: 100,
  ownReads: 0,
  replicaLagMs: 200,
  hidden: [],
};

/** Time that moves when it is told to. */
export class SteppedClock implements Clock {
  #nowMs = Date.parse('2026-01-01T00:00:00Z');
  readonly #sleepers = new Set<{ readonly atMs: number; readonly wake: () => void }>();

  now(): Date {
    return new Date(this.#nowMs);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const sleeper = { atMs: this.#nowMs + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener(
        'abort',
        () => {
          this.#sleepers.delete(sleeper);
          reject(signal.reason as Error);
        },
        { once: true },
      );
    });
  }

  /** Moves time, and lets everybody run whose time has come. */
  async advance(ms: number): Promise<void> {
    this.#nowMs += ms;
    for (const sleeper of [...this.#sleepers]) {
      if (sleeper.atMs > this.#nowMs) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
    await settled();
  }

  get sleeping(): number {
    return this.#sleepers.size;
  }
}

/** Lets everything run that waits for nothing but its turn. */
export function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(() => setImmediate(resolve)));
}

export function recordingLog(): { readonly log: Logger; readonly events: readonly LogEvent[] } {
  const events: LogEvent[] = [];
  return {
    log: createLogger(
      (event) => events.push(event),
      () => new Date(0),
    ),
    events,
  };
}
