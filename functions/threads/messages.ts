import type { IntegrationConfig, Config } from '../engine/config/config.ts';
import type { JobSettings, JobStream } from '../engine/jobs/job.ts';
import type { ProgressEvent } from '../engine/jobs/progress.ts';
import type { ErrorReport } from '../engine/model/errors.ts';
import type { LogFields, LogLevel } from '../engine/runtime/logger.ts';
import type { PressureLook } from '../engine/source/pressure-look.ts';

/** What a thread begins with: everything that the thread of the job knows, and that can be copied. Literal passwords are in it, as they are in the memory of that thread. */
export interface ThreadStart {
  readonly config: Omit<Config, 'integrations'>;
  readonly integration: IntegrationConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly job: string;
  readonly workers: readonly string[];
  readonly settings: JobSettings;
  readonly streams: ReadonlyMap<string, JobStream>;
  /** Whether reads are held back while the source is under pressure. */
  readonly gate: 'open' | 'asked';
}

/** A failure on its way to another thread. `frames`: class and stack of what caused it, never its text. */
export interface ThreadFailure extends ErrorReport {
  readonly cause: { readonly name: string; readonly frames: string } | null;
}

/** From the thread of a job to one of its threads. `call` is a number that the other side has given. */
export type ToThread =
  | { readonly kind: 'stop' }
  | { readonly kind: 'abort' }
  /** The gate wants a look at the source, over the session of the worker that asked it. */
  | { readonly kind: 'look'; readonly call: number }
  /** It waits no longer for that look. */
  | { readonly kind: 'look-dropped'; readonly call: number }
  | { readonly kind: 'turn'; readonly call: number; readonly answer: 'go' | 'hold' };

/** From a thread to the thread of its job. */
export type FromThread =
  /** It has what it needs: from here on it may have changed something. */
  | { readonly kind: 'started' }
  | { readonly kind: 'progress'; readonly event: ProgressEvent }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly event: string; readonly fields: LogFields }
  /** A worker asks the gate whether it may read, or waits for that. */
  | { readonly kind: 'turn-wanted'; readonly call: number; readonly worker: string; readonly how: 'ask' | 'wait' }
  | { readonly kind: 'turn-dropped'; readonly call: number }
  /** The look that the gate wanted for that call. */
  | { readonly kind: 'looked'; readonly call: number; readonly look: PressureLook }
  | { readonly kind: 'look-failed'; readonly call: number; readonly error: ThreadFailure }
  | { readonly kind: 'left-gate'; readonly worker: string }
  | { readonly kind: 'ended' }
  | { readonly kind: 'failed'; readonly error: ThreadFailure };

/** What the gate of a job has to say to a thread, and a thread to it. */
export type GateAnswer = Extract<ToThread, { readonly kind: 'look' | 'look-dropped' | 'turn' }>;
export type GateRequest = Extract<
  FromThread,
  { readonly kind: 'turn-wanted' | 'turn-dropped' | 'looked' | 'look-failed' | 'left-gate' }
>;
