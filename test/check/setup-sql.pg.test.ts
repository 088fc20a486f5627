import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckReport, Finding } from '../../functions/engine/check/finding.ts';
import { majors, startServer } from '../support/postgres.ts';
import type { TestDatabase, TestServer } from '../support/postgres.ts';
import { openTestWorkspace } from '../support/workspace.ts';
import type { TestWorkspace } from '../support/workspace.ts';
import { applyFix, runScript, tracesOf } from './run-script.ts';

const ROLE = 'back "stitch"';

const NAMED = [
  'connections: 2',
  'logBased: { plugin: pgoutput, createSlot: false }',
  'defaultReplicationMethod: FULL_TABLE',
  'tables:',
  '  - { table: "app.plain" }',
  '  - { table: "app.by_key", method: INCREMENTAL, replicationKey: updated_at }',
  '  - { table: "app.logged", method: LOG_BASED }',
  '  - { table: "app.no_key", method: LOG_BASED }',
  `  - { table: 'app."Weird ""Name"""', method: LOG_BASED }`,
  '  - { table: "app.parted", method: LOG_BASED }',
  '  - { table: "app.people", columns: { exclude: [ssn] } }',
  '  - { table: "app.papers", columns: { include: [title] } }',
  '  - { view: "app.totals", primaryKey: [id] }',
];

const SCHEMA = `
  create schema app;
  create table app.plain (id int primary key, note text);
  create table app.by_key (id int primary key, updated_at timestamptz not null);
  create index on app.by_key (updated_at);
  create table app.logged (id int primary key, note text);
  create table app.no_key (n int);
  create table app."Weird ""Name""" ("a.b" int primary key);
  create table app.parted (id int, day date not null) partition by range (day);
  create table app.parted_1 partition of app.parted for values from ('2026-01-01') to ('2027-01-01');
  create table app.people (id int primary key, name text, ssn text);
  create table app.papers (id int primary key, title text, body text);
  create table app.secret (id int primary key);
  create view app.totals as select id, count(*) as n from app.plain group by id;`;

