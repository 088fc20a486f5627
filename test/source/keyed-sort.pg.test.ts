import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import { discoverTables } from '../../functions/engine/source/postgres/discover-tables.ts';
import { keyColumn, keyIndex } from '../../functions/engine/source/postgres/keyed-column.ts';
import { highestKeySql } from '../../functions/engine/source/postgres/keyed-window.ts';
import { keyedRead } from '../../functions/engine/source/postgres/keyed.ts';
import { majors, startServer } from '../support/postgres.ts';
import type { TestDatabase, TestServer } from '../support/postgres.ts';
import { Follower } from './keyed-follower.ts';
import { never, settingsFor, show, tableNamed } from './support.ts';

/** Memory that catalog queries fit into, but not the keys of one window, and a cache so small that rows are dear to fetch along an index. Whatever goes to disk is logged. */
const CONF = { work_mem: '192kB', effective_cache_size: '1MB', log_temp_files: '0', autovacuum: 'off' };
const ROWS = 16_000;
const WINDOW = 6_000;

const TABLE = 'create table t (k int, other int, filler text)';
const PARTITIONED = `${TABLE} partition by list (other); create table even partition of t for values in (0)`;

/** Keys from 1 to 16006, six of them left out, in an order that has nothing to do with them. */
function fill(table = 't'): string {
  return `insert into ${table} select i * 3919 % 16007, i % 2, repeat('x', 300) from generate_series(1, ${String(ROWS)}) i`;
}

/** How a table may be laid out that a read is tempted to sort. */
interface Layout {
  readonly name: string;
  /** SQL. */
  readonly make: string;
  /** Rows in each of its windows. */
  readonly windows: readonly number[];
  /** The first major that has it. */
  readonly since?: number;
}

const CUT = [6_000, 6_000, 4_000];
const WHOLE = [ROWS];

const LAYOUTS: readonly Layout[] = [
  { name: 'an index', make: `${TABLE}; create index on t (k); ${fill()}; analyze t`, windows: CUT },
  { name: 'an index of more columns', make: `${TABLE}; create index on t (k, other); ${fill()}; analyze t`, windows: CUT },
  { name: 'a descending index', make: `${TABLE}; create index on t (k desc); ${fill()}; analyze t`, windows: CUT },
  {
    name: 'an index that begins with NULL',
    make: `${TABLE}; create index on t (k nulls first); ${fill()}; analyze t`,
    windows: CUT,
  },
  {
    name: 'a descending index that ends with NULL',
    make: `${TABLE}; create index on t (k desc nulls last); ${fill()}; analyze t`,
    windows: CUT,
  },
  {
    name: 'an index and no statistics',
    make: `${TABLE}; create index on t (k); ${fill()}`,
    // A range with two ends is then expected to have few rows, so what is left after the first window is not cut.
    windows: [6_000, 10_000],
  },
  { name: 'no index', make: `${TABLE}; ${fill()}; analyze t`, windows: WHOLE },
  {
    name: 'no index but partial ones and those of other columns',
    make: `${TABLE}; create index on t (k) where other = 1; create index on t (other, k); ${fill()}; analyze t`,
    windows: WHOLE,
  },
  {
    name: 'an index that an inheriting table has too',
    make: `${TABLE}; create index on t (k); create table child () inherits (t); create index on child (k); ${fill('child')}; analyze child; analyze t`,
    windows: CUT,
  },
  {
    name: 'an index that an inheriting table does not have',
    make: `${TABLE}; create index on t (k); create table child () inherits (t); ${fill('child')}; analyze child; analyze t`,
    windows: WHOLE,
  },
  {
    name: 'an index of each partition',
    make: `${PARTITIONED}; create table odd partition of t for values in (1); create index on t (k); ${fill()}; analyze t`,
    windows: CUT,
    since: 11,
  },
  {
    name: 'indexes of partitions that have NULL at different ends',
    make: `${PARTITIONED}; create table odd partition of t for values in (1); create index on odd (k nulls first); create index on t (k); ${fill()}; analyze t`,
    windows: WHOLE,
    since: 11,
  },
];

