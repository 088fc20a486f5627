import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createDatabase, eventually, newestMajor, onServer, startServer } from '../support/postgres.ts';
import type { ServerAddress, TestServer } from '../support/postgres.ts';
import { startProxy } from '../support/proxy.ts';
import { load, newest, openTestWorkspace } from '../support/workspace.ts';
import { attemptRun, objectsOf, writtenText } from './support/attempt.ts';

const FULL = ['tables: [{ table: public.items, method: FULL_TABLE }]'];
const PASSWORD = 'the-right-one';
const never = new AbortController().signal;

async function fill(on: { query(sql: string): Promise<unknown> }, rows = 10): Promise<void> {
  await on.query(`
    create table items (id bigint primary key, label text not null, updated_at timestamptz not null);
    create index on items (updated_at);
    insert into items select n, 'item ' || n || repeat('x', 100), now() - interval '1 hour' + n * interval '1 microsecond' from generate_series(1, ${String(rows)}) n;
    create view latest as select * from items;
    analyze items`);
}

/** What the server says to whoever wants a session now. */
async function refusal(server: ServerAddress): Promise<unknown> {
  return onServer(server, async () => undefined).catch((error: unknown) =>
    error instanceof Error && 'code' in error ? error.code : undefined,
  );
}

/** Lets the next start of a stopped server wait for WAL from an archive, until there is a file `go`. */
async function recoverUntil(server: TestServer, go: string): Promise<void> {
  const restore = `while [ ! -e '${go}' ]; do sleep 0.05; done; false`;
  // PostgreSQL 12 moved the settings of recovery.conf into postgresql.conf.
  const file = join(server.dataDirectory, server.major >= 12 ? 'recovery.signal' : 'recovery.conf');
  await writeFile(file, server.major >= 12 ? '' : `restore_command = '${restore.replaceAll("'", "''")}'\n`);
  await chmod(file, 0o666);
  server.configure({ hot_standby: 'off', ...(server.major >= 12 ? { restore_command: restore } : {}) });
}

describe('a login that the server refuses', () => {
  test.each([
    ['a wrong password', 'backstitch', 'not-the-right-one', 'login-failed'],
    ['a user that does not exist', 'nobody_at_all', PASSWORD, 'login-failed'],
    ['a user that pg_hba.conf does not let in', 'outsider', PASSWORD, 'login-failed'],
  ])('%s is said with user and server, and the password nowhere', async (_, user, password, code) => {
    await using server = await startServer(newestMajor, {
      hba: ['host all backstitch 127.0.0.1/32 scram-sha-256', 'host all nobody_at_all 127.0.0.1/32 scram-sha-256'],
    });
    await using db = await server.createDatabase();
    await fill(db);
    await db.query(
      `create role backstitch login password '${PASSWORD}'; create role outsider login; grant select on items to backstitch`,
    );
    await using ws = await openTestWorkspace(
      { host: server.host, port: server.port, database: db.database, user },
      { lines: FULL },
    );
    const text = await readFile(ws.configPath, 'utf8');
    await writeFile(ws.configPath, text.replace(`user: ${user}`, `user: ${user}, password: { env: DB_PASSWORD }`));

    const attempt = await attemptRun(ws, { DB_PASSWORD: password });

    expect(attempt).toMatchObject({ exitCode: 1, error: { code }, report: { state: 'failed', tables: [] } });
    expect(attempt.error?.message).toContain(`"${user}"`);
    expect(attempt.error?.message).toContain(`${server.host}:${String(server.port)}`);
    expect(attempt.said + (await writtenText(ws))).not.toContain(password);
    expect(await objectsOf(ws)).toEqual([]);
  });

  test('a password that is not in the environment: the name of the variable is said', async () => {
    await using server = await startServer(newestMajor, { hba: ['host all backstitch 127.0.0.1/32 scram-sha-256'] });
    await using db = await server.createDatabase();
    await fill(db);
    await db.query(`create role backstitch login password '${PASSWORD}'`);
    await using ws = await openTestWorkspace(
      { host: db.host, port: db.port, database: db.database, user: 'backstitch' },
      { lines: FULL },
    );
    const text = await readFile(ws.configPath, 'utf8');
    await writeFile(ws.configPath, text.replace('user: backstitch', 'user: backstitch, password: { env: DB_PASSWORD }'));

    const attempt = await attemptRun(ws);

    expect(attempt).toMatchObject({ exitCode: 1, error: { code: 'secret-missing' } });
    expect(attempt.error?.message).toContain('DB_PASSWORD');
    expect(await objectsOf(ws)).toEqual([]);
  });

  test('a database that does not exist', async () => {
    await using db = await createDatabase(newestMajor);
    await using ws = await openTestWorkspace({ host: db.host, port: db.port, database: 'no_such_database' }, { lines: FULL });

    const attempt = await attemptRun(ws);

    expect(attempt).toMatchObject({ exitCode: 1, error: { code: 'database-missing' } });
    expect(attempt.error?.message).toContain('no_such_database');
    expect(await objectsOf(ws)).toEqual([]);
  });
});