describe.each(majors)('setup-sql and check on PostgreSQL %i', (major) => {
  let server: TestServer;
  let database: TestDatabase;
  let workspace: TestWorkspace;

  beforeAll(async () => {
    server = await startServer(major, { conf: { wal_level: 'logical' } });
    database = await server.createDatabase();
    await database.query(SCHEMA);
    workspace = await openTestWorkspace({ ...server, database: database.database, user: `'${ROLE}'` }, { lines: NAMED });
  });
  afterAll(async () => {
    await workspace[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const script = async (direction: 'grant' | 'revoke', names: 'as-written' | 'connected' = 'as-written'): Promise<string> => {
    await using open = await workspace.open();
    return await open.setupSql('shop', { direction, names, password: 'variable' }, AbortSignal.timeout(60_000));
  };
  const check = async (): Promise<CheckReport> => {
    await using open = await workspace.open();
    return await open.check('shop', AbortSignal.timeout(60_000));
  };
  const errors = ({ findings }: CheckReport): readonly Finding[] => findings.filter(({ severity }) => severity === 'error');

  it('makes check free of errors for every method, run twice on nothing, and grants no more than is selected', async () => {
    const sql = await script('grant');
    await runScript(server, sql, { password: 'x' });
    const traces = await tracesOf(server, 'back', database.database);
    await runScript(server, sql);

    expect(await tracesOf(server, 'back', database.database)).toEqual(traces);
    const report = await check();
    expect(errors(report)).toEqual([]);
    expect(report).toMatchObject({
      ok: true,
      streams: { FULL_TABLE: 4, INCREMENTAL: 1, LOG_BASED: 4 },
      server: { inRecovery: false },
    });
    expect(traces).toContain('column title');
    expect(traces).not.toContain('column ssn');
    expect(traces).not.toContain('table secret');
    expect(sql).not.toContain("password 'x");
  });

  it('lets a job run to its end as that role', async () => {
    const report = await workspace.run();

    expect(
      report.tables.map(({ stream, error }) => [stream, error?.message ?? null]).filter(([, error]) => error !== null),
    ).toEqual([]);
    expect(report.state).toBe('complete');
  });

  it('says the same with names that were looked up', async () => {
    const connected = await script('grant', 'connected');
    const statements = (text: string): string =>
      text
        .split('\n')
        .filter((line) => !line.startsWith('--'))
        .join('\n');

    expect(statements(connected)).toBe(statements(await script('grant')));
  });

  const role = `"back ""stitch"""`;
  const cases: readonly (readonly [code: string, undo: string])[] = [
    ['schema-usage-missing', `revoke usage on schema app from ${role}`],
    ['select-missing', `revoke select on app.plain from ${role}`],
    ['select-missing', `revoke select on app.totals from ${role}`],
    ['column-select-missing', `revoke select (title) on app.papers from ${role}`],
    ['column-select-missing', `revoke select (id) on app.people from ${role}`],
    ['replication-right-missing', `alter role ${role} noreplication`],
    ['publication-right-missing', `alter publication backstitch_DB drop table app.logged`],
    ['publication-right-missing', `drop publication backstitch_DB`],
    ['publication-right-missing', `alter publication backstitch_DB set (publish = 'insert')`],
    ['replica-identity-missing', `alter table app.no_key replica identity nothing`],
    ['replica-identity-missing', `alter table app.parted_1 replica identity default`],
    ['transactions-hidden', `revoke pg_read_all_stats from ${role}`],
    ['key-not-indexed', `drop index app.by_key_updated_at_idx`],
    ['key-nullable', `alter table app.by_key alter column updated_at drop not null`],
    ['too-many-connections', `alter role ${role} connection limit 1`],
    ['slot-missing', `select pg_drop_replication_slot('backstitch_DB')`],
    ['row-security-active', `alter table app.plain enable row level security`],
  ];
  it.each(cases)('finds %s after: %s; and what it says cures that', async (code, undo) => {
    await database.query(undo.replaceAll('DB', database.database));
    const found = (await check()).findings.find((finding) => finding.code === code);

    expect(found).toMatchObject({ fix: { kind: 'sql' } });
    await applyFix(server, database.database, found?.fix.text ?? '');
    expect((await check()).findings.map((finding) => finding.code)).not.toContain(code);
  });

  it('tells a refused database from one that does not exist, and cures the first', async () => {
    await database.query(`revoke connect on database ${database.database} from public, ${role}`);
    const refused = await check();

    expect(refused).toMatchObject({ ok: false, server: null });
    expect(refused.findings[0]).toMatchObject({ code: 'database-missing', area: 'connection', fix: { kind: 'sql' } });
    await applyFix(server, 'postgres', refused.findings[0]?.fix.text ?? '');
    expect((await check()).ok).toBe(true);
  });

  it('is undone by its twin, run twice', async () => {
    const sql = await script('revoke');
    await runScript(server, sql);
    await runScript(server, sql);

    expect(await tracesOf(server, 'back', database.database)).toEqual([]);
  });

  it('covers Select All, and tables to come', async () => {
    await workspace.configure({
      lines: [
        'defaultReplicationMethod: LOG_BASED',
        'selectAll: true',
        'logBased: { plugin: pgoutput, createSlot: false }',
        'includeSchemaInTableName: true',
        'tables: [{ table: app.secret, selected: false }]',
      ],
    });
    const sql = await script('grant');
    await runScript(server, sql);
    await runScript(server, sql);
    const report = await check();

    expect(errors(report)).toEqual([]);
    expect(report.findings.map(({ code }) => code)).not.toContain('default-privileges-missing');
    expect(report.streams.LOG_BASED).toBe(8);
    await database.query('create schema later; create table later.fresh (id int primary key)');
    const later = await check();
    expect(later.streams.LOG_BASED).toBe(9);
    expect(errors(later).map(({ code, fix }) => [code, fix.kind])).toEqual([['publication-right-missing', 'sql']]);
    await runScript(server, sql);
    expect(errors(await check())).toEqual([]);

    await database.query(
      'create role somebody; grant usage, create on schema app to somebody; set role somebody; create table app.theirs (id int primary key); reset role',
    );
    const foreign = (await check()).findings.filter(
      ({ code }) => code === 'default-privileges-missing' || code === 'tables-unreadable',
    );
    expect(foreign.map(({ code }) => code).sort()).toEqual(['default-privileges-missing', 'tables-unreadable']);
    for (const { fix } of foreign) await applyFix(server, database.database, fix.text);
    expect((await check()).findings.map(({ code }) => code)).not.toContain('default-privileges-missing');
    await runScript(server, await script('revoke'));
    expect(await tracesOf(server, 'back', database.database)).toEqual([]);
  });
});