describe.each(majors)('key-based reading of rows in another order than their keys, on PostgreSQL %i', (major) => {
  let server: TestServer;
  let db: TestDatabase;

  beforeAll(async () => {
    server = await startServer(major, { conf: CONF });
    db = await server.createDatabase();
    await db.query('set client_min_messages = warning');
  });

  afterAll(async () => {
    await db[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  beforeEach(() => db.query('drop table if exists t cascade'));

  /** What went to disk so far. The server logs it before it answers. */
  async function filesOnDisk(): Promise<readonly string[]> {
    return (await server.log()).split('\n').filter((line) => line.includes('temporary file: path'));
  }

  /** Reads all, and returns how many rows each window had. */
  async function windowsOf(table: string): Promise<readonly number[]> {
    const follower = new Follower(settingsFor(db), table, 'k', { maxRows: WINDOW, columns: ['k'] });
    const windows: number[] = [];
    for (let more = true; more;) {
      const run = await follower.run();
      windows.push(run.lines.length);
      more = run.more;
    }
    return windows;
  }

  /** The control: what a plain query for the end of a window leaves on disk. */
  async function sortAllOf(table: string): Promise<void> {
    await db.query(
      `select k::text from ${table} as source where k <= 16006 order by source.k offset ${String(WINDOW - 1)} limit 1`,
    );
  }

  it.each(LAYOUTS.filter(({ since = 0 }) => since <= major))('never sorts on disk with $name', async ({ make, windows }) => {
    await db.query(make);
    const before = await filesOnDisk();

    const read = await windowsOf('t');

    expect(await filesOnDisk()).toEqual(before);
    expect(read).toEqual(windows);
    await sortAllOf('t');
    expect(await filesOnDisk(), 'what a plain query leaves').not.toEqual(before);
  });

  it('never sorts on disk what parallel workers find for a view', async () => {
    await db.query(`
      create function is_wanted(k int) returns boolean language plpgsql immutable parallel safe cost 10000 as 'begin return k > 0; end';
      ${TABLE}; ${fill()}; analyze t;
      alter table t set (parallel_workers = 2);
      create view v as select * from t where is_wanted(k)`);
    const before = await filesOnDisk();

    const read = await windowsOf('v');

    expect(await filesOnDisk()).toEqual(before);
    expect(read).toEqual(WHOLE);
    await sortAllOf('v');
    expect(await filesOnDisk(), 'what a plain query leaves').not.toEqual(before);
  });

  it.each(['k', 'k, other', 'k desc', 'k nulls first', 'k desc nulls last'])(
    'finds the highest key by an index of (%s) without looking at more than that',
    async (columns) => {
      await db.query(`${TABLE}; create index on t (${columns}); ${fill()}; analyze t`);
      await using connection = await connect(settingsFor(db), never());
      const table = tableNamed(await discoverTables(connection, never()), 't');
      const key = keyColumn(connection, table, 'k');
      const index = await keyIndex(connection, table, key, never());

      const sql = highestKeySql({ from: 'public.t', key, index }, undefined);

      const plan = (await db.query(`explain ${sql}`)).map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toContain('Index Only Scan');
      expect(plan).not.toContain('Sort');
      expect(await db.query(sql)).toEqual([{ key: '16006' }]);
    },
  );

  it.each(['on', 'off'])('reads a window with sorts switched %s, as the database has it', async (setting) => {
    await db.query(
      `${TABLE}; create index on t (k); ${fill()}; analyze t; alter database ${db.database} set enable_sort = ${setting}`,
    );
    await using connection = await connect(settingsFor(db), never());
    const table = tableNamed(await discoverTables(connection, never()), 't');
    const from = { column: 'k', type: 'integer' };

    await using read = await keyedRead(
      connection,
      { table, columns: ['k'], from, lookBack: { kind: 'auto' }, maxRows: WINDOW },
      never(),
    );

    expect(read.more).toBe(true);
    expect(await show(connection, 'enable_sort')).toBe(setting);
  });
});
