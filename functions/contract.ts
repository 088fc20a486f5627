/**
 * What exists in the account (`lib`) and what runs in it (`functions`) agree on: names of handlers, variables, files, events and metrics. Imported by both; imports nothing.
 */

/** Handlers in the one bundle that all functions of an integration share (file `index.mjs`, ESM). */
export const handlers = {
  plan: 'index.plan',
  work: 'index.work',
  report: 'index.report',
  watch: 'index.watch',
} as const;

/** Beside the bundle: the configuration of this one integration, resolved and without secrets. */
export const configFile = 'backstitch.json';

/** Environment variables of every function. They win over the configuration file, since buckets and tables may have names that only the account knows. */
export const environment = {
  /** `s3://bucket/prefix`. */
  destination: 'BACKSTITCH_DESTINATION',
  /** `dynamodb://table`. */
  state: 'BACKSTITCH_STATE',
} as const;

/** What starts an execution of the state machine. Anything else in the input is ignored. */
export interface StartInput {
  /** A scheduled start is skipped while the integration is paused. Absent: `manual`, as a start from the console is. */
  readonly trigger?: 'schedule' | 'manual';
}

/** Input of `plan`. `execution` and `startedAt` come from the state machine's context. */
export interface PlanInput extends StartInput {
  /** ARN of the execution, kept in the job's record. */
  readonly execution: string;
  /** ISO 8601: when the execution began; its time limit counts from here. */
  readonly startedAt: string;
}

export type PlanOutput =
  /** One invocation loop of `work` for each of `workers`; empty where there is nothing to do. */
  | { readonly state: 'started'; readonly job: string; readonly workers: readonly WorkInput[] }
  /** Another job runs, or the integration is paused: the execution ends green. */
  | { readonly state: 'skipped'; readonly job: string; readonly reason: 'busy' | 'paused' }
  /** The job was refused before anything was read; its report is written. The execution ends red. */
  | { readonly state: 'failed'; readonly job: string; readonly code: string };

/** Input of `work`, and of its next invocation. */
export interface WorkInput {
  readonly job: string;
  /** Name of the worker: the same in every invocation of its loop, so that it takes up what it held. */
  readonly worker: string;
  /** ISO 8601: after this the job ends at its next checkpoint, whatever is left. */
  readonly endBy: string;
}

export interface WorkOutput extends WorkInput {
  /** `more`: invoke again. `failed`: recorded in the ledger; the other workers go on. */
  readonly state: 'more' | 'done' | 'failed';
}

/** Input of `report`. */
export type ReportInput =
  /** The end of a job that `plan` started. */
  | { readonly kind: 'finish'; readonly job: string }
  /** The next events of a finished job, from this place in its list. */
  | { readonly kind: 'events'; readonly job: string; readonly from: number }
  /** An execution ended without its report (stopped in the console, timed out): by its ARN. */
  | { readonly kind: 'abandoned'; readonly execution: string };

/** Answer to `finish` and `events`: the state machine publishes `events` (at most ten) and asks again while `next` is a number. */
export interface ReportOutput {
  readonly job: string;
  readonly state: 'complete' | 'partial' | 'stopped' | 'failed';
  /** Bodies of EventBridge entries: detail type and detail, which `lib` wraps with bus and source. */
  readonly events: readonly JobEvent[];
  readonly next: number | null;
}

/** One event for downstream loaders. */
export interface JobEvent {
  readonly detailType: 'Job Finished' | 'Table Loaded';
  readonly detail: Readonly<Record<string, unknown>>;
}

/** `source` of events on the bus. */
export const eventSource = 'backstitch';

/** CloudWatch metrics, written to the log in embedded metric format: dimension `Integration`. */
export const metricNamespace = 'Backstitch';
export const metrics = {
  /** By `report`, one value each per job. */
  rows: 'Rows',
  bytes: 'Bytes',
  objects: 'Objects',
  durationSeconds: 'DurationSeconds',
  jobsComplete: 'JobsComplete',
  /** Jobs that ended `failed` or `partial`. */
  jobsFailed: 'JobsFailed',
  streamsFailed: 'StreamsFailed',
  /** Scheduled starts that found another job or a paused integration; by `plan`. */
  jobsSkipped: 'JobsSkipped',
  /** US dollars, from a dated price table. */
  estimatedCost: 'EstimatedCost',
  /** By `watch`, from the source and the ledger, whether or not jobs run. */
  walRetainedBytes: 'WalRetainedBytes',
  /** 0 to 100 of `max_slot_wal_keep_size`; where the server sets no limit, of 100 GB. */
  walBudgetPercent: 'WalBudgetPercent',
  lagBytes: 'LagBytes',
  lagSeconds: 'LagSeconds',
  /** Slots that are lost, invalidated or missing. */
  slotsLost: 'SlotsLost',
  /** Time since the last complete job, in intervals of the schedule; 0 while paused. */
  intervalsSinceComplete: 'IntervalsSinceComplete',
  /** The source could not be asked. */
  watchFailed: 'WatchFailed',
} as const;

/** Seconds that an invocation of `work` leaves itself to reach a checkpoint before Lambda's limit. */
export const workMarginSeconds = 45;
/** After this a job ends at its next checkpoint and the next scheduled one goes on: Stitch's limit. */
export const jobLimitHours = 24;
/** Of workers of one job. Each loops up to a hundred times a day in the execution's history, which holds 25,000 events. */
export const maxWorkers = 30;
/** A lease outlives this much silence: the time between two invocations, throttling included. */
export const leaseTtlSeconds = 300;
