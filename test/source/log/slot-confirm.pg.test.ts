import { expect, it } from 'vitest';
import { parseLsn } from '../../../functions/engine/model/lsn.ts';
import type { Lsn } from '../../../functions/engine/model/lsn.ts';
import { connect } from '../../../functions/engine/source/postgres/connection.ts';
import { confirmBySql } from '../../../functions/engine/source/postgres/log/slot-confirm.ts';
import { slotState } from '../../../functions/engine/source/postgres/log/slots.ts';
import { majors, newestMajor, onServer, startServer } from '../../support/postgres.ts';
import { never, settingsFor } from '../support.ts';

const PAGE_BYTES = 8192n;

it.each([...new Set([majors[0] ?? newestMajor, newestMajor])])(
  'a slot of PostgreSQL %i that is confirmed to the end of a page of WAL, inside of a record, does not pass that position',
  async (major) => {
    await using server = await startServer(major);
    await using db = await server.createDatabase({ sessionsAtEnd: 'any' });
    await db.query(`create table t (id int, filler text); alter table t alter filler set storage external`);
    await db.query(`select pg_create_logical_replication_slot('one', 'pgoutput'); create publication one`);
    const writer = await db.connect();
    // Records of some 7 KB: hardly a page of WAL ends where one of them does.
    await writer.query('begin');
    await writer.query(
      `insert into t select n, (select string_agg(md5(n || '-' || g), '') from generate_series(1, 220) g) from generate_series(1, 50) n`,
    );
    // A commit elsewhere has all of it flushed.
    const flushed = await onServer(server, async (admin) => {
      await admin.query('create table elsewhere ()');
      const { rows } = await admin.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
      return parseLsn(rows[0]?.lsn ?? '');
    });
    const pages = [1n, 2n, 3n, 4n, 5n].map((page) => (flushed - (flushed % PAGE_BYTES) - page * PAGE_BYTES) as Lsn).reverse();
    await using connection = await connect(settingsFor({ ...server, database: db.database }), never());
    const options = [
      ['proto_version', '1'],
      ['publication_names', 'one'],
    ] as const;

    const ends: boolean[] = [];
    for (const lsn of pages) {
      await confirmBySql(connection, { slot: 'one', lsn, options }, never());
      const { confirmedLsn } = (await slotState(connection, 'one', never())) ?? {};
      ends.push(confirmedLsn !== undefined && confirmedLsn !== null && confirmedLsn <= lsn);
    }
    await writer.query('rollback');
    await confirmBySql(connection, { slot: 'one', lsn: flushed, options }, never());

    expect(ends).toEqual([true, true, true, true, true]);
    expect((await slotState(connection, 'one', never()))?.confirmedLsn).toBe(flushed);
  },
);
