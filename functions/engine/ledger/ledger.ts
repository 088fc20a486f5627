import type { StoredObject } from '../model/objects.ts';
import type { ErrorReport } from '../model/errors.ts';

/** JSON that the ledger keeps without looking into it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** What one integration has in the store. What is read is as it is there, never from a cache. */
export interface Ledger {
  /** As configured, for messages. */
  readonly url: string;
  /** Takes the integration for one job, or names the job that has it. Never breaks a live lease. An expired one is taken over: `previous` is the job that died. `start` is kept in the lease, for whoever meets it before the job has a record. */
  acquire(job: string, ttlMs: number, start?: JobStart): Promise<Lease | Busy>;
  /** A worker of a running job joins under its lease. Throws `lease-lost` if that job does not hold it. */
  join(job: string, ttlMs: number): Promise<Lease>;
  /**
   * Takes the lease of a job from its own workers, to close it: those that still run, seen or unseen, can claim nothing from then on, and once every head of the job is claimed under
   * this lease they can commit nothing either. Throws `lease-lost` if that job does not hold it.
   */
  takeOver(job: string, ttlMs: number): Promise<Lease>;
  /** Who holds the lease now, if it has not expired. */
  holder(): Promise<Holder | undefined>;

  control(): Promise<Control>;
  /** Applies `change` to the control item, retrying on conflict. */
  updateControl(change: (now: Control) => Control): Promise<Control>;

  /** Documents by id, all whose id begins with `prefix`: `stream/<stream id>` (small), `ranges/<stream id>` (up to 300 KB, not read with the streams). Ids may hold any characters. */
  documents(prefix: string): Promise<ReadonlyMap<string, Versioned<Json>>>;
  document(id: string): Promise<Versioned<Json> | undefined>;
  /**
   * Applies `change` to the document, retrying on conflict; `undefined` removes it. Only under a live lease, except for `reset` while none is held: throws `lease-lost` once the lease that
   * was taken through this ledger is lost.
   */
  updateDocument(id: string, change: (now: Json | undefined) => Json | undefined): Promise<Json | undefined>;

  /** The head of something that advances on its own: a range of a copy, a key-based stream, a slot. */
  head(id: string): Promise<Head | undefined>;
  heads(prefix: string): AsyncIterable<Head>;
  /** Removes heads after archiving their last commits. Whoever holds a claim of one is fenced out. Throws `lease-lost` as `updateDocument` does. */
  removeHeads(prefix: string): Promise<void>;

  /** Commits of a job: archived ones, and those still inside heads. Ordered by head, then batch. */
  commits(job: string): AsyncIterable<Commit>;
  /** What a commit made durable. Throws `ledger-damaged` for one whose job was forgotten, if it has pages. */
  tables(commit: LastCommit): Promise<readonly CommitTable[]>;

  /** The record of a job, and its report (any length, kept in pieces). */
  job(job: string): Promise<JobRecord | undefined>;
  updateJob(job: string, change: (now: JobRecord | undefined) => JobRecord): Promise<JobRecord>;
  /** Newest first. */
  jobs(query?: { readonly limit?: number; readonly before?: string }): AsyncIterable<JobRecord>;
  saveReport(job: string, report: string): Promise<void>;
  report(job: string): Promise<string | undefined>;
  /** Removes jobs with their commits, work and reports older than a job id. Returns how many. */
  forgetJobsBefore(job: string): Promise<number>;

  /** The list of units of a job, shared by its workers. The first list that is saved stays: saving again changes nothing. */
  saveWork(job: string, units: readonly Json[]): Promise<void>;
  work(job: string): Promise<WorkList>;
}

/** How a job began. */
export type JobStart = Pick<JobRecord, 'trigger' | 'startedAt' | 'execution'>;

/** Who holds a lease. */
export interface Holder {
  readonly job: string;
  /** ISO 8601. */
  readonly expiresAt: string;
  /** How that job began, where it said so. */
  readonly start?: JobStart;
}

export interface Busy {
  readonly state: 'busy';
  readonly job: string;
  /** ISO 8601. */
  readonly expiresAt: string;
}

/** The right to work for an integration. Renewed by itself while it is held; disposing it stops the renewal but does not release it. */
export interface Lease extends AsyncDisposable {
  readonly state: 'held';
  readonly job: string;
  /** Grows with every acquisition; a claim made under a lower one is refused once a higher one has claimed. */
  readonly epoch: number;
  /** The job that held the lease before and did not release it. */
  readonly previous?: string;
  /** Aborts with `lease-lost` as soon as a renewal fails, or the expiry passed without one. */
  readonly lost: AbortSignal;
  /** Takes over a head: raises its fence by one. From then on an older claimer can neither commit nor, since the fence is in every key, overwrite an object. Creates it with `initial` if absent. */
  claim(head: string, worker: string, initial?: Json): Promise<Claim>;
  /**
   * Archives the last commit of a head whose work is over and removes the head. Throws `fenced-out` if another claimer has it. Idempotent. Record first, elsewhere, that the work is
   * over: a later job that claims the head makes it anew. Within the same job a later claim finds bookmark, batch and fence as they were, so a unit done twice is seen to be done.
   */
  retire(claim: Claim): Promise<void>;
  /** Asks the store whether no other job has taken the lease, and nobody has closed this one. False also marks it as lost. */
  isStillOurs(): Promise<boolean>;
  /** Gives the lease up. Idempotent. */
  release(): Promise<void>;
}

