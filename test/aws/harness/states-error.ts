import type { JsonObject } from './json.ts';
import { numberAt, textAt, textsAt } from './json.ts';

/** An error of a state, by the name that Retry and Catch see. */
export class StatesError extends Error {
  readonly error: string;
  /** What the console shows: for a failed function its error as JSON. */
  readonly stateCause: string;

  constructor(error: string, cause: string) {
    super(`${error}: ${cause}`);
    this.name = 'StatesError';
    this.error = error;
    this.stateCause = cause;
  }
}

/** The execution was stopped from outside, or a sibling failed: nothing catches this. */
export class Aborted extends Error {
  constructor() {
    super('aborted');
    this.name = 'Aborted';
  }
}

/** Whether `ErrorEquals` of a retrier or catcher names an error (States Language, Errors; docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html). */
export function matchesError(rule: JsonObject, error: string): boolean {
  // Errors of the definition itself and of sizes end the execution whatever is written.
  if (error === 'States.Runtime') return false;
  return textsAt(rule, 'ErrorEquals').some((name) => {
    if (name === error) return true;
    if (error === 'States.DataLimitExceeded') return false;
    return name === 'States.ALL' || (name === 'States.TaskFailed' && error !== 'States.Timeout');
  });
}

/** Milliseconds before attempt number `attempt` (from 0) of a retrier; undefined if it has no attempts left. */
export function retryDelayMs(retrier: JsonObject, attempt: number, random: () => number): number | undefined {
  if (attempt >= numberAt(retrier, 'MaxAttempts', 3)) return undefined;
  const rate = numberAt(retrier, 'BackoffRate', 2);
  const seconds = Math.min(
    numberAt(retrier, 'IntervalSeconds', 1) * rate ** attempt,
    numberAt(retrier, 'MaxDelaySeconds', Infinity),
  );
  const jitter = retrier['JitterStrategy'] === undefined ? 'NONE' : textAt(retrier, 'JitterStrategy');
  return seconds * 1_000 * (jitter === 'FULL' ? random() : 1);
}