test('a server that is starting up is said so, and the next run completes', async () => {
  await using server = await startServer(newestMajor);
  await using db = await server.createDatabase({ sessionsAtEnd: 'any' });
  await fill(db);
  await using ws = await openTestWorkspace(db, { lines: FULL });
  const go = join(server.dataDirectory, 'go');
  await server.stop('fast');
  await recoverUntil(server, go);
  const started = server.start();
  await eventually('the server says that it starts up', async () => (await refusal(server)) === '57P03');

  const refused = await attemptRun(ws);
  const objects = await objectsOf(ws);
  await writeFile(go, '');
  await started;
  const next = await attemptRun(ws);

  expect(refused).toMatchObject({ exitCode: 1, error: { code: 'server-not-ready' }, report: { state: 'failed', tables: [] } });
  expect(objects).toEqual([]);
  expect(refused.error?.message).toContain('57P03');
  expect(refused.error?.message).toContain(`${server.host}:${String(server.port)}`);
  expect(next).toMatchObject({ exitCode: 0, report: { state: 'complete', tables: [{ rows: 10 }] } });
});

test('a server that is shutting down is said so, and the next run completes', async () => {
  await using server = await startServer(newestMajor);
  await using db = await server.createDatabase();
  // A smart shutdown waits for this session and takes no new one.
  const session = await db.connect();
  await fill(session);
  await using ws = await openTestWorkspace(db, { lines: FULL });
  const stopped = server.stop('smart');
  await eventually('the server says that it shuts down', async () => (await refusal(server)) === '57P03');

  const refused = await attemptRun(ws);
  const objects = await objectsOf(ws);
  await session.end();
  await stopped;
  await server.start();
  const next = await attemptRun(ws);

  expect(refused).toMatchObject({ exitCode: 1, error: { code: 'server-not-ready' }, report: { state: 'failed', tables: [] } });
  expect(objects).toEqual([]);
  expect(next).toMatchObject({ exitCode: 0, report: { state: 'complete', tables: [{ rows: 10 }] } });
});

describe('a connection that is lost in the middle of a COPY', () => {
  test.each([
    ['of a range', ['rangeBytes: 262144', 'connections: 1', ...FULL]],
    [
      'of a key-based stream',
      ['connections: 1', 'tables: [{ table: public.items, method: INCREMENTAL, replicationKey: updated_at }]'],
    ],
    ['of a view', ['connections: 1', 'tables: [{ view: public.latest, method: FULL_TABLE, primaryKey: [id] }]']],
  ])('%s is tried again by the same job: nothing is missing, nothing is there twice', async (_, lines) => {
    await using db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
    await fill(db, 20_000);
    await using proxy = await startProxy(db);
    await using ws = await openTestWorkspace({ host: proxy.host, port: proxy.port, database: db.database }, { lines });
    await using workspace = await ws.open();
    let rows = 0;
    let cuts = 0;

    const outcome = await workspace.run('shop', {
      trigger: 'manual',
      progress: (event) => {
        if (event.kind !== 'rows' || (rows += event.rows) < 2_000 || cuts > 0) return;
        cuts += 1;
        proxy.cut();
      },
      stop: never,
      abort: never,
    });

    expect(cuts).toBe(1);
    expect(outcome).toMatchObject({
      state: 'finished',
      report: { state: 'complete', tables: [{ state: 'complete', rows: 20_000 }] },
    });
    const retried = ws.events.filter(({ event }) => event === 'unit-retried');
    expect(retried.map(({ level, fields }) => [level, fields['code']])).toEqual([['WARNING', 'connection-lost']]);
    const [loaded = []] = (await load(ws.folder, await ws.reports())).rows.values();
    expect(loaded.length).toBe(20_000);
    const source = (await db.query(`select id || ' ' || label as row from items order by id`)).map(({ row }) => row);
    const sorted = [...newest(loaded, 'id')].sort((a, b) => Number(a['id']) - Number(b['id']));
    expect(sorted.map((row) => `${String(row['id'])} ${String(row['label'])}`)).toEqual(source);
  });
});
