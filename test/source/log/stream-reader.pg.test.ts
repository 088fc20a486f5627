import { describe, expect, it } from 'vitest';
import type { Lsn } from '../../../functions/engine/model/lsn.ts';
import { createDatabase, eventually, majors, startServer } from '../../support/postgres.ts';
import { never, rejection } from '../support.ts';
import { hasWal2json } from './decode-slot.ts';
import { LogCollector } from './log-collector.ts';
import { confirmedOf, openTestLog, slotOf } from './log-support.ts';

const STYLES = ['stream', 'peek'] as const;

describe.each(majors)('on PostgreSQL %i', (major) => {
  describe.each(STYLES)('a reader that is to %s', (consume) => {
    it.each(hasWal2json(major) ? (['pgoutput', 'wal2json'] as const) : (['pgoutput'] as const))(
      'reads what was committed through %s, in order, and confirms no more than it is told',
      async (plugin) => {
        await using db = await createDatabase(major);
        await db.query('create table "Weird ""Name""" (id int primary key, note text); create table other (id int primary key)');
        await using log = await openTestLog(db);
        const opened = await log.open({ plugin });
        const before = await confirmedOf(log);
        await db.query(`insert into "Weird ""Name""" values (1, 'a'), (2, null)`);
        await db.query(
          `begin; update "Weird ""Name""" set note = 'b' where id = 1; delete from "Weird ""Name""" where id = 2; insert into other values (7); commit`,
        );
        await db.query(`begin; insert into other values (8); rollback`);
        if (major >= 11) await db.query('truncate other');
        const request = await log.request(opened.startLsn ?? before, plugin);
        const handler = new LogCollector();

        {
          await using reader = await log.session.reader({ consume, plugin }, never());
          expect(reader.style).toBe(consume);
          const end = await reader.read(request, handler, never());

          expect(end.state).toBe('reached');
          expect(await confirmedOf(log)).toBe(before);
          if (end.state === 'reached') await reader.confirm(log.slot, end.lsn, never());
          expect(await confirmedOf(log)).toBeGreaterThanOrEqual(request.to);
        }

        expect(handler.changes).toEqual([
          'insert public.Weird "Name" {"id":"1","note":"a"}',
          'insert public.Weird "Name" {"id":"2","note":null}',
          'update public.Weird "Name" {"id":"1","note":"b"}',
          'delete public.Weird "Name" {"id":"2"}',
          'insert public.other {"id":"7"}',
          ...(major >= 11 ? ['truncate public.other'] : []),
        ]);
        expect((await slotOf(log)).activePid).toBeNull();
      },
    );

    it('begins where it is told, and ends at the end that was meant', async () => {
      await using db = await createDatabase(major);
      await db.query('create table t (id int primary key)');
      await using log = await openTestLog(db);
      await log.open();
      const start = await confirmedOf(log);
      for (const id of [1, 2, 3]) await db.query(`insert into t values (${id})`);
      const first = new LogCollector();
      const upToThree = await log.request(start, 'pgoutput');
      await db.query('insert into t values (4)');
      await using reader = await log.session.reader({ consume, plugin: 'pgoutput' }, never());

      await reader.read(upToThree, first, never());
      const second = new LogCollector();
      const afterTwo = first.commits[1]?.endLsn ?? start;
      await reader.read({ ...upToThree, from: afterTwo }, second, never());
      const third = new LogCollector();
      await reader.read(await log.request(upToThree.to, 'pgoutput'), third, never());

      expect(first.changes).toEqual([1, 2, 3].map((id) => `insert public.t {"id":"${id}"}`));
      expect(second.changes).toEqual(['insert public.t {"id":"3"}']);
      expect(third.changes).toEqual(['insert public.t {"id":"4"}']);
      expect(await confirmedOf(log)).toBe(start);
    });

    it('leaves a transaction in its middle when the handler has enough, and gives all of it next time', async () => {
      await using db = await createDatabase(major);
      await db.query('create table t (id int primary key, filler text)');
      await using log = await openTestLog(db);
      await log.open();
      const start = await confirmedOf(log);
      await db.query('insert into t values (0)');
      await db.query(`insert into t select n, repeat('x', 200) from generate_series(1, 20000) n`);
      const request = await log.request(start, 'pgoutput');
      const handler = new LogCollector();
      {
        await using reader = await log.session.reader({ consume, plugin: 'pgoutput' }, never());

        // The first transaction may come in pieces as well.
        const isEnough = (): boolean => handler.commits.length > 0 && handler.open.length > 0;
        expect(await reader.read({ ...request, isEnough }, handler, never())).toEqual({
          state: 'left',
        });
        // What was whole can be confirmed all the same.
        const [first] = handler.commits;
        await reader.confirm(log.slot, first?.endLsn ?? start, never());
        expect(await confirmedOf(log)).toBe(first?.endLsn);
      }
      expect(handler.open.length).toBeLessThan(20_000);
      expect(handler.changes).toHaveLength(1);
      expect((await slotOf(log)).activePid).toBeNull();

      const again = new LogCollector();
      await using reader = await log.session.reader({ consume, plugin: 'pgoutput' }, never());
      await reader.read(request, again, never());
      expect(again.changes.filter((change) => change.includes('xxx'))).toHaveLength(20_000);
    });

    it('confirms nothing when the handler fails, and leaves the slot free', async () => {
      await using db = await createDatabase(major);
      await db.query('create table t (id int primary key)');
      await using log = await openTestLog(db);
      await log.open();
      const start = await confirmedOf(log);
      await db.query('insert into t select generate_series(1, 1000)');
      {
        await using reader = await log.session.reader({ consume, plugin: 'pgoutput' }, never());
        const handler = new LogCollector({ drained: () => Promise.reject(new Error('the sink is full')) });

        expect(await rejection(reader.read(await log.request(start, 'pgoutput'), handler, never()))).toMatchObject({
          message: 'the sink is full',
        });
      }
      expect(await slotOf(log)).toMatchObject({ activePid: null, confirmedLsn: start });
    });

    it('stops when it is aborted, even while the handler waits, and leaves the slot free', async () => {
      await using db = await createDatabase(major);
      await db.query('create table t (id int primary key)');
      await using log = await openTestLog(db);
      await log.open();
      const start = await confirmedOf(log);
      await db.query('insert into t select generate_series(1, 1000)');
      {
        await using reader = await log.session.reader({ consume, plugin: 'pgoutput' }, never());
        const abort = new AbortController();
        const handler = new LogCollector({
          drained: () => {
            abort.abort(new Error('enough'));
          },
        });

        expect(await rejection(reader.read(await log.request(start, 'pgoutput'), handler, abort.signal))).toMatchObject({
          message: 'enough',
        });
      }
      expect(await slotOf(log)).toMatchObject({ activePid: null, confirmedLsn: start });
    });

    it('tells a connection that was ended from one that was not', async () => {
      await using db = await createDatabase(major);
      await db.query('create table t (id int primary key)');
      await using log = await openTestLog(db);
      await log.open();
      const start = await confirmedOf(log);
      await db.query(`insert into t select generate_series(1, 200000)`);
      const mine = await db.query(`select pg_backend_pid() as pid`);
      const known = (
        await db.query(
          `select pid from pg_stat_activity where application_name = 'backstitch test' and datname = current_database()`,
        )
      ).map(({ pid }) => pid);
      await using reader = await log.session.reader({ consume, plugin: 'pgoutput' }, never());
      const handler = new LogCollector({
        drained: async () => {
          await db.query(
            `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'backstitch test' and datname = current_database() and pid <> all ($1::int[])`,
            [`{${[...known, mine[0]?.pid].join(',')}}`],
          );
        },
      });

      expect(await rejection(reader.read(await log.request(start, 'pgoutput'), handler, never()))).toMatchObject({
        code: 'connection-lost',
      });
    });

    it('writes values as a session of ours does', async () => {
      await using db = await createDatabase(major);
      await db.query(
        `alter database ${db.database} set timezone to 'Asia/Tokyo'; alter database ${db.database} set datestyle to 'German'; alter database ${db.database} set bytea_output to 'escape'`,
      );
      await db.query(
        'create table t (id int primary key, at timestamptz, span interval, amount float8, bytes bytea, relation regclass)',
      );
      await using log = await openTestLog(db);
      await log.open();
      const start = await confirmedOf(log);
      await db.query(`insert into t values (1, '2026-01-02 03:04:05+00', '1 day 2 hours', 0.1::float4, '\\x00ff', 'public.t')`);
      const handler = new LogCollector();
      await using reader = await log.session.reader({ consume, plugin: 'pgoutput' }, never());

      await reader.read(await log.request(start, 'pgoutput'), handler, never());

      const [table] = await log.tables();
      if (table === undefined) throw new Error('no table');
      const rows = await log.session.rowsByKey(
        table,
        table.columns.map(({ name }) => name),
        [['1']],
        never(),
      );
      expect(rows).toEqual([
        ['1', '2026-01-02 03:04:05+00', 'P1DT2H', expect.stringMatching(/^0\.1000000014901161/), '\\x00ff', 'public.t'],
      ]);
      const [id, at, span, amount, bytes, relation] = rows[0] ?? [];
      expect(handler.changes).toEqual([`insert public.t ${JSON.stringify({ id, at, span, amount, bytes, relation })}`]);
    });
  });

  it('drops WAL of an idle database while another one is busy', async () => {
    // Transactions of whatever database hold a restart position back: a server without other tests.
    await using server = await startServer(major);
    await using db = await server.createDatabase();
    await using neighbour = await server.createDatabase();
    await db.query('create table t (id int primary key)');
    await using log = await openTestLog(db);
    await log.open();
    let from = await confirmedOf(log);
    const restarts: Lsn[] = [];
    for (let round = 0; round < 3; round += 1) {
      // Six segments, and what a restart position can be taken from.
      for (let segment = 0; segment < 6; segment += 1)
        await neighbour.query('create temporary table x (); drop table x; select pg_switch_wal()');
      await neighbour.query('checkpoint');
      const request = await log.request(from, 'pgoutput');
      await using reader = await log.session.reader({ consume: 'stream', plugin: 'pgoutput' }, never());
      const end = await reader.read(request, new LogCollector(), never());

      if (end.state !== 'reached') throw new Error('it should be at the end');
      await reader.confirm(log.slot, end.lsn, never());
      from = end.lsn;
      restarts.push((await slotOf(log)).restartLsn ?? (0n as Lsn));
    }
    const [first = 0n, second = 0n, third = 0n] = restarts;
    expect(second).toBeGreaterThan(first);
    expect(third).toBeGreaterThan(second);
    await eventually('the slot is free', async () => (await slotOf(log)).activePid === null);
  });
});
