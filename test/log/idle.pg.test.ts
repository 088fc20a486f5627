import { expect, test } from 'vitest';
import { eventually, newestMajor, startServer } from '../support/postgres.ts';
import { openTestWorkspace } from '../support/workspace.ts';

test('WAL retained for an idle database stays flat over ten jobs while its neighbour writes', async () => {
  await using server = await startServer(newestMajor);
  await using idle = await server.createDatabase({ sessionsAtEnd: 'any' });
  await using busy = await server.createDatabase({ sessionsAtEnd: 'any' });
  await idle.query(`create table quiet (id int primary key); insert into quiet values (1)`);
  await busy.query(`create table loud (n int, filler text)`);
  await using ws = await openTestWorkspace(idle, { lines: ['tables:', '  - { table: public.quiet, method: LOG_BASED }'] });

  await ws.run();
  const retained: number[] = [];
  for (let job = 0; job < 10; job += 1) {
    await busy.query(`insert into loud select g, repeat('x', 500) from generate_series(1, 5000) g`);
    // The server lets go of WAL from one snapshot of running transactions to the next; checkpoints log one.
    await busy.query(`checkpoint`);
    const report = await ws.run();
    expect(report.state).toBe('complete');
    retained.push(report.slots[0]?.retainedBytes ?? Number.MAX_SAFE_INTEGER);
  }

  // One round writes more than 2.5 MB: what is held back never grows to two of them.
  expect(Math.max(...retained.slice(1))).toBeLessThan(2 * 2_500_000);
});

test('a job without anything new in the log moves its slot to the end of the WAL', async () => {
  await using server = await startServer(newestMajor);
  await using db = await server.createDatabase({ sessionsAtEnd: 'any' });
  await db.query(`create table quiet (id int primary key); create table other (n int)`);
  await using ws = await openTestWorkspace(db, { lines: ['tables:', '  - { table: public.quiet, method: LOG_BASED }'] });

  await ws.run();
  await db.query(`insert into other select g from generate_series(1, 1000) g`);
  const [before] = await db.query(`select pg_current_wal_flush_lsn() as lsn`);
  await ws.run();

  const [slot] = await db.query(
    `select confirmed_flush_lsn >= $1::pg_lsn as moved from pg_replication_slots where database = current_database()`,
    [before?.lsn],
  );
  expect(slot?.moved).toBe('t');
});

test('a job that reads a slot logs in once for everything, besides the stream', async () => {
  await using server = await startServer(newestMajor);
  await using db = await server.createDatabase({ sessionsAtEnd: 'any' });
  await db.query(`create table items (id int primary key)`);
  await using ws = await openTestWorkspace(db, { lines: ['tables:', '  - { table: public.items, method: LOG_BASED }'] });
  const logins = async (): Promise<number> => {
    const [row] = await db.query(`select sessions from pg_stat_database where datname = current_database()`);
    return Number(row?.sessions);
  };

  await ws.run();
  await db.query(`insert into items values (1)`);
  await eventually('all sessions but ours have ended', async () => {
    const [row] = await db.query(
      `select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    );
    return row?.count === '0';
  });
  const before = await logins();
  const report = await ws.run();

  expect(report.tables[0]).toMatchObject({ inserts: 1 });
  await eventually('each session is counted when it has ended', async () => (await logins()) > before);
  // Walsenders are not among them.
  expect((await logins()) - before).toBe(1);
});
