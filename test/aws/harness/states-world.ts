import type { Json } from './json.ts';

/** AWS limits of a Standard workflow. */
export const HISTORY_LIMIT = 25_000;
export const DATA_LIMIT_BYTES = 256 * 1024;

/** How time passes for an execution. */
export interface StatesClock {
  now(): Date;
  /** Waits between attempts and in Wait states; a test may make them shorter. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
  /** Limits of tasks and of the execution. */
  limit(ms: number, signal: AbortSignal): Promise<void>;
}

/** What a Task state asks for. */
export interface TaskRequest {
  readonly resource: string;
  readonly parameters: Json;
}

/** What an execution works with. */
export interface StatesWorld {
  /** Carries out a task; throws `StatesError`. `signal` aborts when nobody waits for it any more; like Lambda it may go on. */
  readonly task: (request: TaskRequest, signal: AbortSignal) => Promise<Json>;
  readonly clock: StatesClock;
  /** In `[0, 1)`, for jitter. */
  readonly random: () => number;
}
