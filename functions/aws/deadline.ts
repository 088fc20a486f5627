import { workMarginSeconds } from '../contract.ts';
import { OutOfTime } from '../engine/jobs/job.ts';
import type { Budget } from '../engine/jobs/job.ts';

/** What Lambda tells an invocation of itself, as far as it is used. */
export interface LambdaContext {
  readonly awsRequestId: string;
  /** Decimal. */
  readonly memoryLimitInMB: string;
  getRemainingTimeInMillis(): number;
}

/** The time of one invocation, as signals. Disposing it stops its timers: a sandbox that thaws later must not meet them. */
export interface Deadline extends Budget, Disposable {
  /** Of `stopGraceMs`: what may pass between `stop` and the end of a unit. */
  readonly graceMs: number;
}

/** Of the time that is left, where the function's limit is shorter than the margin allows for. */
const LARGEST_MARGIN = 0.4;
/** Work is dropped so long before Lambda kills the process: to close connections and give an answer. */
const LAST_MS = 8_000;
const LARGEST_LAST = 0.1;
/** Of the margin, for the unit in work; the rest is for its commit and the answer. */
const GRACE = 0.6;

/**
 * Begins with an invocation. `stop` comes {@link workMarginSeconds} before Lambda's limit with {@link OutOfTime}, or at `endBy` with another reason; `abort` shortly before the limit.
 */
export function openDeadline(context: LambdaContext, now: Date, endBy?: Date): Deadline {
  const leftMs = context.getRemainingTimeInMillis();
  const marginMs = Math.min(workMarginSeconds * 1_000, leftMs * LARGEST_MARGIN);
  const lastMs = Math.min(LAST_MS, leftMs * LARGEST_LAST);
  const graceMs = (marginMs - lastMs) * GRACE;
  const minutes = (leftMs - marginMs + graceMs) / 60_000;
  const stop = new AbortController();
  const abort = new AbortController();
  const timers = [
    setTimeout(() => stop.abort(new OutOfTime(minutes)), leftMs - marginMs),
    setTimeout(() => abort.abort(new OutOfTime(minutes)), leftMs - lastMs),
  ];
  const untilEndMs = endBy === undefined ? Infinity : endBy.getTime() - now.getTime();
  if (untilEndMs < leftMs) {
    const isOver = new DOMException('The job may not go on any longer', 'TimeoutError');
    timers.push(setTimeout(() => stop.abort(isOver), Math.max(0, untilEndMs)));
  }
  return {
    stop: stop.signal,
    abort: abort.signal,
    graceMs,
    [Symbol.dispose]: () => {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