export interface Control {
  /** ISO 8601. While set, schedules start nothing. */
  readonly pausedAt?: string;
  /** The job that was asked to stop. */
  readonly stopRequested?: string;
}

export interface Versioned<T> {
  readonly revision: number;
  readonly value: T;
}

export interface Head {
  readonly id: string;
  readonly fence: number;
  /** Number of commits ever made. */
  readonly batch: number;
  readonly epoch: number;
  /** Who claimed it last. */
  readonly job: string;
  readonly worker: string;
  readonly bookmark: Json;
  readonly lastCommit?: LastCommit;
}

/** What one batch made durable. */
export interface Commit {
  readonly head: string;
  readonly job: string;
  readonly batch: number;
  readonly fence: number;
  /** ISO 8601. */
  readonly at: string;
  /** One stream for a range of a copy or a key-based read; every stream that had rows for a batch of the log. */
  readonly tables: readonly CommitTable[];
  readonly before: Json;
  readonly after: Json;
}

/** A commit as it is kept: one of very many tables has them in pages beside it, which `Ledger.tables` puts together. */
export type LastCommit =
  Commit | (Omit<Commit, 'tables'> & { readonly pages: { readonly generation: string; readonly count: number } });

/** What a commit made durable of one stream. */
export interface CommitTable {
  readonly stream: string;
  readonly tableVersion: number;
  readonly objects: readonly StoredObject[];
  /** Rows that the source sent for them. */
  readonly rowsRead: number;
  /** Counts and notes for the report: times, inserts, updates, deletes, ... */
  readonly facts: { readonly [name: string]: Json };
}

/** The sole right to advance one head. */
export interface Claim {
  /** As it is after the last commit of this claim. */
  readonly head: Head;
  /** Of the head's item, as it is after the last commit of this claim. */
  readonly revision: number;
  readonly fence: number;
  /** One conditional update of the head: same fence, same revision. The commit before it is archived first. Throws `fenced-out`, `lease-lost`. Safe to retry after an unknown outcome: it recognises its own write. */
  commit(batch: Omit<Commit, 'head' | 'job' | 'batch' | 'fence' | 'at' | 'before'>): Promise<Commit>;
}

/** A job as `reports` lists it. */
export interface JobRecord {
  readonly job: string;
  readonly state: 'running' | 'complete' | 'partial' | 'stopped' | 'failed' | 'skipped';
  readonly trigger: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly error?: ErrorReport;
  readonly rows?: number;
  readonly bytes?: number;
  /** Per stream, for usage and the pictures of history: at most 300 KB as JSON. */
  readonly summary?: Json;
  /** In AWS: ARN of the execution of the state machine that the job is part of. */
  readonly execution?: string;
  /** Set where a worker was shut out at its end: what it wrote and did not commit lies in the sink until the next job removes it. */
  readonly orphans?: 'unswept';
  /** In AWS: what the job has used so far, for its estimated cost. */
  readonly spent?: Json;
}

/** Units of a job, taken by workers through conditional writes on one small item. */
export interface WorkList {
  readonly total: number;
  /** The next units for this worker: first those that it held when it died, then returned ones, then fresh ones. Empty when nothing is left. Finishes what it took before. */
  take(worker: string, count: number): Promise<readonly { readonly index: number; readonly unit: Json }[]>;
  /** Adds units found while working (the catch-up of a copy). A worker that is killed in the middle and does it again may have added them twice. */
  add(units: readonly Json[]): Promise<void>;
  /** Hands a unit back for another worker or the next invocation. */
  giveBack(worker: string, index: number): Promise<void>;
  /** Says that this worker holds nothing any more: what it took is done, what it held when it died and has not taken since is for others. */
  finish(worker: string): Promise<void>;
  /** Says that nobody shall do in this job what this worker holds: it failed, and the next job plans it anew. */
  drop(worker: string): Promise<void>;
  /** Units neither finished nor held by anyone else: whether there is more to do, and whether others still work. */
  progress(): Promise<{ readonly open: number; readonly held: number; readonly done: number }>;
  /** The units that somebody holds now. */
  heldUnits(): Promise<readonly Json[]>;
}
