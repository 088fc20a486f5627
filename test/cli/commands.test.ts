import { describe, expect, it } from 'vitest';
import type { Catalog, Table } from '../../functions/engine/model/catalog.ts';
import { errorReport, ReplicationError } from '../../functions/engine/model/errors.ts';
import type { RunOutcome } from '../../functions/cli/workspace.ts';
import type { LoadingReport } from '../../functions/engine/model/report.ts';
import { statusOf } from '../../functions/engine/report/status.ts';
import { sampleRecord, sampleReport, sampleTable } from '../report/sample-report.ts';
import { fakeWorkspace } from './fake-workspace.ts';
import { runMain } from './run-main.ts';

const JOB = '20261122T081200.123Z-000042';
const two = { integrations: ['shop', 'crm'] } as const;
const lost = new ReplicationError('connection-lost', { host: 'db', port: 5432, reason: 'ECONNRESET' });

describe('run', () => {
  const finished = (changes: Partial<LoadingReport>): RunOutcome => ({ state: 'finished', report: sampleReport(changes) });
  const outcomes: readonly (readonly [string, RunOutcome, number, string])[] = [
    ['a complete job', finished({}), 0, '1,204 rows of 1 table in 1 object'],
    ['a partial job', finished({ state: 'partial' }), 1, 'partial'],
    ['a failed job', finished({ state: 'failed', error: errorReport(lost) }), 1, 'connection-lost'],
    ['a stopped job', finished({ state: 'stopped' }), 3, 'stopped'],
    [
      'a busy integration',
      { state: 'busy', job: JOB, expiresAt: '2026-11-22T09:10:00Z' },
      0,
      `shop is busy with job ${JOB}: nothing was started.`,
    ],
    ['a paused integration', { state: 'paused', pausedAt: '2026-11-22T08:00:00Z' }, 0, 'backstitch resume --integration shop'],
  ];
  it.each(outcomes)('ends %s with its exit code', async (_, outcome, code, text) => {
    const result = await runMain(['run'], { workspace: fakeWorkspace({ run: async () => outcome }) });

    expect(result).toMatchObject({ code, err: '' });
    expect(result.out).toContain(text);
  });

  it('prints the outcome as one JSON document with --json', async () => {
    const { documents, err } = await runMain(['run', '--json']);

    expect(documents).toEqual([{ integration: 'shop', state: 'finished', report: sampleReport() }]);
    expect(err).toBe('');
  });

  it('counts as manual unless it says that it is scheduled', async () => {
    const workspace = fakeWorkspace();
    await runMain(['run'], { workspace });
    await runMain(['run', '--scheduled'], { workspace });

    expect(workspace.calls.filter((call) => call.startsWith('run'))).toEqual([
      'run shop {"trigger":"manual"}',
      'run shop {"trigger":"schedule"}',
    ]);
  });

  it('runs all integrations one after the other, goes on after an error, and ends with the worst code', async () => {
    const ran: string[] = [];
    const workspace = fakeWorkspace({
      integrations: ['shop', 'crm', 'erp'],
      run: async (integration) => {
        ran.push(integration);
        if (integration === 'crm') throw lost;
        return { state: 'finished', report: sampleReport({ integration }) };
      },
    });
    const { code, err } = await runMain(['run'], { workspace });

    expect(ran).toEqual(['shop', 'crm', 'erp']);
    expect(code).toBe(1);
    expect(err).toContain(
      'error connection-lost (crm): The connection to PostgreSQL at db:5432 was lost (ECONNRESET).\nremedy: ',
    );
    expect(workspace.calls).toContain('disposed');
  });

  it('shows progress neither in a pipe nor with --json', async () => {
    expect((await runMain(['run'])).err).toBe('');
    expect((await runMain(['run', '--json'], { terminal: true })).err).toBe('');
    expect((await runMain(['run'], { terminal: true })).err).toContain('shop  reading the structure');
  });
});

