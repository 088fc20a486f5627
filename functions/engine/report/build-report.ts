import type { KeyBookmark } from '../model/bookmark.ts';
import type { ErrorReport } from '../model/errors.ts';
import { formatLsn } from '../model/lsn.ts';
import type { Lsn } from '../model/lsn.ts';
import type { StoredObject } from '../model/objects.ts';
import type { JobState, LoadingReport, TableReport, TableState, Usage } from '../model/report.ts';
import type { StreamOutcome } from '../model/stream-state.ts';
import type { ReplicationMethod, StreamName } from '../model/stream.ts';

/** What of a commit goes into a report; the ledger's commits have this shape. */
export interface ReportCommit {
  readonly stream: string;
  readonly at: string;
  readonly tableVersion: number;
  readonly objects: readonly StoredObject[];
  readonly rowsRead: number;
  readonly before: unknown;
  readonly after: unknown;
  readonly facts: ReportFacts;
}

export interface ReportFacts {
  readonly startedAt?: string;
  readonly extractedAt?: string;
  readonly batchedAt?: string;
  readonly keyRange?: { readonly min: string; readonly max: string };
  readonly changes?: { readonly inserts: number; readonly updates: number; readonly deletes: number; readonly partial: number };
}

/** A stream of the job: as it was selected, or (for a job that died) as the ledger remembers it. */
export interface ReportStream {
  readonly id: string;
  readonly name: StreamName;
  readonly destinationTable: string;
  readonly method: ReplicationMethod;
  readonly primaryKey: readonly string[];
  readonly replicationKey: string | null;
  readonly schemaHash: string;
  readonly warnings: readonly string[];
  /** Active version before the job; null if there was none. */
  readonly activeBefore: number | null;
  /** After the job, or now. */
  readonly active: number | null;
  readonly version: number;
  /** Whether a cut copy goes on. */
  readonly copying: boolean;
  readonly outcome: StreamOutcome | null;
}

export interface ReportInput {
  readonly integration: string;
  readonly job: string;
  readonly trigger: string;
  readonly state: JobState;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly error: ErrorReport | null;
  readonly streams: readonly ReportStream[];
  readonly commits: readonly ReportCommit[];
  /** Whether every unit of the job was carried out. */
  readonly allDone: boolean;
  readonly slots: LoadingReport['slots'];
  readonly skipped: LoadingReport['skipped'];
  readonly warnings: readonly string[];
  readonly usage: Usage;
}

/**
 * Builds a loading report from commit records: what no commit names is not in it. A job that says `complete` is `partial` if a stream failed or if,
 * for any stream, the rows that PostgreSQL sent are not the rows in durable objects.
 */
export function buildReport(input: ReportInput): LoadingReport {
  const commits = new Map<string, ReportCommit[]>();
  for (const commit of input.commits) {
    const known = commits.get(commit.stream);
    if (known === undefined) commits.set(commit.stream, [commit]);
    else known.push(commit);
  }
  const tables = input.streams.map((stream) => tableReport(input, stream, commits.get(stream.id) ?? []));
  const isWhole = tables.every((table) => table.error === null && table.rowsRead === table.rows);
  return {
    version: 1,
    integration: input.integration,
    job: input.job,
    trigger: input.trigger,
    state: input.state === 'complete' && !isWhole ? 'partial' : input.state,
    startedAt: input.startedAt,
    endedAt: input.endedAt,
    error: input.error,
    tables,
    slots: input.slots,
    skipped: input.skipped,
    warnings: input.warnings,
    usage: input.usage,
  };
}

