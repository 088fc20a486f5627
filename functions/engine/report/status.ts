import type { Control, JobRecord } from '../ledger/ledger.ts';
import { errorReport, ReplicationError } from '../model/errors.ts';
import type { ErrorReport } from '../model/errors.ts';
import type { SlotReport } from '../model/report.ts';
import type { StreamState } from '../model/stream-state.ts';
import type { ReplicationMethod } from '../model/stream.ts';
import { parseSummary } from './usage.ts';

/**
 * `not-configured`: nothing is selected; `pending`: no job has ended yet; `paused`: schedules start nothing; `failing`: the last job failed;
 * `partial`: some of its streams did; `stopped`: it was asked to end before its end; `complete`: all is well.
 */
export type IntegrationState =
  'not-configured' | 'pending' | 'running' | 'paused' | 'failing' | 'partial' | 'stopped' | 'complete';

/** What the dashboard page of an integration shows. Plain data: `status --json` prints it. Times are ISO 8601. */
export interface IntegrationStatus {
  readonly integration: string;
  readonly state: IntegrationState;
  /** Why the last job failed, or ended without a word; kept while the next one runs or schedules are paused. */
  readonly error: ErrorReport | null;
  readonly pausedAt: string | null;
  readonly running: RunningJob | null;
  readonly lastStarted: { readonly job: string; readonly at: string } | null;
  /** The last job that loaded what it could: `complete` or `partial`. */
  readonly lastCompleted: { readonly job: string; readonly at: string } | null;
  readonly lastJob: JobFacts | null;
  /** When the schedule fires next; null without a schedule, and while it is paused. */
  readonly nextRun: string | null;
  /** Rows written by jobs that ended since midnight UTC, and by the running one. */
  readonly rowsToday: number;
  readonly streams: readonly StreamStatus[];
  readonly slots: readonly SlotReport[];
}

export interface RunningJob {
  readonly job: string;
  readonly startedAt: string | null;
  readonly rows: number | null;
  /** Whether it was asked to stop. */
  readonly stopping: boolean;
}

export interface JobFacts {
  readonly job: string;
  readonly state: JobRecord['state'];
  readonly trigger: string;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly rows: number;
  readonly bytes: number;
}

/** `pending`: no copy was made yet, or it was reset; `copying`: its copy goes on in the next job. */
export type StreamCondition = 'pending' | 'copying' | 'complete' | 'failing';

export interface StreamStatus extends StreamFacts {
  readonly state: StreamCondition;
  readonly rowsToday: number;
  /** Rows that the last ended job wrote for it. */
  readonly rowsLastJob: number;
}

/** What the ledger knows of a stream. */
export interface StreamFacts {
  readonly stream: string;
  readonly method: ReplicationMethod;
  /** Version that is being written; null before the first copy. */
  readonly tableVersion: number | null;
  /** Version that is whole; null until a first copy was completed. */
  readonly activeVersion: number | null;
  /** As reports show it; null where there is none. */
  readonly bookmark: string | null;
  /** Of a copy that is not complete. */
  readonly ranges: { readonly done: number; readonly total: number } | null;
  /** When it was reset; the next job copies it anew. Null otherwise. */
  readonly resetAt: string | null;
  /** Why it failed in the last job that read it. */
  readonly error: ErrorReport | null;
}

/** Facts of a stream from its state in the ledger, and its bookmark from the head that holds it. */
export function streamFacts(state: StreamState, bookmark: string | null): StreamFacts {
  const { stream, method, version, activeVersion, copy, resetAt, last } = state;
  return {
    stream,
    method,
    tableVersion: version === 0 ? null : version,
    activeVersion,
    bookmark: resetAt === null ? bookmark : null,
    ranges: copy === null ? null : { done: copy.done.replaceAll('0', '').length, total: copy.total },
    resetAt,
    error: last?.error ?? null,
  };
}

