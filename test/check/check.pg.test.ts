import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckReport } from '../../functions/engine/check/finding.ts';
import { openLocal } from '../../functions/local.ts';
import { eventually, newestMajor, onServer, startServer, startStandby } from '../support/postgres.ts';
import type { TestDatabase, TestServer } from '../support/postgres.ts';
import { applyFix } from './run-script.ts';

let folder: string;
let server: TestServer;
let database: TestDatabase;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'backstitch-check-'));
  server = await startServer(newestMajor, {
    hba: [
      'host all barred 127.0.0.1/32 reject',
      'host all sworn 127.0.0.1/32 scram-sha-256',
      'host all all 127.0.0.1/32 trust',
      'host replication all 127.0.0.1/32 trust',
    ],
  });
  await onServer(server, async (admin) => {
    await admin.query(`create role sworn login password 'right'`);
    await admin.query(`create role barred login`);
    await admin.query(`create role reader login`);
  });
  database = await server.createDatabase();
  await database.query(
    'create table one (id int primary key, at timestamptz not null); create index on one (at); grant select on one to reader, sworn',
  );
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

interface Setting {
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  readonly user?: string;
  readonly more?: string;
  readonly lines?: readonly string[];
}

async function check(setting: Setting = {}): Promise<CheckReport> {
  const configPath = join(folder, 'backstitch.yaml');
  const connection = {
    host: setting.host ?? server.host,
    port: String(setting.port ?? server.port),
    database: setting.database ?? database.database,
    databases: `[${setting.database ?? database.database}]`,
    user: setting.user ?? 'reader',
  };
  const text = Object.entries(connection).map(([key, value]) => `${key}: ${value}`);
  const more = setting.more ?? 'ssl: { mode: disable }';
  await writeFile(
    configPath,
    [
      'destination: { url: file:./out }',
      'state: { url: file:./state }',
      'integrations:',
      '  - name: shop',
      `    connection: { ${[...text, more].join(', ')} }`,
      ...(setting.lines ?? ['tables: [{ table: public.one, method: INCREMENTAL, replicationKey: at }]']).map(
        (line) => `    ${line}`,
      ),
    ].join('\n'),
  );
  await using workspace = await openLocal({ configPath, env: { WRONG: 'wrong', RIGHT: 'right' } });
  return await workspace.check('shop', AbortSignal.timeout(60_000));
}

describe('a connection that fails', () => {
  const cases: readonly (readonly [what: string, setting: () => Setting, code: string, fix: string, text: string])[] = [
    ['an unknown host name', () => ({ host: 'no-such-host.invalid' }), 'host-unknown', '', 'no-such-host.invalid'],
    ['a closed port', () => ({ port: 1 }), 'host-unreachable', 'command', 'ECONNREFUSED'],
    ['a server without TLS', () => ({ more: 'ssl: { mode: require }' }), 'tls-failed', 'config', 'does not offer TLS'],
    [
      'a wrong password',
      () => ({ user: 'sworn', more: 'password: { env: WRONG }, ssl: { mode: disable }' }),
      'login-failed',
      'sql',
      'sworn',
    ],
    ['a line of pg_hba.conf that bars', () => ({ user: 'barred' }), 'login-failed', 'parameter', 'barred'],
    ['a role that does not exist', () => ({ user: 'nobody' }), 'login-failed', 'parameter', 'nobody'],
    ['a database that does not exist', () => ({ database: 'nowhere' }), 'database-missing', 'sql', 'nowhere'],
    [
      'a secret that is not there',
      () => ({ user: 'sworn', more: 'password: { env: NOT_SET }, ssl: { mode: disable }' }),
      'secret-missing',
      'config',
      'NOT_SET',
    ],
  ];
  it.each(cases)('%s has a finding of its own, and the stores are checked all the same', async (_, setting, code, fix, text) => {
    const report = await check(setting());

    expect(report).toMatchObject({ ok: false, server: null });
    expect(report.findings.filter(({ area }) => area !== 'connection')).toEqual([]);
    const found = report.findings.find(({ severity }) => severity === 'error');
    expect(found).toMatchObject({ code });
    if (fix !== '') expect(found?.fix.kind).toBe(fix);
    expect(found?.what).toContain(text);
    expect(JSON.stringify(report)).not.toMatch(/wrong"|"right/);
  });
});

