import { ReplicationError } from '../model/errors.ts';
import type { ErrorReport } from '../model/errors.ts';
import type { CostEstimate, JobState, LoadingReport } from '../model/report.ts';
import { parseStreamState, streamItems } from '../model/stream-state.ts';
import type { StreamState } from '../model/stream-state.ts';
import { reportKey } from '../plan/key-template.ts';
import { buildReport } from '../report/build-report.ts';
import type { ReportCommit, ReportStream } from '../report/build-report.ts';
import { estimateCost } from '../report/cost.ts';
import { parseSpending } from '../report/spending.ts';
import type { Spending } from '../report/spending.ts';
import { loadedTables } from '../report/loaded-tables.ts';
import { summaryJson, summaryOf, usageOf } from '../report/usage.ts';
import type { EarlierUsage } from '../report/usage.ts';
import type { JobRecord, Lease } from '../ledger/ledger.ts';
import { factsOf } from './commit-facts.ts';
import type { Engine, SelectionFacts } from './engine.ts';
import type { JobStream } from './job.ts';
import { logTables } from './log-tables.ts';
import { failpoint } from '../runtime/failpoints.ts';

/** What the job knows of itself at its end. A job that failed early has no selection. */
export interface JobEnd {
  readonly trigger: string;
  readonly startedAt: string;
  readonly error: ErrorReport | null;
  readonly selection?: SelectionFacts;
  readonly streams?: ReadonlyMap<string, JobStream>;
  /** How slots stand at the end. */
  readonly slots?: LoadingReport['slots'];
  /** Whether every unit was carried out. */
  readonly allDone?: boolean;
  /** Whether it was asked to stop. */
  readonly stopped?: boolean;
}

type ReportEngine = Pick<Engine, 'ledger' | 'sink' | 'settings' | 'clock' | 'log'>;

/** Closes a job: report from commits, in the ledger and in the sink, then the lease. A report that cannot be written to the sink stays in the ledger and is no failure of the job's data. */
export async function finishJob(engine: ReportEngine, lease: Lease, end: JobEnd): Promise<LoadingReport> {
  const { ledger, clock, log } = engine;
  const { job } = lease;
  const allDone = end.allDone ?? false;
  const state: JobState =
    end.error !== null ? 'failed' : end.stopped === true && !allDone ? 'stopped' : allDone ? 'complete' : 'stopped';
  const report = await reportOf(engine, job, { ...end, state, endedAt: clock.now().toISOString() });
  // Without its lease a job has no say any more: whoever took over writes this report, and makes what comes too late for it its own. Asked of the store, and after the workers have
  // ended: a worker that was shut out of its head knows nothing of the lease.
  if (!(await lease.isStillOurs())) return withoutLease(report, log);
  await closeJob(engine, job, report);
  logTables(log, report);
  await ledger.updateControl((control) => {
    if (control.stopRequested !== job) return control;
    const { stopRequested: _, ...rest } = control;
    return rest;
  });
  await lease.release();
  log.log(report.state === 'complete' ? 'INFO' : 'WARNING', 'job-ended', {
    state: report.state,
    rows: rowsOf(report),
    bytes: bytesOf(report),
    streams: report.tables.length,
    failed: report.tables.filter((table) => table.error !== null).length,
  });
  return report;
}

/** What a job says of itself whose report is another's to write: it ends with an error, whatever it has done. */
function withoutLease(report: LoadingReport, log: Engine['log']): LoadingReport {
  const { job, integration } = report;
  const { code, message, remedy } = new ReplicationError('lease-lost', { job, integration });
  log.log('CRITICAL', 'job-failed', { code, message, remedy });
  return { ...report, state: 'failed', error: report.error ?? { code, message, remedy } };
}

/** Saves a final report and the record of its job. The ledger comes last: a job whose record is final has its report everywhere. */
export async function closeJob(engine: ReportEngine, job: string, report: LoadingReport): Promise<void> {
  const { ledger, sink, settings, clock, log } = engine;
  const text = `${JSON.stringify(report)}\n`;
  await ledger.saveReport(job, text);
  try {
    const key = reportKey({ integration: settings.integration, job, startedAt: new Date(report.startedAt) });
    await failpoint('report.sink.before');
    await sink.put(key, Buffer.from(text), { contentType: 'application/json' }, AbortSignal.timeout(60_000));
    await failpoint('report.sink.after');
  } catch (error) {
    log.log('ERROR', 'report-not-in-sink', {
      code: error instanceof Error && 'code' in error ? String(error.code) : 'unexpected',
    });
  }
  await ledger.updateJob(job, (now): JobRecord => ({
    job,
    state: report.state,
    trigger: report.trigger,
    startedAt: report.startedAt,
    endedAt: report.endedAt ?? clock.now().toISOString(),
    ...(report.error === null ? (now?.error === undefined ? {} : { error: now.error }) : { error: report.error }),
    rows: rowsOf(report),
    bytes: bytesOf(report),
    summary: summaryJson(summaryOf(report, clock.now())),
    ...(now?.execution === undefined ? {} : { execution: now.execution }),
    ...(now?.spent === undefined ? {} : { spent: now.spent }),
    ...(now?.orphans === undefined ? {} : { orphans: now.orphans }),
  }));
}

