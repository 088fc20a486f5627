import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { majors } from '../../support/postgres.ts';
import { ABSENT, UNCHANGED } from './decode-recorder.ts';
import type { SeenChange } from './decode-recorder.ts';
import { isInstalled, openLogDatabase, waysOf } from './decode-ways.ts';
import type { LogDatabase } from './decode-ways.ts';

/** Beyond what is kept in line, and not compressible. */
const LARGE = `(select string_agg(md5(n::text), '') from generate_series(1, 400) n)`;
const WEIRD = 'Weird "Name"\n\\ .,* ünï😀';
const weird = `"${WEIRD.replaceAll('"', '""')}"`;

describe.each(majors)('PostgreSQL %i', (major) => {
  for (const way of waysOf(major)) {
    describe.skipIf(!isInstalled(way, major))(`through ${way.name}`, () => {
      let log: LogDatabase;
      beforeAll(async () => {
        log = await openLogDatabase(major, way);
      });
      afterAll(() => log[Symbol.asyncDispose]());

      /** What statements put into the log. */
      const logged = async (...statements: readonly string[]): Promise<readonly Omit<SeenChange, 'lsn'>[]> => {
        await log.run(...statements);
        return (await log.decode()).rows;
      };
      const discard = async (...statements: readonly string[]): Promise<void> => {
        await logged(...statements);
      };

      it('inserts, updates and deletes by the primary key', async () => {
        await discard(`create table plain (id int primary key, a text, b numeric)`);

        expect(
          await logged(
            `insert into plain values (1, E'x\\ty\\\\z"''\\n', 18014398509481982123.10), (2, '', null)`,
            `update plain set a = null where id = 1`,
            `delete from plain where id = 2`,
          ),
        ).toEqual([
          { kind: 'insert', table: 'public.plain', row: { id: '1', a: 'x\ty\\z"\'\n', b: '18014398509481982123.10' } },
          { kind: 'insert', table: 'public.plain', row: { id: '2', a: '', b: null } },
          { kind: 'update', table: 'public.plain', row: { id: '1', a: null, b: '18014398509481982123.10' } },
          { kind: 'delete', table: 'public.plain', old: { id: '2', a: ABSENT, b: ABSENT } },
        ]);
      });

      it('an update of the key has the old key', async () => {
        await discard(
          `create table rekeyed (a int, b text, note text, primary key (a, b))`,
          `insert into rekeyed values (1, 'x', 'n')`,
        );

        expect(await logged(`update rekeyed set b = 'y'`)).toEqual([
          { kind: 'update', table: 'public.rekeyed', row: { a: '1', b: 'y', note: 'n' }, old: { a: '1', b: 'x', note: ABSENT } },
        ]);
      });

      it('REPLICA IDENTITY FULL has whole old rows', async () => {
        await discard(
          `create table whole (id int primary key, note text, large text)`,
          `alter table whole replica identity full`,
          `insert into whole values (1, null, 'l')`,
        );

        expect(await logged(`update whole set note = 'n'`, `delete from whole`)).toEqual([
          {
            kind: 'update',
            table: 'public.whole',
            row: { id: '1', note: 'n', large: 'l' },
            old: { id: '1', note: null, large: 'l' },
          },
          { kind: 'delete', table: 'public.whole', old: { id: '1', note: 'n', large: 'l' } },
        ]);
      });

      it('REPLICA IDENTITY USING INDEX has the columns of the index', async () => {
        await discard(
          `create table indexed (id int, code text not null, note text)`,
          `create unique index indexed_code on indexed (code)`,
          `alter table indexed replica identity using index indexed_code`,
          `insert into indexed values (1, 'c', null)`,
        );

        expect(await logged(`update indexed set note = 'n'`, `update indexed set code = 'd'`, `delete from indexed`)).toEqual([
          { kind: 'update', table: 'public.indexed', row: { id: '1', code: 'c', note: 'n' } },
          {
            kind: 'update',
            table: 'public.indexed',
            row: { id: '1', code: 'd', note: 'n' },
            old: { id: ABSENT, code: 'c', note: ABSENT },
          },
          { kind: 'delete', table: 'public.indexed', old: { id: ABSENT, code: 'd', note: ABSENT } },
        ]);
      });

      it('a table without a key has its inserts', async () => {
        expect(await logged(`create table keyless (a int, b text)`, `insert into keyless values (1, 'x')`)).toEqual([
          { kind: 'insert', table: 'public.keyless', row: { a: '1', b: 'x' } },
        ]);
      });

      it('values that an update left out are marked, and found in whole old rows', async () => {
        await discard(
          `create table toasted (id int primary key, a text, n int, b text)`,
          `insert into toasted values (1, ${LARGE}, 1, ${LARGE}), (2, 'small', 1, null)`,
        );
        const large = (await log.database.query(`select a from toasted where id = 1`))[0]?.a;

        expect(await logged(`update toasted set n = 2`, `update toasted set a = 'now small', n = 3 where id = 1`)).toEqual([
          { kind: 'update', table: 'public.toasted', row: { id: '1', a: UNCHANGED, n: '2', b: UNCHANGED } },
          { kind: 'update', table: 'public.toasted', row: { id: '2', a: 'small', n: '2', b: null } },
          { kind: 'update', table: 'public.toasted', row: { id: '1', a: 'now small', n: '3', b: UNCHANGED } },
        ]);
        expect(await logged(`alter table toasted replica identity full`, `update toasted set n = 4 where id = 1`)).toEqual([
          {
            kind: 'update',
            table: 'public.toasted',
            row: { id: '1', a: 'now small', n: '4', b: UNCHANGED },
            old: { id: '1', a: 'now small', n: '3', b: large },
          },
        ]);
        expect(large?.length).toBe(12_800);
      });

      it('every row of a multi-row insert and of COPY is a change', async () => {
        await discard(`create table many (id int primary key)`);

        const rows = await logged(
          `insert into many select n from generate_series(1, 1000) n`,
          `insert into many values (0), (-1)`,
        );

        expect(rows.map(({ row }) => Number(row?.id))).toEqual([...Array.from({ length: 1000 }, (_, n) => n + 1), 0, -1]);
      });

      it('only what was not rolled back to a savepoint is there', async () => {
        await discard(`create table saved (id int primary key)`);

        const rows = await logged(`begin; insert into saved values (1); savepoint a; insert into saved values (2); savepoint b;
          insert into saved values (3); rollback to b; insert into saved values (4); release a; savepoint c; insert into saved values (5);
          rollback to c; insert into saved values (6); commit`);

        expect(rows.map(({ row }) => row?.id)).toEqual(['1', '2', '4', '6']);
      });

      it('transactions come whole, in the order of their commits', async () => {
        await discard(`create table interleaved (id int primary key, who text)`);
        const [one, two] = [await log.database.connect(), await log.database.connect()];
        await one.query(`begin; insert into interleaved values (1, 'one')`);
        await two.query(`begin; insert into interleaved values (2, 'two')`);
        await one.query(`insert into interleaved values (3, 'one')`);
        await two.query(`insert into interleaved values (4, 'two'); commit`);
        await one.query(
          `insert into interleaved values (5, 'one'); rollback; begin; insert into interleaved values (6, 'one'); commit`,
        );

        const { transactions } = await log.decode();

        const ours = transactions.filter(({ changes }) => changes.length > 0);
        expect(ours.map(({ changes }) => changes.map((change) => ('row' in change ? change.row.id : '')))).toEqual([
          ['2', '4'],
          ['6'],
        ]);
        expect(ours.every(({ commitLsn, endLsn = 0n }) => commitLsn <= endLsn)).toBe(true);
        expect(ours[0]?.commitLsn).toBeLessThan(ours[1]?.commitLsn ?? 0n);
      });

      it('times of commit have microseconds and are the same in every time zone', async () => {
        await discard(`create table timed (id int primary key)`);
        await log.run(`insert into timed values (1)`);

        const { transactions } = await log.decode(`set timezone = 'Asia/Kathmandu'`);

        expect(transactions.at(-1)?.committedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
        expect(Math.abs(Date.parse(transactions.at(-1)?.committedAt ?? '') - Date.now())).toBeLessThan(600_000);
      });

      it('names of any kind are read as they are', async () => {
        await discard(`create schema ${weird}`, `create table ${weird}.${weird} (${weird} int primary key, "*" text)`);

        expect(await logged(`insert into ${weird}.${weird} values (1, 'x')`, `delete from ${weird}.${weird}`)).toEqual([
          { kind: 'insert', table: `${WEIRD}.${WEIRD}`, row: { [WEIRD]: '1', '*': 'x' } },
          { kind: 'delete', table: `${WEIRD}.${WEIRD}`, old: { [WEIRD]: '1', '*': ABSENT } },
        ]);
      });

      it('rows have the columns that the table had when they were written', async () => {
        await discard(`create table altered (id int primary key, gone text, renamed text, retyped int, stays text)`);

        const rows = await logged(
          `insert into altered values (1, 'g', 'r', 5, 's')`,
          `alter table altered drop column gone`,
          `insert into altered values (2, 'r', 6, 's')`,
          `alter table altered rename column renamed to "other name"`,
          `insert into altered values (3, 'r', 7, 's')`,
          `alter table altered alter column retyped type text using 'was ' || retyped`,
          `insert into altered values (4, 'r', 'text', 's')`,
          `alter table altered add column added timestamptz not null default '2020-02-03 04:05:06.5+00'`,
          `insert into altered values (5, 'r', 'text', 's')`,
          `update altered set stays = 't' where id = 1`,
          `delete from altered where id = 2`,
        );

        const time = '2020-02-03 04:05:06.5+00';
        expect(rows.slice(0, 6).map(({ row }) => row)).toEqual([
          { id: '1', gone: 'g', renamed: 'r', retyped: '5', stays: 's' },
          { id: '2', renamed: 'r', retyped: '6', stays: 's' },
          { id: '3', 'other name': 'r', retyped: '7', stays: 's' },
          { id: '4', 'other name': 'r', retyped: 'text', stays: 's' },
          { id: '5', 'other name': 'r', retyped: 'text', stays: 's', added: time },
          { id: '1', 'other name': 'r', retyped: 'was 5', stays: 't', added: time },
        ]);
        expect(rows[6]).toMatchObject({ kind: 'delete', old: { id: '2', stays: ABSENT } });
        expect(rows).toHaveLength(7);
      });

      it('an equal definition keeps its object, a changed one has another', async () => {
        await discard(`create table same (id int primary key, a text, b text)`);
        await log.run(
          `insert into same values (1, ${LARGE}, 'b')`,
          `update same set b = 'c'`,
          `create index on same (b)`,
          `insert into same values (2, 'a', 'b')`,
          `delete from same where id = 1`,
          `alter table same add column c int`,
          `insert into same values (3)`,
        );

        const { relations } = await log.decode();

        expect(new Set(relations.slice(0, 4)).size).toBe(1);
        expect(relations[4]).not.toBe(relations[0]);
        const said = (typeOid: number): number => (way.name.includes('without types') ? 0 : typeOid);
        expect(relations[0]?.columns.map(({ typeOid, isKey }) => [typeOid, isKey])).toEqual([
          [said(23), true],
          [said(25), false],
          [said(25), false],
        ]);
      });

      it('a generated column is there where the plugin sends it', async () => {
        if (major < 12) return;
        await discard(`create table generated (id int primary key, twice int generated always as (id * 2) stored)`);

        const [change] = await logged(`insert into generated values (21)`);

        expect(change?.row).toEqual(way.plugin === 'pgoutput' ? { id: '21' } : { id: '21', twice: '42' });
      });

      it('TRUNCATE names every table that it empties', async () => {
        const isSeen = major >= 11 && !way.name.startsWith('wal2json 1');
        await discard(
          `create table parent (id int primary key)`,
          `create table child (id int primary key, parent int references parent)`,
          `insert into parent values (1)`,
        );
        await log.run(`truncate parent cascade`, `insert into parent values (2)`);

        const changes = (await log.decode()).transactions.flatMap((transaction) => transaction.changes);

        const emptied = changes.flatMap((change) => (change.kind === 'truncate' ? change.tables : []));
        expect(emptied).toEqual(isSeen ? ['public.parent', 'public.child'] : []);
        expect(changes.at(-1)).toMatchObject({ kind: 'insert', row: { id: '2' } });
      });

      it('changes of partitions come under the names of the leaves', async () => {
        if (major < 11) return;
        await discard(
          `create table parted (id int primary key, note text) partition by range (id)`,
          `create table low partition of parted for values from (0) to (10)`,
          `create table high (note text, id int not null)`,
          `alter table parted attach partition high for values from (10) to (20)`,
        );

        expect(await logged(`insert into parted values (1, 'l'), (11, 'h')`)).toEqual([
          { kind: 'insert', table: 'public.low', row: { id: '1', note: 'l' } },
          { kind: 'insert', table: 'public.high', row: { id: '11', note: 'h' } },
        ]);
      });

      it('logical messages are passed over', async () => {
        await discard(`create table beside (id int primary key)`);

        const rows = await logged(
          `select pg_logical_emit_message(false, 'prefix', 'outside')`,
          `begin; insert into beside values (1); select pg_logical_emit_message(true, 'prefix', 'a "text"\n'); insert into beside values (2); commit`,
          `select pg_logical_emit_message(true, 'prefix', 'alone')`,
          `select pg_logical_emit_message(false, 'prefix', 'outside')`,
          `insert into beside values (3)`,
        );

        expect(rows.map(({ row }) => row?.id)).toEqual(['1', '2', '3']);
      });

      it('positions grow within a transaction and never go back for a key', async () => {
        await discard(
          `create table counted (id int primary key, n int)`,
          `insert into counted select n, 0 from generate_series(1, 5) n`,
        );
        const statements = Array.from({ length: 20 }, (_, n) => `update counted set n = ${n}`);
        await log.run(...statements);

        const { transactions, changes } = await log.decode();

        for (const { changes: inside } of transactions) {
          const positions = inside.map(({ lsn }) => lsn);
          expect(positions).toEqual([...positions].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
        }
        for (const id of ['1', '2', '3', '4', '5']) {
          const positions = changes.filter(({ row }) => row?.id === id).map(({ lsn }) => lsn);
          expect(positions).toHaveLength(20);
          expect(positions.every((lsn, index) => index === 0 || lsn > (positions[index - 1] ?? 0n))).toBe(true);
        }
      });
    });
  }
});
