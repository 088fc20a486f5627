import { describe, expect, it } from 'vitest';
import { createDatabase, eventually, newestMajor } from '../../support/postgres.ts';
import type { TextRow } from '../../support/postgres.ts';
import { never, tableNamed } from '../support.ts';
import { openTestLog } from './log-support.ts';

describe('rows by key', () => {
  it('come in any order, whatever the types of the key', async () => {
    await using db = await createDatabase(newestMajor);
    await db.query(`
      create extension citext; create schema "my types"; create type "my types"."Mood" as enum ('so ''so''', 'b"ad\\');
      create table "T t" (a citext, b "my types"."Mood", c numeric(10,2), d bytea, e timestamptz, f char(5), g text[], "v ""v""" text, primary key (a, b, c, d, e, f, g));
      insert into "T t" values ('Aa', 'b"ad\\', 1.50, '\\x00ff', '2026-01-01 00:00:00.123456+00', 'x', '{"a b",NULL}', 'one'), ('b', 'so ''so''', 2, '\\x', '-infinity', 'yy', '{}', null)`);
    await using log = await openTestLog(db);
    const table = tableNamed(await log.tables(), 'T t');

    const rows = await log.session.rowsByKey(
      table,
      ['v "v"', 'a'],
      [
        ['AA', 'b"ad\\', '1.50', '\\x00ff', '2026-01-01 00:00:00.123456+00', 'x    ', '{"a b",NULL}'],
        ['b', "so 'so'", '2.00', '\\x', '-infinity', 'yy   ', '{}'],
        ['c', "so 'so'", '2.00', '\\x', '-infinity', 'yy   ', '{}'],
      ],
      never(),
    );

    expect([...rows].sort()).toEqual([
      [null, 'b'],
      ['one', 'Aa'],
    ]);
    expect(await log.session.rowsByKey(table, ['a'], [], never())).toEqual([]);
  });

  it('are those of the table itself: of all leaves, and of no child that inherits from it', async () => {
    await using db = await createDatabase(newestMajor);
    await db.query(`
      create table p (id int primary key, v text) partition by hash (id);
      create table p0 partition of p for values with (modulus 2, remainder 0); create table p1 partition of p for values with (modulus 2, remainder 1);
      insert into p select n, 'v' || n from generate_series(1, 4) n;
      create table parent (id int primary key, v text); create table child () inherits (parent); insert into parent values (1, 'parent'); insert into child values (1, 'child')`);
    await using log = await openTestLog(db);
    const tables = await log.tables();

    expect(
      [...(await log.session.rowsByKey(tableNamed(tables, 'p'), ['v'], [['1'], ['2'], ['3'], ['9']], never()))].sort(),
    ).toEqual([['v1'], ['v2'], ['v3']]);
    expect(await log.session.rowsByKey(tableNamed(tables, 'parent'), ['v'], [['1']], never())).toEqual([['parent']]);
  });

  it('use the index of the primary key of a table that the planner knows nothing of', async () => {
    await using db = await createDatabase(newestMajor);
    await db.query(`create table t (a int, b text, v text, primary key (a, b)) with (autovacuum_enabled = off)`);
    await db.query(`insert into t select n, n::text, 'v' from generate_series(1, 5000) n`);
    const scans = async (): Promise<TextRow> => {
      await db.query('select pg_stat_force_next_flush()');
      const [row] = await db.query(`select seq_scan, idx_scan from pg_stat_all_tables where relid = 't'::regclass`);
      return row ?? {};
    };
    const before = await scans();
    {
      await using log = await openTestLog(db);
      const keys = Array.from({ length: 1_000 }, (_, n) => [String(n * 4 + 1), String(n * 4 + 1)]);
      expect(await log.session.rowsByKey(tableNamed(await log.tables(), 't'), ['v'], keys, never())).toHaveLength(1_000);
    }
    // A session tells what it did when it ends.
    const after = await eventually('the index was used', async () => {
      const now = await scans();
      return Number(now.idx_scan) >= Number(before.idx_scan) + 1_000 ? now : undefined;
    });
    expect(after.seq_scan).toBe(before.seq_scan);
  });
});
