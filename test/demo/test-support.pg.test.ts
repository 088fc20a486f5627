import { describe, expect, it } from 'vitest';
import { createDatabase, eventually, majors, onServer, startServer, startStandby, type TextRow } from '../support/postgres.ts';

describe.each(majors)('PostgreSQL %i', (major) => {
  it('gives a database that speaks text and decodes logically', async () => {
    await using database = await createDatabase(major);
    const [row] = await database.query(
      `select current_setting('server_version_num') as version, current_setting('wal_level') as level, 1 as one, null as nothing`,
    );
    expect(row).toMatchObject({ level: 'logical', one: '1', nothing: null });
    expect(Math.floor(Number(row?.version) / 10_000)).toBe(major);
  });

  it('drops slots, prepared transactions and the database at the end', async () => {
    let name: string;
    {
      await using database = await createDatabase(major);
      name = database.database;
      await database.query(`create table t (a int); begin; insert into t values (1); prepare transaction 'open ${name}'`);
      await database.connect();
    }
    await using other = await createDatabase(major);
    expect(await other.query(`select 1 from pg_database where datname = $1`, [name])).toEqual([]);
  });

  it('fails when a session was left open', async () => {
    const database = await createDatabase(major);
    const { Client } = (await import('pg')).default;
    const forgotten = new Client(database.url);
    forgotten.on('error', () => undefined);
    await forgotten.connect();
    await expect(database[Symbol.asyncDispose]()).rejects.toThrow('Sessions left open');
    await forgotten.end();
  });

  it('starts a private server that survives a crash, and a standby that follows it', async () => {
    await using server = await startServer(major, { conf: { max_connections: '30' } });
    await using database = await server.createDatabase({ sessionsAtEnd: 'any' });
    await database.query(`create table t as select 1 as a`);
    await server.restart('immediate');
    await using standby = await startStandby(server);
    expect(
      await onServer(standby, async (admin) => (await admin.query<TextRow>(`select pg_is_in_recovery() as standby`)).rows),
    ).toEqual([{ standby: 't' }]);
    await onServer(server, (admin) => admin.query(`create role after_backup`));
    await eventually('the role arrives', () =>
      onServer(
        standby,
        async (admin) => (await admin.query(`select 1 from pg_roles where rolname = 'after_backup'`)).rows.length === 1,
      ),
    );
  });
});
