import { expect, test } from 'vitest';
import type pg from 'pg';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import type { Connection } from '../../functions/engine/source/postgres/connection.ts';
import { lookAtPressure } from '../../functions/engine/source/postgres/pressure-look.ts';
import { never, settingsFor } from '../source/support.ts';
import { eventually, majors, newestMajor, onServer, startServer, startStandby } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { busySessions } from './busy.ts';

const look = (connection: Connection) => lookAtPressure(connection, never());

test.each(majors)(
  'PostgreSQL %i: statements and sessions of others count, idle ones as sessions, ours as neither',
  async (major) => {
    await using server = await startServer(major, { conf: { max_connections: '40', superuser_reserved_connections: '3' } });
    await using db = await server.createDatabase();
    await using ours = await connect(settingsFor(db, { applicationName: 'backstitch shop 1' }), never());
    await using other = await connect(settingsFor(db, { applicationName: 'backstitch shop 1' }), never());
    const before = await look(ours);
    await using busy = await busySessions(db, 3);
    await db.connect();
    await other.query('begin read only', [], never());

    const during = await eventually('the statements run', async () => {
      const seen = await look(ours);
      return seen.activeBackends === 3 && seen;
    });

    expect(before).toEqual({
      activeBackends: 0,
      connections: before.connections,
      connectionLimit: 37,
      ownReads: 0,
      replicaLagMs: null,
      hidden: [],
    });
    expect(during).toMatchObject({ connections: before.connections + 4, ownReads: 1, connectionLimit: 37, hidden: [] });
    await busy.end();
    await eventually('the statements end', async () => (await look(ours)).activeBackends === 0);
  },
);

test.each(majors)(
  'PostgreSQL %i: without pg_read_all_stats what others do is hidden, and said to be; their sessions still count',
  async (major) => {
    await using primary = await startServer(major);
    await using db = await primary.createDatabase({ sessionsAtEnd: 'any' });
    await db.query('create role reader login');
    await using _standby = await startStandby(primary);
    await using _busy = await busySessions(db, 3);
    await using reader = await connect(settingsFor(db, { user: 'reader' }), never());

    const blind = await eventually('the sessions are there', async () => {
      const seen = await look(reader);
      return seen.connections >= 3 && seen;
    });
    await db.query('grant pg_read_all_stats to reader');
    const seeing = await eventually('the statements are seen', async () => {
      const seen = await look(reader);
      return seen.activeBackends === 3 && seen;
    });

    expect(blind).toMatchObject({ activeBackends: 0, replicaLagMs: null, hidden: ['active-backends', 'replica-lag'] });
    expect(seeing.hidden).toEqual([]);
  },
);

/** Writes until the condition gives something: a server measures the lag of standbys by what it writes. */
async function writeUntil<T>(db: TestDatabase, what: string, condition: () => Promise<T | false>): Promise<T> {
  return eventually(what, async () => {
    await db.query(`insert into facts select n, repeat('x', 500) from generate_series(1, 1000) n`);
    return condition();
  });
}

test.each([...new Set([majors[0] ?? newestMajor, newestMajor])])(
  'PostgreSQL %i: a standby that does not replay is behind, seen from its primary and from itself, and no longer once it has caught up',
  async (major) => {
    await using primary = await startServer(major);
    await using db = await primary.createDatabase({ sessionsAtEnd: 'any' });
    await db.query('create table facts (id int, label text)');
    await using standby = await startStandby(primary);
    const settings = settingsFor({ host: standby.host, port: standby.port, database: 'postgres' });
    await using onPrimary = await connect(settingsFor(db), never());
    await using onStandby = await connect(settings, never());
    const admin = (sql: string): Promise<pg.QueryResult> => onServer(standby, (client) => client.query(sql));
    const quiet = await look(onStandby);
    await writeUntil(db, 'the standby has replayed a commit', async () => {
      const { rows } = await admin('select pg_last_xact_replay_timestamp() is not null as has');
      return JSON.stringify(rows).includes('"t"');
    });

    await admin('select pg_wal_replay_pause()');
    const behind = await writeUntil(db, 'the standby is behind', async () => {
      const seen = [(await look(onPrimary)).replicaLagMs ?? 0, (await look(onStandby)).replicaLagMs ?? 0];
      return Math.min(...seen) > 1_000 && seen;
    });
    await admin('select pg_wal_replay_resume()');
    await writeUntil(db, 'the standby has caught up', async () => {
      const seen = [(await look(onPrimary)).replicaLagMs ?? 0, (await look(onStandby)).replicaLagMs ?? 0];
      return Math.max(...seen) < 1_000;
    });

    expect(quiet.replicaLagMs).toBeNull();
    expect(behind).toHaveLength(2);
  },
);

test('a reader of a slot is neither a standby nor a statement of others', async () => {
  await using server = await startServer(newestMajor);
  await using db = await server.createDatabase({ sessionsAtEnd: 'any' });
  await using connection = await connect(settingsFor(db), never());
  await db.query('create table facts (id int, label text)');
  await db.query('create publication everything for all tables');
  await db.query(`select pg_create_logical_replication_slot('slow', 'pgoutput')`);
  const client = await db.connect({ replication: 'database' } as pg.ClientConfig);
  client
    .query(`START_REPLICATION SLOT slow LOGICAL 0/0 (proto_version '1', publication_names 'everything')`)
    .catch(() => undefined);

  const seen = await writeUntil(db, 'the slot is read', async () => {
    const [row] = await db.query(`select state from pg_stat_replication`);
    return row !== undefined && row.state !== 'startup' && look(connection);
  });

  expect(seen).toMatchObject({ replicaLagMs: null, activeBackends: 0 });
});