export interface StatusInput {
  readonly integration: string;
  readonly now: Date;
  readonly control: Control;
  /** Who holds the lease; absent if nobody does. */
  readonly holder?: { readonly job: string } | undefined;
  /** Newest first; at least those since midnight UTC and the last completed one, where there is one. */
  readonly jobs: readonly JobRecord[];
  readonly streams: readonly StreamFacts[];
  /** Whether the configuration selects anything. @default true */
  readonly selection?: 'some' | 'none';
  /** ISO 8601. */
  readonly nextRun?: string | undefined;
  readonly slots?: readonly SlotReport[];
}

/** The status of an integration from what the ledger has. Pure. */
export function statusOf(input: StatusInput): IntegrationStatus {
  const { integration, control, holder, now } = input;
  const jobs = input.jobs.filter((job) => job.state !== 'skipped');
  const ended = jobs.filter((job) => job.job !== holder?.job);
  const last = ended[0];
  const completed = ended.find((job) => job.state === 'complete' || job.state === 'partial');
  const midnight = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
  const today = jobs.filter((job) => job.job === holder?.job || Date.parse(job.endedAt ?? job.startedAt) >= midnight);
  const rowsToday = rowsByStream(today);
  const rowsLastJob = rowsByStream(last === undefined ? [] : [last]);
  return {
    integration,
    state: stateOf(input, last),
    error: errorOf(integration, last),
    pausedAt: control.pausedAt ?? null,
    running: runningJob(input),
    lastStarted: jobs[0] === undefined ? null : { job: jobs[0].job, at: jobs[0].startedAt },
    lastCompleted: completed === undefined ? null : { job: completed.job, at: completed.endedAt ?? completed.startedAt },
    lastJob: last === undefined ? null : jobFacts(last),
    nextRun: control.pausedAt === undefined ? (input.nextRun ?? null) : null,
    rowsToday: today.reduce((sum, job) => sum + (job.rows ?? 0), 0),
    streams: input.streams
      .map((stream) => ({
        ...stream,
        state: conditionOf(stream),
        rowsToday: rowsToday.get(stream.stream) ?? 0,
        rowsLastJob: rowsLastJob.get(stream.stream) ?? 0,
      }))
      .sort((a, b) => (a.stream < b.stream ? -1 : 1)),
    slots: input.slots ?? [],
  };
}

function stateOf({ control, holder, selection }: StatusInput, last: JobRecord | undefined): IntegrationState {
  if (holder !== undefined) return 'running';
  if (control.pausedAt !== undefined) return 'paused';
  if (selection === 'none') return 'not-configured';
  switch (last?.state) {
    case undefined:
      return 'pending';
    case 'failed':
    // It says that it runs, but nobody holds the lease: it died.
    case 'running':
      return 'failing';
    case 'partial':
      return 'partial';
    case 'stopped':
      return 'stopped';
    case 'complete':
    case 'skipped':
      return 'complete';
  }
}

function errorOf(integration: string, last: JobRecord | undefined): ErrorReport | null {
  if (last?.state === 'running') return errorReport(new ReplicationError('job-died', { job: last.job, integration }));
  return last?.error ?? null;
}

function runningJob({ holder, jobs, control }: StatusInput): RunningJob | null {
  if (holder === undefined) return null;
  const record = jobs.find((job) => job.job === holder.job);
  return {
    job: holder.job,
    startedAt: record?.startedAt ?? null,
    rows: record?.rows ?? null,
    stopping: control.stopRequested === holder.job,
  };
}

/** A record in the form that status and lists show. */
export function jobFacts(record: JobRecord): JobFacts {
  const { job, state, trigger, startedAt } = record;
  return { job, state, trigger, startedAt, endedAt: record.endedAt ?? null, rows: record.rows ?? 0, bytes: record.bytes ?? 0 };
}

function conditionOf(stream: StreamFacts): StreamCondition {
  if (stream.error !== null) return 'failing';
  if (stream.ranges !== null) return 'copying';
  return stream.activeVersion === null || stream.resetAt !== null ? 'pending' : 'complete';
}

function rowsByStream(jobs: readonly JobRecord[]): ReadonlyMap<string, number> {
  const rows = new Map<string, number>();
  for (const job of jobs) {
    for (const stream of parseSummary(job.summary)?.streams ?? [])
      rows.set(stream.stream, (rows.get(stream.stream) ?? 0) + stream.rows);
  }
  return rows;
}
