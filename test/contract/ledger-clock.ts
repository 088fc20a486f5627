import type { Alarm } from '../../functions/engine/ledger/lease-term.ts';
import type { Clock } from '../../functions/engine/runtime/clock.ts';

/** A clock that stands still until it is moved, with the alarms that belong to it. */
export class ManualClock implements Clock {
  #nowMs = Date.parse('2026-11-22T08:00:00.000Z');
  #alarms = new Set<{ readonly atMs: number; readonly run: () => void }>();

  now(): Date {
    return new Date(this.#nowMs);
  }

  /** Waits between attempts spread contenders; how long is not what these tests are about. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      setTimeout(resolve, Math.min(ms, 20));
    });
  }

  readonly alarm: Alarm = (ms, run) => {
    const alarm = { atMs: this.#nowMs + ms, run };
    this.#alarms.add(alarm);
    return { cancel: () => this.#alarms.delete(alarm) };
  };

  get pendingAlarms(): number {
    return this.#alarms.size;
  }

  /** Moves the time and wakes whoever is due. */
  advance(ms: number): void {
    this.#nowMs += ms;
    for (const alarm of [...this.#alarms]) {
      if (alarm.atMs > this.#nowMs || !this.#alarms.delete(alarm)) continue;
      alarm.run();
    }
  }

  /** Moves the time as for a process that is frozen: nothing runs. */
  freeze(ms: number): void {
    this.#nowMs += ms;
  }
}

/** Waits until something holds. */
export async function until(holds: () => boolean | Promise<boolean>, deadlineMs = 20_000): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('it never came to hold');
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
}

/** All of an iterable. */
export async function all<T>(iterable: AsyncIterable<T>): Promise<readonly T[]> {
  const items: T[] = [];
  for await (const item of iterable) items.push(item);
  return items;
}

/** One of several, going round. */
export function pick<T>(all: readonly T[], n: number): T {
  const one = all[n % all.length];
  if (one === undefined) throw new Error('there is none');
  return one;
}
