import { describe, expect, it } from 'vitest';
import { errorReport, ReplicationError } from '../../functions/engine/model/errors.ts';
import { initialState } from '../../functions/engine/model/stream-state.ts';
import { renderStatus } from '../../functions/engine/report/render-status.ts';
import { statusOf, streamFacts } from '../../functions/engine/report/status.ts';
import type { IntegrationState, StatusInput, StreamFacts } from '../../functions/engine/report/status.ts';
import { sampleRecord } from './sample-report.ts';

const NOW = new Date('2026-11-22T09:00:00Z');
const ORDERS = 'shop.public.orders';
const error = errorReport(new ReplicationError('connection-lost', { host: 'db', port: 5432, reason: 'ECONNRESET' }));
const { endedAt: _, ...open } = sampleRecord('2026-11-22T08:30:00Z', { [ORDERS]: 5 });
const running = { ...open, state: 'running' } as const;
const complete = sampleRecord('2026-11-22T08:00:00Z', { [ORDERS]: 20 });
const failed = sampleRecord('2026-11-22T08:15:00Z', {}, { state: 'failed', error });
const skipped = sampleRecord('2026-11-22T08:45:00Z', {}, { state: 'skipped' });

function status(input: Partial<StatusInput>): ReturnType<typeof statusOf> {
  return statusOf({ integration: 'shop', now: NOW, control: {}, jobs: [], streams: [], ...input });
}

function stream(changes: Partial<StreamFacts> = {}): StreamFacts {
  return {
    stream: ORDERS,
    method: 'INCREMENTAL',
    tableVersion: 3,
    activeVersion: 3,
    bookmark: 'updated_at: x',
    ranges: null,
    resetAt: null,
    error: null,
    ...changes,
  };
}

describe('status', () => {
  const states: readonly (readonly [string, Partial<StatusInput>, IntegrationState])[] = [
    ['nothing is selected', { selection: 'none' }, 'not-configured'],
    ['no job has run', {}, 'pending'],
    ['only skipped jobs were recorded', { jobs: [skipped] }, 'pending'],
    ['a job holds the lease', { holder: { job: running.job }, jobs: [running, complete] }, 'running'],
    ['a job holds the lease before its record is there', { holder: { job: 'x' } }, 'running'],
    ['it is paused', { control: { pausedAt: '2026-11-22T07:00:00Z' }, jobs: [complete] }, 'paused'],
    [
      'it is paused but a job still runs',
      { control: { pausedAt: '2026-11-22T07:00:00Z' }, holder: { job: running.job }, jobs: [running] },
      'running',
    ],
    ['the last job failed', { jobs: [failed, complete] }, 'failing'],
    ['the last job failed and another was skipped', { jobs: [skipped, failed] }, 'failing'],
    ['the last job says it runs but nobody holds the lease', { jobs: [running, complete] }, 'failing'],
    ['some streams of the last job failed', { jobs: [{ ...complete, state: 'partial' }] }, 'partial'],
    ['the last job was stopped', { jobs: [{ ...complete, state: 'stopped' }] }, 'stopped'],
    ['the last job was complete', { jobs: [complete, failed] }, 'complete'],
  ];
  it.each(states)('where %s', (_, input, state) => {
    expect(status(input).state).toBe(state);
  });

  it('names the error of the last job with its remedy, also while the next one runs', () => {
    expect(status({ jobs: [failed, complete] }).error).toEqual(error);
    expect(status({ holder: { job: running.job }, jobs: [running, failed] }).error).toEqual(error);
    expect(status({ jobs: [complete, failed] }).error).toBeNull();
  });

  it('says that a job died where it left its record open', () => {
    expect(status({ jobs: [running] }).error).toMatchObject({ code: 'job-died' });
  });

  it('tells last started, last completed and last job apart', () => {
    const view = status({ holder: { job: running.job }, jobs: [skipped, running, failed, complete] });

    expect(view.running).toEqual({ job: running.job, startedAt: running.startedAt, rows: 5, stopping: false });
    expect(view.lastStarted?.job).toBe(running.job);
    expect(view.lastJob).toMatchObject({ job: failed.job, state: 'failed' });
    expect(view.lastCompleted).toEqual({ job: complete.job, at: complete.endedAt });
  });

  it('knows whether the running job was asked to stop, and not an earlier one', () => {
    const stopping = (stopRequested: string): boolean | undefined =>
      status({ holder: { job: 'b' }, control: { stopRequested } }).running?.stopping;

    expect([stopping('b'), stopping('a')]).toEqual([true, false]);
  });

  it('has no next run while it is paused', () => {
    const nextRun = '2026-11-22T09:30:00Z';

    expect(status({ nextRun }).nextRun).toBe(nextRun);
    expect(status({ nextRun, control: { pausedAt: nextRun } }).nextRun).toBeNull();
  });

  it('counts rows since midnight UTC by when jobs ended, the running one included', () => {
    const jobs = [
      running,
      complete,
      sampleRecord('2026-11-21T23:59:55Z', { [ORDERS]: 100 }),
      sampleRecord('2026-11-21T23:59:40Z', { [ORDERS]: 1000 }),
    ];
    const view = status({ holder: { job: running.job }, jobs, streams: [stream()] });

    expect(view.rowsToday).toBe(125);
    expect(view.streams[0]).toMatchObject({ rowsToday: 125, rowsLastJob: 20 });
  });

  it.each([
    ['pending', { tableVersion: null, activeVersion: null }],
    ['copying', { activeVersion: null, ranges: { done: 3, total: 12 } }],
    ['pending', { resetAt: '2026-11-22T08:50:00Z', bookmark: null }],
    ['complete', {}],
    ['failing', { error, ranges: { done: 3, total: 12 } }],
  ] as const)('of a stream is %s', (state, changes) => {
    expect(status({ streams: [stream(changes)] }).streams[0]?.state).toBe(state);
  });

  it('takes facts of a stream from what the ledger remembers', () => {
    const name = { database: 'shop', schema: 'public', table: 'orders' };
    const fresh = initialState({
      stream: ORDERS,
      name,
      method: 'INCREMENTAL',
      replicationKey: 'id',
      primaryKey: ['id'],
      destinationTable: 'orders',
      schemaHash: 'x',
      columns: [],
    });
    const start = { sequence: '1', oldestXid: '1', at: '2026-11-22T08:00:00Z' };
    const copying = { ...fresh, version: 9, copy: { start, total: 4, done: '0110', schemaHash: 'x', keyBookmark: null } };

    expect(streamFacts(fresh, null)).toMatchObject({ tableVersion: null, activeVersion: null, ranges: null, error: null });
    expect(streamFacts({ ...fresh, resetAt: '2026-11-22T08:50:00Z' }, 'id: 7')).toMatchObject({
      bookmark: null,
      resetAt: '2026-11-22T08:50:00Z',
    });
    expect(streamFacts(copying, 'id: 7')).toMatchObject({ tableVersion: 9, bookmark: 'id: 7', ranges: { done: 2, total: 4 } });
  });
});