function tableReport(input: ReportInput, stream: ReportStream, all: readonly ReportCommit[]): TableReport {
  // A read that could not be resumed leaves commits of a version that never becomes active: a loader must not see them.
  const version = all.reduce((highest, commit) => Math.max(highest, commit.tableVersion), stream.version);
  const commits = all.filter((commit) => commit.tableVersion === version);
  const objects = commits.flatMap((commit) => commit.objects).sort((a, b) => (a.key < b.key ? -1 : 1));
  const outcome = stream.outcome?.job === input.job ? stream.outcome : null;
  const sum = (of: (object: StoredObject) => number): number => objects.reduce((total, object) => total + of(object), 0);
  const facts = commits.map((commit) => commit.facts);
  const ranges = facts.flatMap((fact) => (fact.keyRange === undefined ? [] : [fact.keyRange]));
  const rows = sum((object) => object.rows);
  const key = stream.replicationKey;
  return {
    stream: stream.id,
    database: stream.name.database,
    schema: stream.name.schema,
    table: stream.name.table,
    destinationTable: stream.destinationTable,
    method: stream.method,
    state: tableState(input, stream, commits, outcome),
    error: outcome?.error ?? null,
    primaryKeys: stream.primaryKey,
    replicationKey: key,
    tableVersion: version,
    activeVersion: stream.active,
    newVersion: stream.active !== null && stream.active !== stream.activeBefore,
    schemaHash: stream.schemaHash,
    rowsRead: commits.reduce((total, commit) => total + commit.rowsRead, 0),
    rows,
    ...changeCounts(commits),
    nullKeys: outcome?.nullKeys ?? null,
    bytes: sum((object) => object.bytes),
    jsonBytes: sum((object) => object.jsonBytes),
    startedAt: least(facts.map((fact) => fact.startedAt)),
    endedAt: greatest(commits.map((commit) => commit.at)),
    minimumBatchedAt: objects.length === 0 ? null : least(facts.map((fact) => fact.batchedAt)),
    maximumExtractedAt: objects.length === 0 ? null : greatest(facts.map((fact) => fact.extractedAt)),
    bookmark: { before: bookmarkText(commits[0]?.before), after: bookmarkText(commits.at(-1)?.after) },
    // Windows follow one another in the order of the key: the first has the lowest, the last the highest.
    bookmarkMetadata:
      key === null || ranges.length === 0 ? [] : [{ key, minValue: ranges[0]?.min ?? '', maxValue: ranges.at(-1)?.max ?? '' }],
    warnings: [...stream.warnings, ...(outcome?.warnings ?? []), ...partialWarning(commits)],
    objects,
  };
}

function tableState(
  input: ReportInput,
  stream: ReportStream,
  commits: readonly ReportCommit[],
  outcome: StreamOutcome | null,
): TableState {
  if (outcome !== null && outcome.error !== null) return 'failed';
  if (input.state === 'running') return commits.length > 0 ? 'running' : 'pending';
  if (stream.copying) return 'copying';
  if (input.allDone) return 'complete';
  if (stream.active !== null && stream.active !== stream.activeBefore) return 'complete';
  return commits.length > 0 ? 'running' : 'pending';
}

/** Rows of copies and of key-based reads are inserts: whether a key was there before is not known. */
function changeCounts(commits: readonly ReportCommit[]): Pick<TableReport, 'inserts' | 'updates' | 'deletes'> {
  const counts = { inserts: 0, updates: 0, deletes: 0 };
  for (const { facts, rowsRead } of commits) {
    counts.inserts += facts.changes === undefined ? rowsRead : facts.changes.inserts;
    counts.updates += facts.changes?.updates ?? 0;
    counts.deletes += facts.changes?.deletes ?? 0;
  }
  return counts;
}

function partialWarning(commits: readonly ReportCommit[]): readonly string[] {
  const partial = commits.reduce((sum, { facts }) => sum + (facts.changes?.partial ?? 0), 0);
  if (partial === 0) return [];
  return [
    `${String(partial)} row(s) lack values that the server did not send (unchanged TOAST values): keep the ones that the destination has, or run: ALTER TABLE ... REPLICA IDENTITY FULL;`,
  ];
}

function bookmarkText(bookmark: unknown): string | null {
  if (typeof bookmark !== 'object' || bookmark === null) return null;
  if ('lsn' in bookmark && typeof bookmark.lsn === 'string') return formatLsn(BigInt(bookmark.lsn) as Lsn);
  if (!('column' in bookmark)) return null;
  const { value } = bookmark as KeyBookmark;
  return value ?? null;
}

function least(texts: readonly (string | undefined)[]): string | null {
  return texts.reduce<string | null>((low, text) => (text !== undefined && (low === null || text < low) ? text : low), null);
}

function greatest(texts: readonly (string | undefined)[]): string | null {
  return texts.reduce<string | null>((high, text) => (text !== undefined && (high === null || text > high) ? text : high), null);
}