it('is free of errors where all is well, and leaves nothing behind', async () => {
  const report = await check({ user: 'sworn', more: 'password: { env: RIGHT }, ssl: { mode: disable }' });

  expect(report.findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  expect(report).toMatchObject({ ok: true, streams: { FULL_TABLE: 0, INCREMENTAL: 1, LOG_BASED: 0 } });
  const left = await readdir(folder, { recursive: true, withFileTypes: true });
  expect(
    left
      .filter((entry) => entry.isFile())
      .map((entry) => entry.name)
      .filter((name) => name !== 'backstitch.yaml'),
  ).toEqual([]);
});

it('explains each name of the configuration that leads nowhere', async () => {
  await database.query(
    'create table hidden (id int primary key); create table "Twice" (id int); create table twice (id int); grant select on "Twice", twice to reader',
  );
  const report = await check({
    lines: [
      'defaultReplicationMethod: FULL_TABLE',
      'tables: [{ table: public.hidden }, { table: public.nonsense }, { table: Twice }, { table: twice }]',
    ],
  });

  const codes = report.findings
    .filter(({ severity }) => severity === 'error')
    .map(({ code, where }) => `${code} ${where.replace(database.database, 'db')}`);
  expect([...new Set(codes)].sort()).toEqual([
    'destination-collision db.public.Twice',
    'destination-collision db.public.twice',
    'select-missing db.public.hidden',
    'table-missing db.public.nonsense',
  ]);
});

describe('a replica', () => {
  it('has its parameters checked, and is refused for the log where it cannot decode', async () => {
    const primary = await startServer(15);
    const own = await primary.createDatabase();
    await own.query('create table one (id int primary key, at timestamptz not null); create index on one (at)');
    const standby = await startStandby(primary);
    try {
      const at = { port: standby.port, database: own.database, user: 'postgres' };
      await eventually('the standby has the table', async () => (await check(at)).streams.INCREMENTAL === 1);
      const report = await check(at);

      expect(report).toMatchObject({ ok: true, server: { inRecovery: true } });
      const found = report.findings.filter(({ code }) => code.startsWith('standby-'));
      expect(found.map(({ code }) => code).sort()).toEqual([
        'standby-archive-delay-short',
        'standby-feedback-off',
        'standby-streaming-delay-short',
      ]);
      for (const { fix } of found) await applyFix(standby, 'postgres', fix.text);
      await eventually(
        'the parameters are in force',
        async () => !(await check(at)).findings.some(({ code }) => code.startsWith('standby-')),
      );

      const logged = await check({ ...at, lines: ['tables: [{ table: public.one, method: LOG_BASED }]'] });
      expect(logged.findings.filter(({ severity }) => severity === 'error')).toMatchObject([
        { code: 'primary-needed', fix: { kind: 'config' } },
      ]);
    } finally {
      await standby[Symbol.asyncDispose]();
      await own[Symbol.asyncDispose]();
      await primary[Symbol.asyncDispose]();
    }
  });
});

describe('a thousand tables', () => {
  beforeAll(async () => {
    await database.query(`
      create schema many;
      do $$ begin for n in 1..1000 loop
        execute format('create table many.t%s (id int primary key, a text, b numeric, c jsonb, updated_at timestamptz)', n);
      end loop; end $$;
      grant usage on schema many to reader; grant select on all tables in schema many to reader`);
  });

  it('are checked in one pass', async () => {
    const report = await check({
      lines: ['defaultReplicationMethod: LOG_BASED', 'selectAll: true', 'includeSchemaInTableName: true'],
    });

    expect(report.streams.LOG_BASED).toBeGreaterThanOrEqual(1000);
    expect(report.findings.length).toBeLessThan(20);
  });
});
