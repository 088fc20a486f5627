import type { CheckReport } from '../engine/check/finding.ts';
import type { SetupRequest } from '../engine/check/setup-targets.ts';
import type { ProgressListener } from '../engine/jobs/progress.ts';
import type { JobRecord, Json } from '../engine/ledger/ledger.ts';
import type { Catalog } from '../engine/model/catalog.ts';
import type { ErrorReport } from '../engine/model/errors.ts';
import type { LoadingReport } from '../engine/model/report.ts';
import type { ReplicationMethod } from '../engine/model/stream.ts';
import type { IntegrationStatus } from '../engine/report/status.ts';
import type { LogEvent } from '../engine/runtime/logger.ts';

/**
 * Everything that commands do to the integrations of one configuration file. Plain data in and out; every method throws `ReplicationError`,
 * `integration-unknown` among them. Opening it reads and checks the file and connects to nothing.
 */
export interface Workspace extends AsyncDisposable {
  /** Names in the order of the file. */
  readonly integrations: readonly string[];
  /** Structure sync: what exists and what the role may read. */
  discover(integration: string, signal: AbortSignal): Promise<Discovery>;
  /** Everything that can stop a job or hurt the source, each with its fix. What cannot be reached is a finding, not a throw. */
  check(integration: string, signal: AbortSignal): Promise<CheckReport>;
  /** The script for the DBA that prepares the server, or undoes that. Connects only if asked to. */
  setupSql(integration: string, request: SetupSqlRequest, signal: AbortSignal): Promise<string>;
  /** What a run would do now. Writes nothing. */
  plan(integration: string, signal: AbortSignal): Promise<PlanView>;
  /** Runs one job to its end, or says why none was started. A failed job is an outcome, not a throw. */
  run(integration: string, request: RunRequest): Promise<RunOutcome>;
  status(integration: string, signal: AbortSignal): Promise<IntegrationStatus>;
  /** Records of jobs, newest first. */
  jobs(integration: string, query: { readonly limit: number }, signal: AbortSignal): AsyncIterable<JobRecord>;
  /** The report of a job, of the running one as it is now. Throws `job-unknown`. */
  report(integration: string, job: string, signal: AbortSignal): Promise<LoadingReport>;
  /** The extraction log of a job, oldest event first. Throws `job-unknown`. */
  logs(integration: string, job: string, signal: AbortSignal): AsyncIterable<LogEvent>;
  /** Forgets bookmarks: the next job begins a fresh copy. Never touches a slot. Throws `job-running`, `table-missing`. */
  reset(integration: string, request: ResetRequest, signal: AbortSignal): Promise<ResetOutcome>;
  /** From now on schedules start nothing; a running job goes on. */
  pause(integration: string, signal: AbortSignal): Promise<PauseOutcome>;
  resume(integration: string, signal: AbortSignal): Promise<ResumeOutcome>;
  /** Asks the running job to end at its next checkpoint. */
  stop(integration: string, signal: AbortSignal): Promise<StopOutcome>;
}

/** Opens the workspace of a configuration file. Throws `config-unreadable`, `config-invalid`. */
export type OpenWorkspace = (request: { readonly configPath: string }) => Promise<Workspace>;

export interface Discovery {
  readonly catalog: Catalog;
  /** The same as a Singer catalog. */
  readonly singer: Json;
}

export interface SetupSqlRequest extends Omit<SetupRequest, 'facts'> {
  /** `connected`: names, versions and slots are looked up on the server. */
  readonly names: 'as-written' | 'connected';
}

export interface PlanView {
  readonly integration: string;
  /** In the order of work. */
  readonly streams: readonly PlannedWork[];
  readonly skipped: readonly { readonly stream: string; readonly reason: string }[];
  /** What is wrong with the selection, by stream where it is about one; absent: nothing is. */
  readonly problems?: readonly { readonly stream: string | null; readonly error: ErrorReport }[];
  readonly warnings: readonly string[];
}

export interface PlannedWork {
  readonly stream: string;
  readonly method: ReplicationMethod;
  readonly action: 'start-copy' | 'resume-copy' | 'read-key' | 'read-log';
  /** Why a copy begins: `first-copy`, `reset`, `method-changed`, ...; null otherwise. */
  readonly reason: string | null;
  readonly destinationTable: string;
  readonly tableVersion: number;
  /** Where the read starts; null for copies. */
  readonly bookmark: string | null;
  /** Claimable pieces of work known now; a fresh copy may be cut into more. */
  readonly units: number;
  readonly estimatedRows: number | null;
  /** On disk. */
  readonly bytes: number;
}

export interface RunRequest {
  /** Manual runs also start while the integration is paused. */
  readonly trigger: 'manual' | 'schedule';
  readonly progress: ProgressListener;
  /** Asks for a checkpoint and an end. */
  readonly stop: AbortSignal;
  /** Drops work at once. */
  readonly abort: AbortSignal;
}

export type RunOutcome =
  | { readonly state: 'finished'; readonly report: LoadingReport }
  /** Another job is running; nothing was started. */
  | { readonly state: 'busy'; readonly job: string; readonly expiresAt: string }
  | { readonly state: 'paused'; readonly pausedAt: string };

export interface ResetRequest {
  /** As in the configuration (`public.orders`) or in reports (`shop.public.orders`); absent: the whole integration. */
  readonly table?: string;
}

export interface ResetOutcome {
  /** Streams whose next job begins a fresh copy. */
  readonly streams: readonly string[];
}

export interface PauseOutcome {
  /** ISO 8601; earlier than now if it was paused already. */
  readonly pausedAt: string;
  readonly changed: boolean;
}

export interface ResumeOutcome {
  readonly changed: boolean;
}

export type StopOutcome = { readonly state: 'asked'; readonly job: string } | { readonly state: 'idle' };

/** Makes a key pair and stores its private half where nothing is yet. Throws `secret-exists`, `file-unwritable`, `secret-unwritable`. */
export type CreateSshKey = (
  request: { readonly place: SecretPlace; readonly comment: string },
  signal: AbortSignal,
) => Promise<{
  /** For `authorized_keys`. */
  readonly publicLine: string;
  /** With an absolute path. */
  readonly place: SecretPlace;
}>;

/** Where a secret is stored: a file, or AWS Secrets Manager by name or ARN. */
export type SecretPlace = { readonly kind: 'file'; readonly path: string } | { readonly kind: 'secret'; readonly id: string };

/** Starts a job in AWS. Throws `execution-not-started`. */
export type StartExecution = (
  request: { readonly stateMachineName: string },
  signal: AbortSignal,
) => Promise<{ readonly executionArn: string; readonly consoleUrl: string }>;

/** Shows a whole life of an integration with sample data, or with the user's own database. */
export type RunDemo = (request: DemoRequest) => Promise<DemoOutcome>;

export interface DemoRequest {
  /** Everything that the demo writes is below this folder. */
  readonly directory: string;
  /** `postgres://` URL; absent: an embedded server with sample data. */
  readonly source?: string;
  /** Tells the user what happens next, one line at a time. */
  readonly say: (line: string) => void;
  readonly progress: ProgressListener;
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
}

export interface DemoOutcome {
  readonly reports: readonly LoadingReport[];
  /** Where the objects are. */
  readonly output: string;
  /** Configuration file that was used: `backstitch status --config ...` works on it. */
  readonly configPath: string;
  /** Commands to look into the objects, ready to paste. */
  readonly lookInto: readonly string[];
}
