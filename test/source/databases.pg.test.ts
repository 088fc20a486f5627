import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ConnectionBudget } from '../../functions/engine/source/postgres/connection-budget.ts';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import { discover } from '../../functions/engine/source/postgres/discover.ts';
import type { Catalog } from '../../functions/engine/model/catalog.ts';
import { majors, newestMajor, startServer } from '../support/postgres.ts';
import type { TestServer } from '../support/postgres.ts';
import { never, rejection, settingsFor, tablesOf } from './support.ts';

async function sync(server: TestServer, user: string, databases?: readonly string[]): Promise<Catalog> {
  const settings = settingsFor(server, { user });
  const budget = new ConnectionBudget(2);
  return discover(
    {
      endpoint: settings.endpoint,
      database: settings.database,
      ...(databases === undefined ? {} : { databases }),
      now: () => new Date('2026-01-02T03:04:05Z'),
      open: async (database, signal) => {
        const permit = await budget.acquire(signal);
        try {
          const connection = await connect({ ...settings, database }, signal);
          return {
            ...connection,
            [Symbol.asyncDispose]: async () => {
              await connection[Symbol.asyncDispose]();
              permit[Symbol.dispose]();
            },
          };
        } catch (error) {
          permit[Symbol.dispose]();
          throw error;
        }
      },
    },
    never(),
  );
}

describe.each(majors)('databases of PostgreSQL %i', (major) => {
  it('are all found that the role may connect to, and one that cannot be looked into is told', async () => {
    await using server = await startServer(major);
    await using first = await server.createDatabase();
    await using second = await server.createDatabase();
    const role = `r${randomBytes(4).toString('hex')}`;
    await first.query(`create role ${role} login; create table a (x int); grant select on a to ${role}`);
    await second.query('create table b (x int); grant select on b to public');
    await first.query('create database rdsadmin');
    await first.query('create database revoked_db');
    await first.query('revoke connect on database revoked_db from public');
    await first.query('create database full_db connection limit 0');
    await first.query('create database closed_db allow_connections false');
    await first.query('create database template_of_ours is_template true');

    const catalog = await sync(server, role);

    expect(catalog).toMatchObject({ at: '2026-01-02T03:04:05.000Z', server: { inRecovery: false } });
    expect(catalog.databases.map((entry) => [entry.name, entry.state]).sort()).toEqual(
      [
        [first.database, 'read'],
        [second.database, 'read'],
        ['full_db', 'unreachable'],
        ['postgres', 'read'],
      ].sort(),
    );
    expect(catalog.databases.find((entry) => entry.name === 'full_db')).toMatchObject({ code: 'too-many-connections' });
    const tables = catalog.databases.filter((entry) => entry.state === 'read').flatMap((entry) => tablesOf(entry));
    expect(tables.map((table) => table.name).sort((a, b) => (a.table < b.table ? -1 : 1))).toEqual([
      { database: first.database, schema: 'public', table: 'a' },
      { database: second.database, schema: 'public', table: 'b' },
    ]);
    await first.query(`alter database template_of_ours is_template false`);
  });

  it('are only those asked for where a filter is given, and a missing one is told', async () => {
    await using server = await startServer(major);
    await using first = await server.createDatabase();
    await using second = await server.createDatabase();
    await first.query('create table a (x int); grant select on a to public; create role someone login');
    await second.query('create table b (x int); grant select on b to public');
    await first.query('create database revoked_db');
    await first.query('revoke connect on database revoked_db from public');

    const catalog = await sync(server, 'someone', [first.database, 'revoked_db', 'no "such" one']);

    expect(catalog.databases.map((entry) => [entry.name, entry.state, entry.state === 'unreachable' ? entry.code : ''])).toEqual([
      [first.database, 'read', ''],
      ['revoked_db', 'unreachable', 'database-missing'],
      ['no "such" one', 'unreachable', 'database-missing'],
    ]);
  });
});

describe('a structure sync', () => {
  it('fails where nothing may be read, naming the databases', async () => {
    await using server = await startServer(newestMajor);
    await using db = await server.createDatabase();
    await db.query('create table a (x int); create role someone login');

    const error = await rejection(sync(server, 'someone'));

    expect(error).toMatchObject({ code: 'nothing-discovered', message: expect.stringContaining(`"${db.database}"`) });
  });

  it('fails with the reason where no database can be looked into', async () => {
    await using server = await startServer(newestMajor);

    expect(await rejection(sync(server, 'postgres', ['no_such_one']))).toMatchObject({ code: 'database-missing' });
  });
});