/** The report of a job as the ledger stands now: final at its end, a snapshot while it runs. */
export async function reportOf(
  engine: Pick<Engine, 'ledger' | 'settings' | 'clock'>,
  job: string,
  end: JobEnd & { readonly state: JobState; readonly endedAt: string | null },
): Promise<LoadingReport> {
  const { ledger, settings, clock } = engine;
  const commits: ReportCommit[] = [];
  for await (const { tables, at, before, after } of ledger.commits(job)) {
    for (const table of tables) commits.push({ ...table, at, before, after, facts: factsOf(table) });
  }
  const documents = await ledger.documents('stream/');
  const stateOf = (stream: string): StreamState | undefined => parseStreamState(documents.get(streamItems.state(stream))?.value);

  const selected = end.streams ?? new Map<string, JobStream>();
  const unselected = [...new Set(commits.map((commit) => commit.stream))].filter((stream) => !selected.has(stream));
  const failedToSelect = (end.selection?.problems ?? []).flatMap(({ stream, error }) =>
    stream === null ? [] : [{ stream, error }],
  );
  const streams: readonly ReportStream[] = [
    ...[...selected.values()].map((stream) => selectedStream(stream, stateOf(stream.id))),
    ...unselected.flatMap((stream) => rememberedStream(stateOf(stream))),
    ...failedToSelect.flatMap(({ stream, error }) =>
      rememberedStream(stateOf(stream)).map((known) => ({
        ...known,
        outcome: {
          job,
          at: clock.now().toISOString(),
          error: { code: error.code, message: error.message, remedy: error.remedy },
          warnings: [],
          nullKeys: null,
        },
      })),
    ),
  ].sort((a, b) => (a.id < b.id ? -1 : 1));

  const draft = buildReport({
    integration: settings.integration,
    job,
    trigger: end.trigger,
    state: end.state,
    startedAt: end.startedAt,
    endedAt: end.endedAt,
    error: end.error === null ? null : { code: end.error.code, message: end.error.message, remedy: end.error.remedy },
    streams,
    commits,
    allDone: end.allDone ?? false,
    slots: end.slots ?? [],
    skipped: end.selection?.skipped ?? [],
    warnings: end.selection?.warnings ?? [],
    usage: { last24Hours: 0, thisMonth: 0, lastMonth: 0, streams: [] },
  });
  const spent = parseSpending((await ledger.job(job))?.spent);
  const report = { ...draft, usage: await usageWith(engine, draft) };
  return spent === undefined ? report : { ...report, cost: costOf(report, spent) };
}

function costOf(report: LoadingReport, spent: Spending): CostEstimate {
  const jsonBytes = report.tables.reduce((sum, table) => sum + table.jsonBytes, 0);
  return estimateCost(spent, { rows: rowsOf(report), jsonBytes, storedBytes: bytesOf(report), events: eventsOf(report) });
}

/** Usage with this job's rows: the records of earlier jobs, read no further back than the last report makes necessary. */
async function usageWith(engine: Pick<Engine, 'ledger' | 'clock'>, draft: LoadingReport): Promise<LoadingReport['usage']> {
  const { ledger, clock } = engine;
  const now = clock.now();
  const current: JobRecord = {
    job: draft.job,
    state: draft.state === 'skipped' ? 'complete' : draft.state,
    trigger: draft.trigger,
    startedAt: draft.startedAt,
    ...(draft.endedAt === null ? {} : { endedAt: draft.endedAt }),
    rows: rowsOf(draft),
    summary: summaryJson(summaryOf(draft, now)),
  };
  async function* records(): AsyncGenerator<JobRecord> {
    yield current;
    for await (const record of ledger.jobs()) if (record.job !== draft.job) yield record;
  }
  return usageOf(records(), now, await earlierUsage(engine, draft.job));
}

async function earlierUsage(engine: Pick<Engine, 'ledger'>, before: string): Promise<EarlierUsage | undefined> {
  for await (const record of engine.ledger.jobs({ limit: 20, before })) {
    if (record.state === 'running' || record.state === 'skipped' || record.endedAt === undefined) continue;
    const text = await engine.ledger.report(record.job);
    if (text === undefined) continue;
    return { job: record.job, at: record.endedAt, usage: (JSON.parse(text) as LoadingReport).usage };
  }
  return undefined;
}

function selectedStream(stream: JobStream, state: StreamState | undefined): ReportStream {
  return {
    id: stream.id,
    name: stream.table.name,
    destinationTable: stream.destinationTable,
    method: stream.method,
    primaryKey: stream.primaryKey,
    replicationKey: stream.replicationKey,
    schemaHash: stream.schemaHash,
    warnings: stream.warnings,
    activeBefore: stream.known?.activeVersion ?? null,
    active: state?.activeVersion ?? null,
    version: state?.version ?? 0,
    copying: (state?.copy ?? null) !== null,
    outcome: state?.last ?? null,
  };
}

function rememberedStream(state: StreamState | undefined): readonly ReportStream[] {
  if (state === undefined) return [];
  const { stream, name, destinationTable, method, primaryKey, replicationKey, schemaHash, activeVersion, version, copy, last } =
    state;
  return [
    {
      id: stream,
      name,
      destinationTable,
      method,
      primaryKey,
      replicationKey,
      schemaHash,
      warnings: [],
      activeBefore: activeVersion,
      active: activeVersion,
      version,
      copying: copy !== null,
      outcome: last,
    },
  ];
}

/** Those that the state machine publishes: one for each table, and one for the job. */
function eventsOf(report: LoadingReport): number {
  return loadedTables(report).length + 1;
}

function rowsOf(report: LoadingReport): number {
  return report.tables.reduce((sum, table) => sum + table.rows, 0);
}

function bytesOf(report: LoadingReport): number {
  return report.tables.reduce((sum, table) => sum + table.bytes, 0);
}
