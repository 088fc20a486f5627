import type { PlanView, PlannedWork } from './cli/workspace.ts';
import type { IntegrationConfig } from './engine/config/config.ts';
import { suggest } from './engine/config/suggest.ts';
import type { SelectedStreams } from './engine/jobs/engine.ts';
import { plannedStreams } from './engine/jobs/stream-store.ts';
import type { JobRecord, Json, Ledger } from './engine/ledger/ledger.ts';
import { errorReport, ReplicationError } from './engine/model/errors.ts';
import type { SlotReport } from './engine/model/report.ts';
import { nextRun } from './engine/schedule/next-run.ts';
import { streamItems } from './engine/model/stream-state.ts';
import type { StreamState } from './engine/model/stream-state.ts';
import { plan } from './engine/plan/plan.ts';
import type { StreamPlan } from './engine/plan/plan.ts';
import { statusOf, streamFacts } from './engine/report/status.ts';
import type { IntegrationStatus } from './engine/report/status.ts';

/** What a run would do now, for people: also when the selection has problems, so that all of them are seen at once. */
export async function planView(input: {
  readonly integration: string;
  readonly selection: SelectedStreams;
  readonly states: ReadonlyMap<string, StreamState>;
  readonly ledger: Ledger;
  readonly nowMs: number;
}): Promise<PlanView> {
  const { integration, selection, states, ledger, nowMs } = input;
  const streams = new Map(selection.streams.map((stream) => [stream.id, stream]));
  const planned = plan(plannedStreams(selection.streams), states, nowMs);
  const work: PlannedWork[] = [];
  for (const step of planned.streams) {
    const stream = streams.get(step.stream);
    if (stream === undefined) continue;
    work.push({
      stream: step.stream,
      method: stream.method,
      action: step.kind,
      reason: step.kind === 'start-copy' ? step.reason : null,
      destinationTable: stream.destinationTable,
      tableVersion: step.version,
      bookmark: step.kind === 'read-key' ? await keyBookmark(ledger, step.stream, step.version) : null,
      units: unitsIn(step),
      estimatedRows: stream.table.estimatedRows ?? null,
      bytes: stream.bytes,
    });
  }
  const problems = selection.problems.map(({ stream, error }) => ({ stream, error: errorReport(error) }));
  return { integration, streams: work, skipped: selection.skipped, problems, warnings: selection.warnings };
}

/** The dashboard of one integration from what its ledger has. */
export async function statusView(input: {
  readonly integration: IntegrationConfig;
  readonly ledger: Ledger;
  readonly states: ReadonlyMap<string, StreamState>;
  readonly slots: readonly SlotReport[];
  readonly now: Date;
}): Promise<IntegrationStatus> {
  const { integration, ledger, states, slots, now } = input;
  const [control, holder] = await Promise.all([ledger.control(), ledger.holder()]);
  const facts = await Promise.all(
    [...states.values()].map(async (state) =>
      streamFacts(state, state.method === 'INCREMENTAL' ? await keyBookmark(ledger, state.stream, state.version) : null),
    ),
  );
  const jobs = await recentJobs(ledger, now);
  const last = jobs.find((job) => job.state !== 'skipped');
  const next =
    integration.schedule === undefined ? undefined : nextRun(integration.schedule, now, last && new Date(last.startedAt));
  return statusOf({
    integration: integration.name,
    now,
    control,
    holder,
    jobs,
    nextRun: next?.toISOString(),
    streams: facts,
    slots,
    selection: integration.selectAll || integration.tables.some((table) => table.selected) ? 'some' : 'none',
  });
}

/** The streams that a user means: by stream id, or by `schema.table` and `table` where they are unique. Throws `table-missing`. */
export function streamsNamed(text: string, states: ReadonlyMap<string, StreamState>, integration: string): readonly string[] {
  if (states.has(text)) return [text];
  const matching = [...states.values()].filter(({ name }) => text === `${name.schema}.${name.table}` || text === name.table);
  if (matching.length > 0) return matching.map((state) => state.stream);
  const meant = suggest(text, [...states.keys()]);
  throw new ReplicationError('stream-unknown', {
    stream: text,
    integration,
    hint: meant === undefined ? '' : `; did you mean "${meant}"?`,
  });
}

/** Jobs since midnight UTC, and on until the last completed one. */
async function recentJobs(ledger: Ledger, now: Date): Promise<readonly JobRecord[]> {
  const midnight = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
  const jobs: JobRecord[] = [];
  let completed = false;
  for await (const job of ledger.jobs({ limit: 500 })) {
    if (completed && Date.parse(job.endedAt ?? job.startedAt) < midnight) break;
    jobs.push(job);
    completed ||= job.state === 'complete' || job.state === 'partial';
  }
  return jobs;
}

async function keyBookmark(ledger: Ledger, stream: string, version: number): Promise<string | null> {
  const head = await ledger.head(streamItems.keyHead(stream, version));
  const bookmark: Json = head?.bookmark ?? null;
  if (typeof bookmark !== 'object' || bookmark === null || !('value' in bookmark) || !('column' in bookmark)) return null;
  return typeof bookmark.value === 'string' && typeof bookmark.column === 'string'
    ? `${bookmark.column}: ${bookmark.value}`
    : null;
}

function unitsIn(step: StreamPlan): number {
  return step.kind === 'resume-copy' ? step.remaining.length : 1;
}