describe('status as text', () => {
  it('shows state, times, next run, rows and streams', () => {
    const text = renderStatus(
      status({
        jobs: [complete],
        nextRun: '2026-11-22T09:30:00Z',
        streams: [
          stream(),
          stream({ stream: 'shop.public.users', activeVersion: null, ranges: { done: 3, total: 12 }, bookmark: null }),
        ],
        slots: [
          {
            database: 'shop',
            slot: 'backstitch_shop',
            plugin: 'pgoutput',
            confirmed: '0/17A0010',
            retainedBytes: 65_536,
            bookmark: '0/17A0020',
            behindBytes: 1_000,
            behindSeconds: 90,
            walStatus: 'extended',
            budgetUsed: 0.42,
          },
        ],
      }),
      NOW,
    );

    expect(text).toMatch(/^shop\n/);
    expect(text).toMatch(/^ {2}State +complete$/m);
    expect(text).toMatch(/^ {2}Last completed +2026-11-22 08:00:10 UTC \(59 min 50 s ago\)$/m);
    expect(text).toMatch(/^ {2}Next run +2026-11-22 09:30:00 UTC \(in 30 min 00 s\)$/m);
    expect(text).toMatch(/^ {2}Rows today +20 \(since midnight UTC\)$/m);
    expect(text).toMatch(/^shop\.public\.orders +INCREMENTAL +complete +3 +updated_at: x +20 +20$/m);
    expect(text).toMatch(/^shop\.public\.users +INCREMENTAL +copying 3 of 12 ranges +- +- +0 +0$/m);
    expect(text).toMatch(
      /^backstitch_shop +shop +pgoutput +0\/17A0010 +0\/17A0020 +1\.00 KB, 1 min 30 s +65\.5 KB +42 % +extended$/m,
    );
  });

  it('says that a stream was reset', () => {
    const text = renderStatus(
      status({ jobs: [complete], streams: [stream({ resetAt: '2026-11-22T08:50:00Z', bookmark: null })] }),
      NOW,
    );

    expect(text).toMatch(/^shop\.public\.orders +INCREMENTAL +reset, copied anew next +3 +- +20 +20$/m);
  });

  it('shows why streams fail and what to do', () => {
    const text = renderStatus(status({ jobs: [{ ...complete, state: 'partial' }], streams: [stream({ error })] }), NOW);

    expect(text).toContain('partial: 1 stream failed in the last job');
    expect(text).toContain(`${ORDERS}: connection-lost: ${error.message}\n  remedy: ${error.remedy}\n`);
  });

  it('says how to go on from a pause', () => {
    const text = renderStatus(status({ control: { pausedAt: '2026-11-22T07:00:00Z' } }), NOW);

    expect(text).toContain('paused since 2026-11-22 07:00:00 UTC; go on with: backstitch resume --integration shop');
    expect(text).toMatch(/Next run +none while paused/);
  });

  it('holds nothing that acts on a terminal', () => {
    const hostile = '\u001b[2J\u0007\r\u202e';
    const text = renderStatus(
      status({
        integration: `x${hostile}`,
        jobs: [{ ...failed, job: hostile, error: { ...error, message: `a\n${hostile}` } }],
        streams: [stream({ stream: hostile, bookmark: hostile, error })],
      }),
      NOW,
    );

    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
  });
});
