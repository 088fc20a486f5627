import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KeyBookmark } from '../../functions/engine/model/bookmark.ts';
import type { Table } from '../../functions/engine/model/catalog.ts';
import { ReplicationError } from '../../functions/engine/model/errors.ts';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import type { Connection } from '../../functions/engine/source/postgres/connection.ts';
import { discoverTables } from '../../functions/engine/source/postgres/discover-tables.ts';
import { keyedRead } from '../../functions/engine/source/postgres/keyed.ts';
import { idleStreams } from '../../functions/engine/source/postgres/keyed-idle.ts';
import type { KeyedLook } from '../../functions/engine/source/source.ts';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { never, rejection, settingsFor, tableNamed } from './support.ts';

/** More than one statement takes. */
const TABLES = 120;
const IDLE = { nullKeys: 0, warnings: [] };

/** A connection that keeps what it was asked. */
function recorded(connection: Connection): Connection & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    ...connection,
    asked,
    query: (sql, params, signal) => {
      asked.push(sql);
      return connection.query(sql, params, signal);
    },
  };
}

describe('looking at many key-based streams at once', () => {
  let db: TestDatabase;
  let connection: Connection;
  let looks: readonly KeyedLook[];

  const lookOf = async (table: Table): Promise<KeyedLook> => {
    const columns = table.columns.map(({ name }) => name);
    const request = { table, columns, lookBack: { kind: 'auto' } } as const;
    const empty: KeyBookmark = { column: 'k', type: '' };
    await using read = await keyedRead(connection, { ...request, from: empty, maxRows: Infinity }, never());
    return { ...request, from: read.next };
  };

  const look = async (
    asked: readonly KeyedLook[],
  ): Promise<{ readonly idle: readonly unknown[]; readonly statements: number }> => {
    const recorder = recorded(connection);
    const idle = await idleStreams(recorder, asked, never());
    return { idle, statements: recorder.asked.length };
  };

  beforeAll(async () => {
    db = await createDatabase(newestMajor);
    await db.query(`
      do $$ begin
        for t in 1 .. ${String(TABLES)} loop
          execute format('create table "T %s" (k int primary key, v text); insert into "T %s" values (1, ''a'')', t, t);
        end loop;
      end $$;
      create role limited login`);
    connection = await connect(settingsFor(db), never());
    const tables = await discoverTables(connection, never());
    const found: KeyedLook[] = [];
    for (let t = 1; t <= TABLES; t += 1) found.push(await lookOf(tableNamed(tables, `T ${String(t)}`)));
    looks = found;
  });

  afterAll(async () => {
    await connection[Symbol.asyncDispose]();
    await db.query('drop owned by limited; drop role limited');
    await db[Symbol.asyncDispose]();
  });

  it('takes one statement for 50 tables, between the two of its transaction', async () => {
    const { idle, statements } = await look(looks);

    expect(idle).toEqual(looks.map(() => IDLE));
    expect(statements).toBe(1 + 3 * 3);
  });

  it.each([
    ['has a new row', 'insert into "T 60" values (2)', 'delete from "T 60" where k = 2'],
    ['has another value in the last row', `update "T 60" set v = 'b'`, `update "T 60" set v = 'a'`],
    ['was emptied', 'delete from "T 60"', `insert into "T 60" values (1, 'a')`],
    ['was dropped', 'alter table "T 60" rename to gone', 'alter table gone rename to "T 60"'],
    ['lost a column', 'alter table "T 60" rename v to w', 'alter table "T 60" rename w to v'],
    ['has a key of another type', 'alter table "T 60" alter k type text', 'alter table "T 60" alter k type int using k::int'],
  ])('tells the others apart from a table that %s', async (_, change, back) => {
    await db.query(change);
    try {
      const { idle, statements } = await look(looks);

      expect(idle).toEqual(looks.map((_, at) => (at === 59 ? undefined : IDLE)));
      // Of 50 tables one is found by halving, both ways: 1 + 2 * 6 statements at most, for that one batch.
      expect(statements).toBeLessThanOrEqual(1 + 3 * (3 + 2 * 6));
    } finally {
      await db.query(back);
    }
  });

  it('tells the others apart from a table that it may not read', async () => {
    await db.query('grant select on all tables in schema public to limited; revoke select on "T 7" from limited');
    await using limited = await connect(settingsFor(db, { user: 'limited' }), never());

    const idle = await idleStreams(limited, looks, never());

    expect(idle).toEqual(looks.map((_, at) => (at === 6 ? undefined : IDLE)));
  });

  it('does not wait long for a locked table, nor once for each half', async () => {
    const recorder = recorded(connection);
    await using other = await connect(settingsFor(db), never());
    await other.query('begin; set transaction read write; lock table public."T 60" in access exclusive mode', [], never());

    const idle = await idleStreams(recorder, looks, never());

    expect(idle.slice(0, 50)).toEqual(looks.slice(0, 50).map(() => IDLE));
    expect(idle[59]).toBeUndefined();
    expect(recorder.asked.length).toBe(1 + 3 * 3);
  });

  it('leaves to their own reads what would be dear to look at, or cannot be looked at', async () => {
    await db.query(`
      create table large (k int, v text); insert into large values (1, 'a');
      create table many (k int, v text); create index on many (k); insert into many select 1, 'a' from generate_series(1, 10002);
      create table nulls (k int, v text); create index on nulls (k); insert into nulls select null from generate_series(1, 10001);
      create view seen as select * from large;
      create table fine (k int, v text); insert into fine values (1, 'a'), (null, 'b')`);
    const tables = await discoverTables(connection, never());
    const large = await lookOf(tableNamed(tables, 'large'));
    const asked = [
      { ...large, table: { ...large.table, bytes: 1e9 } },
      await lookOf(tableNamed(tables, 'many')),
      await lookOf(tableNamed(tables, 'nulls')),
      await lookOf(tableNamed(tables, 'seen')),
      { ...large, from: { ...large.from, column: 'missing' } },
      await lookOf(tableNamed(tables, 'fine')),
    ];

    expect((await look(asked)).idle).toEqual([undefined, undefined, undefined, undefined, undefined, { ...IDLE, nullKeys: 1 }]);
  });

  it('asks nothing where there is nothing to look at', async () => {
    expect(await look([])).toEqual({ idle: [], statements: 0 });
  });

  it('fails with a connection that is lost', async () => {
    const lost = await connect(settingsFor(db), never());
    await lost[Symbol.asyncDispose]();

    expect(await rejection(idleStreams(lost, looks, never()))).toBeInstanceOf(ReplicationError);
  });

  it('ends when it is told to', async () => {
    const reason = new Error('enough');

    expect(await rejection(idleStreams(connection, looks, AbortSignal.abort(reason)))).toBe(reason);
  });
});
