import { describe, expect, it } from 'vitest';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import { discoverTables } from '../../functions/engine/source/postgres/discover-tables.ts';
import { createDatabase, eventually, majors, startServer, startStandby } from '../support/postgres.ts';
import { activeSessions, never, rejection, settingsFor, show, terminate } from './support.ts';

describe.each(majors)('a session on PostgreSQL %i', (major) => {
  it('is pinned to UTC, ISO and UTF-8, is read-only and sees no schema but by name', async () => {
    await using db = await createDatabase(major);
    await db.query(`alter database ${db.database} set timezone = 'Asia/Tokyo'`);
    await db.query(`alter database ${db.database} set search_path = 'public'`);

    await using connection = await connect(settingsFor(db, { statementTimeoutMs: 12_345 }), never());

    const expected: Record<string, string> = {
      TimeZone: 'UTC',
      DateStyle: 'ISO, YMD',
      IntervalStyle: 'iso_8601',
      client_encoding: 'UTF8',
      extra_float_digits: '3',
      bytea_output: 'hex',
      search_path: '',
      default_transaction_read_only: 'on',
      application_name: 'backstitch test',
      statement_timeout: '12345ms',
      lock_timeout: '1min',
      idle_in_transaction_session_timeout: '10min',
      tcp_keepalives_idle: '60',
      ...(major >= 14 ? { client_connection_check_interval: '10s' } : {}),
    };
    const actual: Record<string, string | undefined> = {};
    for (const name of Object.keys(expected)) actual[name] = await show(connection, name);
    expect(actual).toEqual(expected);
    const [reset] = await connection.query(`select reset_val from pg_settings where name = 'TimeZone'`, [], never());
    expect(reset).toEqual({ reset_val: 'Asia/Tokyo' });
    expect(connection.transactionSettings).toBe('');
  });

  it('gives every value as text, and NULL as null', async () => {
    await using db = await createDatabase(major);
    await using connection = await connect(settingsFor(db), never());

    const rows = await connection.query(
      `select 9007199254740993::int8 as i, 1.10::numeric as n, true as b, null as x, '2020-01-02 03:04:05.6+02'::timestamptz as t,
              $1::text as p, '{1,NULL}'::int[] as a, 'NaN'::float8 as f, '\\x00ff'::bytea as y, $2::int as q, interval '1 day' as v`,
      ['ünï "😀"', 7],
      never(),
    );

    expect(rows).toEqual([
      {
        ...{ i: '9007199254740993', n: '1.10', b: 't', x: null, t: '2020-01-02 01:04:05.6+00', p: 'ünï "😀"', a: '{1,NULL}' },
        ...{ f: 'NaN', y: '\\x00ff', q: '7', v: 'P1D' },
      },
    ]);
  });

  it('knows its server', async () => {
    await using db = await createDatabase(major);
    await using connection = await connect(settingsFor(db), never());

    expect(Math.floor(connection.server.version / 10_000)).toBe(major);
    expect(connection.server.inRecovery).toBe(false);
    expect(connection.server.systemIdentifier).toMatch(/^\d{15,20}$/);
    const { dialect } = connection;
    const [row] = await connection.query(
      `select ${dialect.currentLsn} as lsn, ${dialect.flushedLsn} as flushed, ${dialect.snapshotXmin} as xmin`,
      [],
      never(),
    );
    expect(row).toEqual({
      lsn: expect.stringMatching(/\//),
      flushed: expect.stringMatching(/\//),
      xmin: expect.stringMatching(/^\d+$/),
    });
  });

  it('cannot write', async () => {
    await using db = await createDatabase(major);
    await using connection = await connect(settingsFor(db), never());

    const error = await rejection(connection.query('create table public.t (a int)', [], never()));

    expect(error).toMatchObject({ code: 'query-failed' });
    expect(await db.query(`select 1 from pg_class where relname = 't'`)).toEqual([]);
  });

  it.each([
    ['select * from public.nothing', 'structure-changed'],
    ['select nothing from pg_class', 'structure-changed'],
    ['select 1/0', 'query-failed'],
    ['selec', 'query-failed'],
    ['select pg_sleep(10)', 'query-cancelled'],
    ['select * from public.locked', 'table-locked'],
    ['set role postgres; set role nobody_at_all', 'query-failed'],
  ])('names the failure of %j', async (sql, code) => {
    await using db = await createDatabase(major);
    await db.query('create table locked (a int)');
    const other = await db.connect();
    await other.query('begin; lock table locked in access exclusive mode');
    await using connection = await connect(settingsFor(db, { statementTimeoutMs: 200 }), never());
    if (code === 'table-locked') await connection.query(`set statement_timeout = 0; set lock_timeout = 10`, [], never());

    const error = await rejection(connection.query(sql, [], never()));

    expect(error).toMatchObject({ code });
    expect(await connection.query('select 1 as one', [], never())).toEqual([{ one: '1' }]);
  });

  it('names a missing privilege with the stream that it is told', async () => {
    await using db = await createDatabase(major);
    const role = `r_${db.database}`;
    await db.query(`create role ${role} login; create table secret (a int)`);
    await using connection = await connect(settingsFor(db, { user: role }), never());
    const where = { database: db.database, schema: 'public', table: 'secret' };

    const error = await connection.client
      .query('select * from public.secret')
      .catch((cause: unknown) => connection.fail(cause, where));

    expect(error).toMatchObject({ code: 'privilege-missing', message: expect.stringContaining(`${db.database}.public.secret`) });
    await db.query(`drop role ${role}`);
  });

  it('cancels on abort, rejects with the reason, and can be used again', async () => {
    await using db = await createDatabase(major);
    await using connection = await connect(settingsFor(db), never());
    const controller = new AbortController();
    const reason = new Error('enough');

    const running = rejection(connection.query('select pg_sleep(60)', [], controller.signal));
    await eventually('the statement runs', async () => (await activeSessions(db)) === 1);
    controller.abort(reason);

    expect(await running).toBe(reason);
    expect(await activeSessions(db)).toBe(0);
    expect(await connection.query('select 1 as one', [], never())).toEqual([{ one: '1' }]);
  });

  it('cancels what still runs when it is disposed of', async () => {
    await using db = await createDatabase(major);
    const connection = await connect(settingsFor(db), never());
    const running = rejection(connection.client.query('select pg_sleep(60)'));
    await eventually('the statement runs', async () => (await activeSessions(db)) === 1);

    await connection[Symbol.asyncDispose]();

    expect(await running).toBeInstanceOf(Error);
    await eventually('the session ends', async () => (await activeSessions(db)) === 0);
  });

  it('survives being terminated while idle, and says so at the next query', async () => {
    await using db = await createDatabase(major);
    await using connection = await connect(settingsFor(db), never());
    const ended = new Promise((resolve) => connection.client.once('end', resolve));

    await terminate(db);
    await ended;

    expect(await rejection(connection.query('select 1', [], never()))).toMatchObject({
      code: 'connection-lost',
      message: expect.stringContaining('57P01'),
    });
  });

  it('is lost when it is terminated in a query', async () => {
    await using db = await createDatabase(major);
    await using connection = await connect(settingsFor(db), never());

    const running = rejection(connection.query('select pg_sleep(60)', [], never()));
    await eventually('the statement runs', async () => (await activeSessions(db)) === 1);
    await terminate(db);

    expect(await running).toMatchObject({ code: 'connection-lost' });
  });
});

describe.each(majors)('a replica of PostgreSQL %i', (major) => {
  it('is known as one, and gives the position that its queries see', async () => {
    await using primary = await startServer(major);
    await using db = await primary.createDatabase({ sessionsAtEnd: 'any' });
    await db.query('create table logged (a int); create unlogged table unlogged_one (a int)');
    await using standby = await startStandby(primary);
    await using connection = await connect(settingsFor({ ...standby, database: db.database }), never());

    const [row] = await connection.query(
      `select ${connection.dialect.currentLsn} as lsn, ${connection.dialect.flushedLsn} as flushed, ${connection.dialect.snapshotXmin} as xmin`,
      [],
      never(),
    );
    const tables = await discoverTables(connection, never());

    expect(connection.server.inRecovery).toBe(true);
    expect(row).toEqual({
      lsn: expect.stringMatching(/\//),
      flushed: expect.stringMatching(/\//),
      xmin: expect.stringMatching(/^\d+$/),
    });
    expect(tables.map((table) => table.name.table)).toEqual(['logged']);
  });
});
