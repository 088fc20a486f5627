import { describe, expect, it } from 'vitest';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import { KeptConnections } from '../../functions/engine/source/postgres/kept-connections.ts';
import { openPostgresSource } from '../../functions/engine/source/postgres/postgres-source.ts';
import { noLeaks } from '../support/leaks.ts';
import { createDatabase, eventually, majors, newestMajor } from '../support/postgres.ts';
import { never, rejection, settingsFor, tablesOf } from './support.ts';

describe.each(majors)('a source on PostgreSQL %i', (major) => {
  it('tells about its server, finds its tables and opens sessions in its databases', async () => {
    await using db = await createDatabase(major);
    await db.query('create table orders (id int primary key)');
    await using source = openPostgresSource({ connection: settingsFor(db), databases: [db.database] });

    const server = await source.info(never());
    const catalog = await source.discover(never());
    await using session = await source.session(db.database, never());

    expect(Math.floor(server.version / 10_000)).toBe(major);
    expect(catalog.server).toEqual(server);
    expect(tablesOf(catalog.databases[0]).map((table) => table.name.table)).toEqual(['orders']);
    expect(session).toMatchObject({ database: db.database, server });
  });
});

describe('a source', () => {
  it('never has more connections than its budget, and waits for one to come back', async () => {
    await using db = await createDatabase(newestMajor);
    await using source = openPostgresSource({ connection: settingsFor(db, { maxConnections: 2 }), databases: [db.database] });
    const first = await source.session(db.database, never());
    const second = await source.session(db.database, never());
    const third = source.session(db.database, never());
    const impatient = new AbortController();
    const fourth = rejection(source.session(db.database, impatient.signal));
    impatient.abort(new Error('enough'));

    expect(await fourth).toMatchObject({ message: 'enough' });
    const rows = await db.query(
      `select 1 from pg_stat_activity where datname = current_database() and application_name = 'backstitch test'`,
    );
    expect(rows.length).toBe(2);
    await first[Symbol.asyncDispose]();
    await (await third)[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
  });

  it('gives the place back of a connection that could not be made', async () => {
    await using db = await createDatabase(newestMajor);
    await using source = openPostgresSource({ connection: settingsFor(db, { maxConnections: 1 }) });

    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(await rejection(source.session('no_such_database', never()))).toMatchObject({ code: 'database-missing' });
    }

    await using session = await source.session(db.database, never());
    expect(session.database).toBe(db.database);
  });

  it('closes what is still open when it is disposed of', async () => {
    await using db = await createDatabase(newestMajor);
    {
      await using _ = await noLeaks();
      await using source = openPostgresSource({ connection: settingsFor(db) });
      await source.session(db.database, never());
      await source.session(db.database, never());
    }

    await eventually('the sessions end', async () => {
      const rows = await db.query(
        `select 1 from pg_stat_activity where datname = current_database() and application_name = 'backstitch test'`,
      );
      return rows.length === 0;
    });
  });

  it('goes on with the session of before where it may be kept, and closes it with itself', async () => {
    await using db = await createDatabase(newestMajor);
    await db.query('create table orders (id int primary key)');
    const pids = async (): Promise<readonly unknown[]> =>
      (
        await db.query(
          `select pid from pg_stat_activity where datname = current_database() and application_name = 'backstitch test'`,
        )
      ).map(({ pid }) => pid);
    {
      await using _ = await noLeaks();
      await using source = openPostgresSource({ connection: settingsFor(db, { maxConnections: 2 }), databases: [db.database] });

      await source.discover(never());
      const first = await pids();
      const kept = await source.session(db.database, never(), 'keep');
      await kept.startOfCopy(never());
      await kept[Symbol.asyncDispose]();
      const log = await source.logSession(db.database, never(), 'keep');
      await log.slot('none', never());
      await log[Symbol.asyncDispose]();
      const last = await source.session(db.database, never());
      const second = await pids();
      await last[Symbol.asyncDispose]();

      expect(first).toHaveLength(1);
      expect(second).toEqual(first);
      await eventually('a session that is not to be kept ends', async () => (await pids()).length === 0);
      await source.discover(never());
    }
    await eventually('the kept one ends with the source', async () => (await pids()).length === 0);
  });

  it('lets nobody wait for a place that only a kept session holds', async () => {
    await using db = await createDatabase(newestMajor);
    await using other = await createDatabase(newestMajor);
    await db.query('create table orders (id int primary key)');
    await using source = openPostgresSource({
      connection: settingsFor(db, { maxConnections: 1 }),
      databases: [db.database, other.database],
    });

    await source.discover(never());
    for (const { database } of [db, other, db]) {
      await using session = await source.session(database, never(), 'keep');
      expect(session.database).toBe(database);
    }
  });

  it('keeps no session that failed, or is in the middle of something', async () => {
    await using db = await createDatabase(newestMajor);
    await using kept = new KeptConnections();
    await using failed = await connect(settingsFor(db), never());
    await using open = await connect(settingsFor(db), never());
    await using sound = await connect(settingsFor(db), never());
    await rejection(failed.query('select no_such_column', [], never()));
    await open.query('begin', [], never());

    expect([failed, open, sound].map((connection) => kept.keep(connection))).toEqual([false, false, true]);
    expect(kept.take('another')).toBeUndefined();
    await db.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'backstitch test'`);
    await eventually('it is noticed', () => !sound.isSound());
    expect(kept.take(db.database)).toBeUndefined();
  });

  it('closes all that it keeps', async () => {
    await using db = await createDatabase(newestMajor);
    const connections = await Promise.all([1, 2, 3].map(() => connect(settingsFor(db), never())));
    {
      await using kept = new KeptConnections();
      expect(connections.map((connection) => kept.keep(connection))).toEqual([true, true, true]);
    }

    const sound = connections.map((connection) => connection.isSound());
    for (const connection of connections) await connection[Symbol.asyncDispose]();

    expect(sound).toEqual([false, false, false]);
  });

  it('connects to nothing before it is asked for something', async () => {
    await using source = openPostgresSource({ connection: settingsFor({ host: '127.0.0.1', port: 1 }) });

    expect(await rejection(source.info(never()))).toMatchObject({ code: 'host-unreachable' });
  });
});
