import { describe, expect, it } from 'vitest';
import type { Lsn } from '../../../functions/engine/model/lsn.ts';
import { systemClock } from '../../../functions/engine/runtime/clock.ts';
import { connect } from '../../../functions/engine/source/postgres/connection.ts';
import type { Link } from '../../../functions/engine/source/postgres/link.ts';
import { logDialectOf } from '../../../functions/engine/source/postgres/log/log-dialect.ts';
import { logSettings } from '../../../functions/engine/source/postgres/log/log-settings.ts';
import { StreamReader } from '../../../functions/engine/source/postgres/log/stream-reader.ts';
import type { StreamReaderParts } from '../../../functions/engine/source/postgres/log/stream-reader.ts';
import { openWalsender } from '../../../functions/engine/source/postgres/log/walsender.ts';
import { createDatabase, eventually, majors, newestMajor, startServer } from '../../support/postgres.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { never, settingsFor } from '../support.ts';
import { LogCollector } from './log-collector.ts';
import { confirmedOf, openTestLog, slotOf } from './log-support.ts';

/** A stream reader with limits of a test, and the session beside it. */
async function openReader(
  db: TestDatabase,
  limits: NonNullable<StreamReaderParts['limits']>,
): Promise<AsyncDisposable & { readonly reader: StreamReader }> {
  const settings = settingsFor(db);
  const sql = await connect(settings, never());
  const log = await logSettings(sql, never());
  const openLink = (signal: AbortSignal): Promise<Link> =>
    openWalsender(settings, { dialect: logDialectOf(sql.server), log }, signal);
  const reader = new StreamReader({ link: await openLink(never()), openLink, sql, settings: log, clock: systemClock, limits });
  return {
    reader,
    [Symbol.asyncDispose]: async () => {
      await reader[Symbol.asyncDispose]();
      await sql[Symbol.asyncDispose]();
    },
  };
}

const OLD_AND_NEW = [...new Set([majors[0] ?? newestMajor, newestMajor])];

describe.each(OLD_AND_NEW)('a stream of PostgreSQL %i', (major) => {
  it('stays open while the handler takes longer than the server would wait', async () => {
    await using server = await startServer(major, { conf: { wal_sender_timeout: '1s' } });
    await using db = await server.createDatabase();
    await db.query('create table t (id int primary key, filler text)');
    await using log = await openTestLog(db);
    await log.open();
    const start = await confirmedOf(log);
    // More than what fits into the buffers of both sockets, so that the server has to wait for us as well.
    await db.query(
      `insert into t select n, repeat(md5(n::text), 20) from generate_series(1, 30000) n; insert into t values (0, 'last')`,
    );
    const handler = new LogCollector({
      drained: async () => {
        if (handler.drains > 1) return;
        const from = performance.now();
        await eventually('it was longer than the server waits', () => performance.now() - from > 2_500);
      },
    });
    await using reader = await log.session.reader({ consume: 'stream', plugin: 'pgoutput' }, never());

    const end = await reader.read(await log.request(start, 'pgoutput'), handler, never());

    expect(handler.changes).toHaveLength(30_001);
    // The slot can still be confirmed after a wait that is as long.
    const from = performance.now();
    await eventually('the objects are durable', () => performance.now() - from > 1_500);
    if (end.state !== 'reached') throw new Error('it should be at the end');
    await reader.confirm(log.slot, end.lsn, never());
    expect(await confirmedOf(log)).toBe(end.lsn);
    expect(await server.log()).not.toContain('terminating walsender process due to replication timeout');
  });
});