describe('discover', () => {
  const table: Table = {
    name: { database: 'shop', schema: 'public', table: 'Weird "Name"\u001b]0;owned\u0007' },
    oid: 1,
    kind: 'partitioned-table',
    columns: [],
    primaryKey: ['id'],
    replicaIdentity: 'default',
    estimatedRows: 1_234_567,
    bytes: 98_000_000,
    storage: [],
    rowSecurity: true,
  };
  const catalog: Catalog = {
    server: { version: 90_603, inRecovery: true },
    databases: [
      { state: 'read', name: 'shop', tables: [table] },
      { state: 'unreachable', name: 'secret', code: '42501', message: 'permission denied' },
    ],
    at: '2026-11-22T08:12:00Z',
  };
  const workspace = fakeWorkspace({
    discover: async () => ({ catalog, singer: { streams: [{ tap_stream_id: 'shop-public-orders\u009b' }] } }),
  });

  it('prints tables with size, rows and key, and nothing that acts on the terminal', async () => {
    const { out, code } = await runMain(['discover'], { workspace });

    expect(code).toBe(0);
    expect(out).toContain('PostgreSQL 9.6.3, a replica, 1 table\n');
    expect(out).toContain('warning: database secret was left out: permission denied\n');
    expect(out).toMatch(
      /^shop\.public\."Weird ""Name""\\u001b\]0;owned\\u0007" {2}partitioned table, row security +1,234,567 {2}98\.0 MB +0 {2}id$/m,
    );
    expect(out.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });

  it('prints the Singer catalog with --json, its control characters escaped', async () => {
    const { documents, out } = await runMain(['discover', '--json'], { workspace });

    expect(documents).toEqual([{ streams: [{ tap_stream_id: 'shop-public-orders\u009b' }] }]);
    expect(out).toContain('shop-public-orders\\u009b');
  });
});

describe('plan', () => {
  const view = {
    integration: 'shop',
    streams: [
      {
        stream: 'shop.public.orders',
        method: 'INCREMENTAL',
        action: 'start-copy',
        reason: 'method-changed',
        destinationTable: 'orders',
        tableVersion: 1,
        bookmark: null,
        units: 12,
        estimatedRows: 5_000_000,
        bytes: 2_000_000_000,
      },
    ],
    skipped: [{ stream: 'shop.public.audit', reason: 'not-selected' }],
    warnings: ['odd'],
  } as const;

  it('prints units, why a copy begins, and skips with their reasons', async () => {
    const { out, code } = await runMain(['plan'], { workspace: fakeWorkspace({ plan: async () => view }) });

    expect(code).toBe(0);
    expect(out).toContain('shop  12 units for 1 stream\n');
    expect(out).toMatch(
      /^shop\.public\.orders {2}INCREMENTAL {2}copy \(method-changed\) +- +12 +5,000,000 {2}2\.00 GB {2}orders$/m,
    );
    expect(out).toMatch(/^shop\.public\.audit +not-selected$/m);
    expect(out).toContain('warning: odd\n');
  });

  it('prints problems of the selection with their remedies, and ends as a configuration error', async () => {
    const error = errorReport(new ReplicationError('replication-key-missing', { stream: 'shop.public.orders' }));
    const problems = [{ stream: 'shop.public.orders', error }];
    const { out, code } = await runMain(['plan'], { workspace: fakeWorkspace({ plan: async () => ({ ...view, problems }) }) });

    expect(code).toBe(2);
    expect(out).toContain(`error replication-key-missing (shop.public.orders): ${error.message}\nremedy: ${error.remedy}\n`);
  });

  it('prints the view with --json', async () => {
    const { documents } = await runMain(['plan', '--json'], { workspace: fakeWorkspace({ plan: async () => view }) });

    expect(documents).toEqual([view]);
  });
});

describe('status', () => {
  const failing = statusOf({
    integration: 'shop',
    now: new Date('2026-11-22T09:00:00Z'),
    control: {},
    jobs: [sampleRecord('2026-11-22T08:12:00Z', {}, { state: 'failed', error: errorReport(lost) })],
    streams: [],
  });
  const workspace = fakeWorkspace({ status: async () => failing });

  it('shows state, error and remedy', async () => {
    const { out, code } = await runMain(['status'], { workspace });

    expect(code).toBe(0);
    expect(out).toMatch(/^ {2}State +failing$/m);
    expect(out).toMatch(/^ {2}Error +connection-lost: The connection/m);
    expect(out).toMatch(/^ {2}Remedy +The next run continues/m);
  });

  it('fails with --exit-code where an integration does', async () => {
    expect((await runMain(['status', '--exit-code'], { workspace })).code).toBe(1);
    expect((await runMain(['status', '--exit-code'])).code).toBe(0);
  });

  it('prints one JSON document for each integration', async () => {
    const { documents } = await runMain(['status', '--json'], { workspace: fakeWorkspace(two) });

    expect(documents).toMatchObject([
      { integration: 'shop', state: 'complete' },
      { integration: 'crm', state: 'complete' },
    ]);
  });
});

describe('demo', () => {
  it('tells its story, then the reports, the place of the files and how to look into them', async () => {
    const requests: unknown[] = [];
    const { out, code, opened } = await runMain(['demo', '--source', 'postgres://me@localhost/shop', '-d', 'here'], {
      runDemo: async ({ directory, source, say }) => {
        requests.push({ directory, source });
        say('Starting PostgreSQL');
        return {
          reports: [sampleReport()],
          output: 'here/out',
          configPath: 'here/backstitch.yaml',
          lookInto: ['duckdb -c "select 1"'],
        };
      },
    });

    expect(code).toBe(0);
    expect(requests).toEqual([{ directory: 'here', source: 'postgres://me@localhost/shop' }]);
    expect(opened).toEqual([]);
    const places = [
      'Starting PostgreSQL\n',
      `job ${JOB}`,
      'The files are in here/out\n',
      '  duckdb -c "select 1"\n',
      'backstitch status --config here/backstitch.yaml',
    ].map((text) => out.indexOf(text));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places).not.toContain(-1);
  });

  it('keeps standard output for JSON with --json, and fails where a job of it did', async () => {
    const outcome = {
      reports: [sampleReport({ state: 'partial', tables: [sampleTable()] })],
      output: 'o',
      configPath: 'c',
      lookInto: [],
    };
    const { documents, err, code } = await runMain(['demo', '--json'], {
      runDemo: async ({ say }) => {
        say('Hello');
        return outcome;
      },
    });

    expect(documents).toEqual([outcome]);
    expect(err).toBe('Hello\n');
    expect(code).toBe(1);
  });
});
