import { describe, expect, it } from 'vitest';
import { eventually, majors, newestMajor, startServer, startStandby } from '../../support/postgres.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { never, rejection } from '../support.ts';
import { LogCollector } from './log-collector.ts';
import { confirmedOf, openTestLog, slotOf } from './log-support.ts';

const SEGMENT = 16 * 1024 * 1024;

/** Moves the WAL on by whole segments, without writing them in full. */
async function switchWal(db: TestDatabase, segments: number): Promise<void> {
  for (let segment = 0; segment < segments; segment += 1) await db.query('select txid_current(); select pg_switch_wal()');
}

describe('a server', () => {
  it('without wal_level logical is told what to set', async () => {
    await using server = await startServer(newestMajor, { conf: { wal_level: 'replica' } });
    await using db = await server.createDatabase();
    await using log = await openTestLog(db);

    expect(await rejection(log.open())).toMatchObject({
      code: 'wal-level-too-low',
      message: expect.stringContaining('is replica'),
      remedy: expect.stringContaining("ALTER SYSTEM SET wal_level = 'logical'"),
    });
  });

  it('without a free slot or sender says so, and is read without a sender where that is allowed', async () => {
    await using server = await startServer(newestMajor, {
      conf: {
        max_replication_slots: '1',
        max_wal_senders: '0',
        wal_level: 'logical',
        max_slot_wal_keep_size: '1GB',
        ...(newestMajor >= 18 ? { idle_replication_slot_timeout: '600' } : {}),
      },
    });
    await using db = await server.createDatabase();
    await db.query('create table t (id int primary key)');
    await using log = await openTestLog(db);
    await db.query(`select pg_create_physical_replication_slot('taken')`);
    expect(await rejection(log.open())).toMatchObject({
      code: 'slots-exhausted',
      message: expect.stringContaining('all 1 slots'),
    });
    await db.query(`select pg_drop_replication_slot('taken')`);

    const opened = await log.open();

    expect(opened.warnings).toEqual(
      newestMajor >= 18 ? [expect.stringContaining('idle_replication_slot_timeout is less than a day')] : [],
    );
    expect(await rejection(log.session.reader({ consume: 'stream', plugin: 'pgoutput' }, never()))).toMatchObject({
      code: 'senders-exhausted',
    });
    await db.query('insert into t values (1)');
    const handler = new LogCollector();
    await using reader = await log.session.reader({ consume: 'auto', plugin: 'pgoutput' }, never());
    await reader.read(await log.request(await confirmedOf(log), 'pgoutput'), handler, never());
    expect(reader.style).toBe('peek');
    expect(handler.changes).toEqual(['insert public.t {"id":"1"}']);
  });

  it('that is a replica and cannot decode sends us to the primary', async () => {
    await using primary = await startServer(15);
    await using standby = await startStandby(primary);
    const db = { ...(await primary.createDatabase({ sessionsAtEnd: 'any' })) };
    await eventually('the database is there', async () =>
      openTestLog({ ...db, host: standby.host, port: standby.port }).then(
        async (log) => {
          await using _ = log;
          expect(await rejection(log.session.endOfLog(never()))).toMatchObject({ code: 'primary-needed' });
          expect(await rejection(log.open({ tables: [] }))).toMatchObject({ code: 'primary-needed' });
          return true;
        },
        () => false,
      ),
    );
    await db[Symbol.asyncDispose]();
  });
});

describe.each(majors.filter((major) => major >= 13))('a slot on PostgreSQL %i', (major) => {
  it('is warned of before it is lost, and an error that says why after', async () => {
    await using server = await startServer(major, {
      conf: { max_slot_wal_keep_size: '64MB', min_wal_size: '32MB', max_wal_size: '48MB', wal_keep_size: '0' },
    });
    await using db = await server.createDatabase();
    await db.query('create table t (id int primary key)');
    await using log = await openTestLog(db);
    expect((await log.open()).warnings).toEqual([]);

    await switchWal(db, 3);
    expect((await log.open()).warnings).toEqual([expect.stringMatching(/holds back \d\d % of max_slot_wal_keep_size/)]);
    const report = await log.session.slotReport(log.slot, null, never());
    expect(report?.budgetUsed).toBeGreaterThan(0.5);
    expect(report?.safeBytes).toBeLessThan(3 * SEGMENT);

    await switchWal(db, 5);
    await eventually('the slot is lost', async () => {
      await db.query('checkpoint');
      return (await slotOf(log)).walStatus === 'lost';
    });
    const request = await log.request(0n as never, 'pgoutput');
    expect(await rejection(log.open())).toMatchObject({
      code: 'slot-lost',
      remedy: expect.stringContaining('max_slot_wal_keep_size'),
    });
    for (const consume of ['stream', 'peek'] as const) {
      await using reader = await log.session.reader({ consume, plugin: 'pgoutput' }, never());
      expect(await rejection(reader.read(request, new LogCollector(), never()))).toMatchObject({ code: 'slot-lost' });
    }
  });
});

describe('a slot', () => {
  it('is warned of when nothing limits what it holds back', async () => {
    await using server = await startServer(newestMajor);
    await using db = await server.createDatabase();
    await using log = await openTestLog(db);

    expect((await log.open()).warnings).toEqual([expect.stringContaining('max_slot_wal_keep_size is -1')]);
  });
});
