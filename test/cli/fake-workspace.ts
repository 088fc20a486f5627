import type { Workspace } from '../../functions/cli/workspace.ts';
import type { JobRecord } from '../../functions/engine/ledger/ledger.ts';
import { ReplicationError } from '../../functions/engine/model/errors.ts';
import { statusOf } from '../../functions/engine/report/status.ts';
import { sampleRecord, sampleReport } from '../report/sample-report.ts';

export interface FakeWorkspace extends Workspace {
  /** Calls in order: `reset shop {"table":"public.orders"}`. */
  readonly calls: string[];
}

/** A workspace of one integration, `shop`, that ran once; `changes` replace what a test is about. */
export function fakeWorkspace(changes: Partial<Workspace> = {}): FakeWorkspace {
  const calls: string[] = [];
  const note = (method: string, integration: string, request?: object): void => {
    calls.push([method, integration, ...(request === undefined ? [] : [JSON.stringify(request)])].join(' '));
  };
  const record = sampleRecord('2026-11-22T08:12:00.123Z', { 'shop.public.orders': 1204 });
  return {
    calls,
    integrations: ['shop'],
    discover: async () => ({
      catalog: { server: { version: 150_018, inRecovery: false }, databases: [], at: '2026-11-22T08:12:00Z' },
      singer: { streams: [] },
    }),
    check: async (integration) => ({
      integration,
      ok: true,
      server: { version: '18.4', flavour: 'self-hosted', inRecovery: false },
      streams: { FULL_TABLE: 1, INCREMENTAL: 0, LOG_BASED: 0 },
      findings: [],
    }),
    setupSql: async (integration, request) => {
      note('setupSql', integration, request);
      return '-- the script\n';
    },
    plan: async (integration) => ({ integration, streams: [], skipped: [], warnings: [] }),
    run: async (integration, { trigger }) => {
      note('run', integration, { trigger });
      return { state: 'finished', report: sampleReport({ integration }) };
    },
    status: async (integration) =>
      statusOf({ integration, now: new Date('2026-11-22T09:00:00Z'), control: {}, jobs: [record], streams: [] }),
    jobs: (integration, { limit }) => {
      note('jobs', integration, { limit });
      return recordsOf([record]);
    },
    report: async (integration, job) => {
      note('report', integration, { job });
      if (job !== record.job) throw new ReplicationError('job-unknown', { job, integration });
      return sampleReport({ integration, job });
    },
    logs: async function* (integration, job) {
      note('logs', integration, { job });
      yield { at: '2026-11-22T08:12:00.159Z', level: 'INFO', event: 'job-started', fields: { job, streams: 3 } };
      yield { at: '2026-11-22T08:12:01.000Z', level: 'WARNING', event: 'slow', fields: { note: 'two words', none: null } };
    },
    reset: async (integration, request) => {
      note('reset', integration, request);
      return { streams: ['shop.public.orders'] };
    },
    pause: async (integration) => {
      note('pause', integration);
      return { pausedAt: '2026-11-22T09:00:00.000Z', changed: true };
    },
    resume: async (integration) => {
      note('resume', integration);
      return { changed: true };
    },
    stop: async (integration) => {
      note('stop', integration);
      return { state: 'asked', job: record.job };
    },
    [Symbol.asyncDispose]: async () => {
      calls.push('disposed');
    },
    ...changes,
  };
}

export async function* recordsOf(records: readonly JobRecord[]): AsyncGenerator<JobRecord> {
  yield* records;
}
