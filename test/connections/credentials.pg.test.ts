import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import { never, rejection, settingsFor } from '../source/support.ts';
import { newestMajor, startServer } from '../support/postgres.ts';
import type { TestDatabase, TestServer } from '../support/postgres.ts';
import { load, openTestWorkspace } from '../support/workspace.ts';
import type { TestWorkspace } from '../support/workspace.ts';
import { startSecretsManager } from './secrets-manager.ts';
import type { SecretsManager } from './secrets-manager.ts';
import { configureConnection } from './support.ts';

const ROWS = 20_000;
const LINES = ['tables:', '  - { table: public.items, method: FULL_TABLE }', 'rangeBytes: 262144', 'connections: 2'];

let server: TestServer;
let db: TestDatabase;
let manager: SecretsManager;

beforeAll(async () => {
  server = await startServer(newestMajor, { hba: ['host all reader 127.0.0.1/32 scram-sha-256'] });
  db = await server.createDatabase({ sessionsAtEnd: 'any' });
  await db.query(`
    create role reader login password 'first';
    create table items (id bigint primary key, label text not null);
    grant select on items to reader;
    insert into items select n, 'item ' || n || repeat('x', 100) from generate_series(1, ${String(ROWS)}) n;
    analyze items`);
  manager = await startSecretsManager();
});

afterAll(async () => {
  await manager[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

async function setPassword(password: string): Promise<void> {
  await db.query(`alter role reader password '${password}'`);
}

async function workspaceWith(password: Readonly<Record<string, unknown>>): Promise<TestWorkspace> {
  const ws = await openTestWorkspace(db, { lines: LINES });
  const { host, port, database } = db;
  await configureConnection(
    ws,
    { host, port, database, databases: [database], user: 'reader', password, ssl: { mode: 'disable' } },
    LINES,
  );
  return ws;
}

describe('a password', () => {
  it('may be rotated between two jobs, and while one runs', async () => {
    await setPassword('first');
    await using ws = await workspaceWith({ file: './password' });
    const file = join(ws.folder, 'password');
    await writeFile(file, 'first\n');
    const first = await ws.run();
    await setPassword('second');
    const stale = await ws.run();
    await writeFile(file, 'second');
    const second = await ws.run();
    let rotated: Promise<void> | undefined;
    const rotate = async (): Promise<void> => {
      // Nobody logs in between the two: a password that is wrong, and still the same when it is read again, is not tried again.
      await db.query(`begin; lock table pg_catalog.pg_authid in access exclusive mode`);
      await setPassword('third');
      await writeFile(file, 'third');
      await db.query('commit');
      await db.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'reader'`);
    };
    await using workspace = await ws.open();
    const third = await workspace.run('shop', {
      trigger: 'manual',
      progress: (event) => {
        if (event.kind === 'rows') rotated ??= rotate();
      },
      stop: never(),
      abort: never(),
    });
    await rotated;

    expect([first.state, stale.state, second.state]).toEqual(['complete', 'failed', 'complete']);
    expect(stale.error).toMatchObject({ code: 'login-failed' });
    expect(third).toMatchObject({ state: 'finished', report: { state: 'complete', tables: [{ rows: ROWS }] } });
    expect(rotated).toBeDefined();
    const { rows } = await load(ws.folder, await ws.reports());
    expect(new Set(rows.get(`${db.database}.public.items`)?.map((row) => row['id'])).size).toBe(ROWS);
  });

  it('is read from the JSON that RDS keeps, and read again where a rotation comes between reading and logging in', async () => {
    const secret = (password: string): string =>
      JSON.stringify({ username: 'reader', password, engine: 'postgres', host: 'elsewhere', port: 5432, dbname: 'other' });
    await setPassword('old one');
    manager.secrets.set('rds!db-1', secret('old one'));
    await using ws = await workspaceWith({ secret: 'rds!db-1' });
    // As in a rotation: the server has the new password a moment before the secret shows it.
    manager.beforeRead = async (count) => {
      if (count === 0) await setPassword('new "one" {}');
      if (count === 1) manager.secrets.set('rds!db-1', secret('new "one" {}'));
    };

    const report = await ws.run();
    await ws.run();

    expect(report).toMatchObject({ state: 'complete', tables: [{ rows: ROWS }] });
    expect(manager.reads.slice(0, 2)).toEqual([secret('old one'), secret('new "one" {}')]);
    // Nothing is kept: each login reads.
    expect(manager.reads.length).toBeGreaterThan(2);
    expect(JSON.stringify(ws.events)).not.toContain('new \\"one');
  });

  it('is not tried again where it is still the same', async () => {
    await setPassword('right');
    const failures = async (): Promise<number> =>
      (await server.log()).split('password authentication failed for user "reader"').length;
    const before = await failures();
    let reads = 0;
    const password = async (): Promise<string> => {
      reads += 1;
      return 'wrong';
    };

    const error = await rejection(connect(settingsFor(db, { user: 'reader', password }), never()));

    expect(error).toMatchObject({ code: 'login-failed', message: expect.stringContaining('28P01') });
    expect(reads).toBe(2);
    expect((await failures()) - before).toBe(1);
  });

  it('is tried twice and no more, however often it changes', async () => {
    await setPassword('right');
    let reads = 0;
    const password = async (): Promise<string> => `wrong ${String((reads += 1))}`;

    const error = await rejection(connect(settingsFor(db, { user: 'reader', password }), never()));

    expect(error).toMatchObject({ code: 'login-failed' });
    expect(reads).toBe(2);
  });

  it('is not read again for a user whom the server does not let in at all', async () => {
    let reads = 0;
    const password = async (): Promise<string> => `wrong ${String((reads += 1))}`;

    const error = await rejection(connect(settingsFor(db, { user: 'nobody_in_hba', password }), never()));

    expect(error).toMatchObject({ code: 'login-failed', message: expect.stringContaining('28000') });
    expect(reads).toBe(0);
  });
});