describe('a stream', () => {
  it('is read again without streaming when there is no room for what is streamed, and gives everything once', async () => {
    await using db = await createDatabase(newestMajor);
    await db.query(`alter role postgres in database ${db.database} set logical_decoding_work_mem = '64kB'`);
    await db.query('create table t (id int primary key, filler text)');
    await using log = await openTestLog(db);
    await log.open();
    const start = await confirmedOf(log);
    await db.query(`insert into t values (1, 'before')`);
    await db.query(`insert into t select n, repeat('x', 100) from generate_series(2, 5000) n`);
    await db.query(`insert into t values (5001, 'after')`);
    const handler = new LogCollector();
    await using open = await openReader(db, { spoolBytes: 100_000 });

    const end = await open.reader.read(await log.request(start, 'pgoutput'), handler, never());

    expect(end.state).toBe('reached');
    expect(handler.commits).toHaveLength(3);
    expect(handler.changes).toHaveLength(5_001);
    expect(new Set(handler.changes).size).toBe(5_001);
  });

  it('begins with a large transaction long before the server would by itself', async () => {
    await using server = await startServer(newestMajor);
    await using db = await server.createDatabase();
    await db.query('create table t (id int primary key, filler text)');
    await using log = await openTestLog(db);
    await log.open();
    const start = await confirmedOf(log);
    // About 40 MB to the server, below its limit of 64.
    await db.query(`insert into t select n, repeat('x', 300) from generate_series(1, 90000) n`);
    const handler = new LogCollector();
    await using reader = await log.session.reader({ consume: 'stream', plugin: 'pgoutput' }, never());

    await reader.read(await log.request(start, 'pgoutput'), handler, never());

    expect(handler.changes).toHaveLength(90_000);
    await eventually('the server counted it', async () => {
      const [row] = await db.query(
        `select stream_count, spill_count from pg_stat_replication_slots where slot_name = '${log.slot}'`,
      );
      return Number(row?.stream_count) > 1 && Number(row?.spill_count) === 0;
    });
  });

  it('asks for a checkpoint when WAL goes by without anything of ours, and moves the slot there', async () => {
    await using server = await startServer(newestMajor);
    await using db = await server.createDatabase();
    await using neighbour = await server.createDatabase();
    await db.query('create table t (id int primary key)');
    await neighbour.query('create table n (id int, filler text)');
    await using log = await openTestLog(db);
    await log.open();
    const start = await confirmedOf(log);
    for (let round = 0; round < 20; round += 1)
      await neighbour.query(`insert into n select n, repeat('x', 500) from generate_series(1, 5000) n`);
    const confirmed: Lsn[] = [];
    await using open = await openReader(db, { checkpointBytes: 1n });
    const handler = new LogCollector({
      checkpoint: async (lsn) => {
        await open.reader.confirm(log.slot, lsn, never());
        confirmed.push(lsn);
      },
    });

    const request = await log.request(start, 'pgoutput');
    await open.reader.read(request, handler, never());

    expect(confirmed.length).toBeGreaterThan(0);
    expect(confirmed).toEqual([...confirmed].sort((a, b) => (a < b ? -1 : 1)));
    expect(confirmed.every((lsn) => lsn > start && lsn < request.to)).toBe(true);
    await eventually('the server took note', async () => (await slotOf(log)).confirmedLsn === confirmed.at(-1));
  });

  it.each(OLD_AND_NEW)('of %i ends where the WAL ends inside of a record that nobody completes', async (major) => {
    await using server = await startServer(major, {
      conf: { bgwriter_delay: '10s', wal_writer_delay: '10s', checkpoint_timeout: '1h' },
    });
    await using db = await server.createDatabase();
    await db.query('create table t (id int primary key)');
    await using log = await openTestLog(db);
    await log.open();
    const start = await confirmedOf(log);
    await db.query('insert into t values (1)');
    const handler = new LogCollector();
    await using reader = await log.session.reader({ consume: 'stream', plugin: 'pgoutput' }, never());
    const request = await log.request(start, 'pgoutput');

    // As if the flushed end were some bytes into the next record, which does not come.
    const end = await reader.read({ ...request, to: (request.to + 20n) as Lsn }, handler, never());

    expect(end).toEqual({ state: 'reached', lsn: expect.any(BigInt) });
    if (end.state === 'reached') expect(end.lsn).toBeLessThanOrEqual(request.to + 20n);
    expect(handler.changes).toEqual(['insert public.t {"id":"1"}']);
  });

  it('does not take what is still under way for the end, however long the handler took', async () => {
    await using server = await startServer(newestMajor);
    await using db = await server.createDatabase();
    await db.query('create table t (id int primary key)');
    await using log = await openTestLog(db);
    await log.open();
    const start = await confirmedOf(log);
    await db.query('insert into t values (1)');
    const isSent = async (): Promise<boolean> => {
      const [row] = await db.query(
        `select s.sent_lsn >= pg_current_wal_lsn() and a.wait_event ilike 'walsenderwaitforwal' as is_sent
         from pg_stat_replication s join pg_stat_activity a using (pid) join pg_replication_slots l on l.active_pid = pid
         where l.slot_name = '${log.slot}'`,
      );
      return row?.is_sent === 't';
    };
    let isHeld = false;
    // All of it lies in the sockets while the handler is still busy with the first commit.
    const handler = new LogCollector({
      drained: async () => {
        if (isHeld || handler.commits.length === 0) return;
        isHeld = true;
        const from = performance.now();
        await db.query('insert into t select generate_series(2, 1000)');
        await eventually('the server has sent all', isSent);
        await eventually('it is quiet for long', () => performance.now() - from > 2_500);
      },
    });
    await using reader = await log.session.reader({ consume: 'stream', plugin: 'pgoutput' }, never());

    const request = await log.request(start, 'pgoutput');
    // Far enough for both, and never reached.
    const end = await reader.read({ ...request, to: (request.to + 1_000_000n) as Lsn }, handler, never());

    expect(end.state).toBe('reached');
    expect(handler.changes).toHaveLength(1_000);
  });
});
