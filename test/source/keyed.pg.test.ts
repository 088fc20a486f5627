import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, majors } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { Follower } from './keyed-follower.ts';
import { rejection, settingsFor } from './support.ts';

describe.each(majors)('key-based reading on PostgreSQL %i', (major) => {
  let db: TestDatabase;

  beforeAll(async () => {
    db = await createDatabase(major);
  });

  afterAll(() => db[Symbol.asyncDispose]());

  beforeEach(() => db.query('drop table if exists t cascade; drop type if exists mood cascade'));

  const follow = (column = 'k', options: ConstructorParameters<typeof Follower>[3] = {}, table = 't'): Follower =>
    new Follower(settingsFor(db), table, column, options);

  it('reads everything first, then only what is new', async () => {
    await db.query(`create table t (k int primary key, v text); insert into t select i, 'v' || i from generate_series(1, 3) i`);
    const follower = follow();

    const first = await follower.run();
    const second = await follower.run();
    await db.query(`insert into t values (4, 'v4'), (5, 'v5')`);
    const third = await follower.run();

    expect(first).toMatchObject({
      hasRows: true,
      lines: ['1\tv1', '2\tv2', '3\tv3'],
      more: false,
      range: { min: '1', max: '3' },
      nullKeys: 0,
      warnings: [],
    });
    expect(first.next).toEqual({ column: 'k', type: 'integer', value: '3', boundary: { rows: '1', digest: expect.any(String) } });
    expect(second).toMatchObject({ hasRows: false, lines: [], next: first.next });
    expect(second.range).toBeUndefined();
    expect(third).toMatchObject({ lines: ['4\tv4', '5\tv5'], range: { min: '4', max: '5' } });
    expect(BigInt(third.sequence)).toBeGreaterThan(BigInt(first.sequence));
    expect(Date.parse(third.at)).toBeGreaterThanOrEqual(Date.parse(first.at));
  });

  it('reads the rows that share the last key again when one was added, changed or removed, and not otherwise', async () => {
    await db.query(`create table t (k int, v text); insert into t values (1, 'a'), (2, 'b'), (2, 'c')`);
    const follower = follow();
    await follower.run();

    const unchanged = await follower.run();
    await db.query(`insert into t values (2, 'd')`);
    const added = await follower.run();
    await db.query(`update t set v = 'B' where v = 'b'`);
    const changed = await follower.run();
    await db.query(`delete from t where v = 'c'`);
    const removed = await follower.run();
    await db.query(`update t set v = 'A' where v = 'a'`);
    const elsewhere = await follower.run();

    expect(unchanged.lines).toEqual([]);
    expect(added.lines).toEqual(['2\tb', '2\tc', '2\td']);
    expect(changed.lines).toEqual(['2\tB', '2\tc', '2\td']);
    expect(removed.lines).toEqual(['2\tB', '2\td']);
    expect(elsewhere.lines).toEqual([]);
  });

  it('looks for changes in the selected columns only', async () => {
    await db.query(`create table t (k int, v text, noise int default 0); insert into t values (1, 'a')`);
    const follower = follow('k', { columns: ['v', 'k'] });
    const first = await follower.run();

    await db.query('update t set noise = noise + 1');
    const second = await follower.run();

    expect(first.lines).toEqual(['a\t1']);
    expect(second.lines).toEqual([]);
  });

  it('begins with a table that is empty, and goes on with one that was emptied', async () => {
    await db.query('create table t (k int)');
    const follower = follow();

    const empty = await follower.run();
    await db.query('insert into t values (0), (1)');
    const filled = await follower.run();
    await db.query('truncate t');
    const emptied = await follower.run();
    await db.query('insert into t values (0), (1), (2)');
    const filledAgain = await follower.run();

    expect(empty.next).toEqual({ column: 'k', type: 'integer' });
    expect(filled.lines).toEqual(['0', '1']);
    expect(emptied).toMatchObject({ hasRows: false, next: { value: '1' } });
    expect(filledAgain.lines).toEqual(['1', '2']);
  });

  it('reads in the snapshot in which it looked', async () => {
    await db.query('create table t (k int); insert into t values (1)');
    const follower = follow();

    const first = await follower.run(() => db.query('insert into t values (1), (2); update t set k = 1 where k = 1'));
    const second = await follower.run();

    expect(first.lines).toEqual(['1']);
    expect(second.lines).toEqual(['1', '1', '2']);
  });

  it.each([
    ['int', `0), (-1), (5`, ['-1', '0', '5'], '7'],
    ['smallint', `0), (-32768`, ['-32768', '0'], '1'],
    ['bigint', `9007199254740993`, ['9007199254740993'], '9007199254740994'],
    [
      'numeric',
      `0.10), (123456789012345678901234567890.5`,
      ['0.10', '123456789012345678901234567890.5'],
      '123456789012345678901234567890.50001',
    ],
    ['numeric(12,2)', `0), (0.01`, ['0.00', '0.01'], '0.02'],
    ['text', `''), ('a''b'), (E'x\\\\y'`, ['', "a'b", 'x\\\\y'], 'z'],
    ['varchar(10)', `'a'), ('b'`, ['a', 'b'], 'c'],
    ['char(3)', `'a'), ('b'`, ['a  ', 'b  '], 'c'],
    [
      'uuid',
      `'00000000-0000-0000-0000-00000000000a'), ('f0000000-0000-0000-0000-000000000000'`,
      ['00000000-0000-0000-0000-00000000000a', 'f0000000-0000-0000-0000-000000000000'],
      'f0000000-0000-0000-0000-000000000001',
    ],
    ['date', `'2020-02-29'), ('0044-03-15 BC'`, ['0044-03-15 BC', '2020-02-29'], '2020-03-01'],
    ['timestamp', `'2020-01-01 00:00:00.000001'`, ['2020-01-01 00:00:00.000001'], '2020-01-01 00:00:00.000002'],
    ['timestamptz', `'2020-01-01 00:00:00.000001+14'`, ['2019-12-31 10:00:00.000001+00'], '2020-01-01 00:00:00+00'],
  ])('takes %s as a key', async (type, values, lines, next) => {
    await db.query(`create table t (k ${type}); insert into t values (${values})`);
    const follower = follow();

    const first = await follower.run();
    const second = await follower.run();
    await db.query(`insert into t values ('${next}')`);
    const third = await follower.run();

    expect(first.lines).toEqual(lines.toSorted());
    expect(second.lines).toEqual([]);
    expect(third.lines.map((line) => line.trim())).toEqual([next]);
  });

  it.each(['key', 'k', 'source', 'rows', 'order'])(
    'orders by the values of a column named %s, and not by their text',
    async (name) => {
      await db.query(
        `create table t ("${name}" int primary key, v int); insert into t select i, i from generate_series(1, 100) i; analyze t`,
      );
      const follower = follow(name, { columns: ['v'], maxRows: 60 });

      const first = await follower.run();
      const second = await follower.run();

      expect(first).toMatchObject({ range: { min: '1', max: '60' }, more: true });
      expect(second).toMatchObject({ range: { min: '61', max: '100' }, more: false });
    },
  );

  it('takes a domain as a key', async () => {
    await db.query('create domain positive as int check (value > 0); create table t (k positive); insert into t values (1), (2)');
    const follower = follow();

    expect((await follower.run()).lines).toEqual(['1', '2']);
    expect((await follower.run()).lines).toEqual([]);
    await db.query('drop table t; drop domain positive');
  });

  it.each(['boolean', 'double precision', 'jsonb', 'integer[]', 'interval', 'bytea', 'mood', 'inet'])(
    'refuses %s as a key',
    async (type) => {
      await db.query(`create type mood as enum ('sad', 'ok'); create table t (k ${type})`);

      expect(await rejection(follow().run())).toMatchObject({
        code: 'replication-key-unsuitable',
        message: expect.stringContaining(type),
      });
    },
  );

  it('refuses a key that is not there', async () => {
    await db.query('create table t (k int)');

    expect(await rejection(follow('nothing').run())).toMatchObject({ code: 'column-missing' });
  });

  it('takes text for text, whatever it looks like', async () => {
    const hostile = [
      `'; drop table t; --`,
      String.raw`\'; drop table t; --`,
      `' or ''='`,
      '$1',
      'x\ny',
      '',
      ' ',
      'ünï😀',
      '\\',
      "E'\\'",
    ];
    await db.query('create table t ("k""; drop table t; --" text, v int)');
    await db.query('insert into t select * from unnest($1::text[]) with ordinality', [hostile]);
    const follower = follow('k"; drop table t; --', { columns: ['v'] });

    const sent: string[] = [];
    for (let run = 0; run < 3; run += 1) {
      sent.push(...(await follower.run()).lines);
      for (const value of hostile) {
        const from = { ...follower.bookmark, value };
        follower.bookmark = from;
        await follower.run();
      }
    }

    expect(sent.slice(0, hostile.length).toSorted()).toEqual(hostile.map((_, index) => String(index + 1)).toSorted());
    expect(await db.query('select count(*) as rows from t')).toEqual([{ rows: String(hostile.length) }]);
  });

  it('orders text as its column does', async () => {
    await db.query(`create table t (k text collate "C"); insert into t values ('B'), ('a')`);
    const follower = follow();

    await follower.run();
    await db.query(`insert into t values ('C'), ('b')`);

    expect(follower.bookmark.value).toBe('a');
    expect((await follower.run()).lines).toEqual(['b']);
  });

  it('reads views, without windows', async () => {
    await db.query(
      `create table t (k int, v text); create view v as select k, upper(v) as v from t; insert into t select i, 'x' from generate_series(1, 10) i; analyze t`,
    );
    const follower = follow('k', { maxRows: 3 }, 'v');

    const first = await follower.run();
    const second = await follower.run();
    await db.query(`insert into t values (11, 'y')`);
    const third = await follower.run();

    expect(first.lines).toHaveLength(10);
    expect(first.more).toBe(false);
    expect(first.nullKeys).toBeUndefined();
    expect(second.lines).toEqual([]);
    expect(third.lines).toEqual(['11\tY']);
  });

  it('reads partitioned tables and materialized views', async () => {
    await db.query(`
      create table t (k int not null, v text) partition by range (k);
      create table t_low partition of t for values from (0) to (10);
      create table t_high partition of t for values from (10) to (20);
      insert into t values (1, 'a'), (11, 'b');
      create materialized view m as select * from t`);
    const [root, view] = [follow(), follow('k', {}, 'm')];

    expect((await root.run()).lines).toEqual(['1\ta', '11\tb']);
    expect((await view.run()).lines).toEqual(['1\ta', '11\tb']);
    await db.query(`insert into t values (12, 'c'); refresh materialized view m`);
    expect((await root.run()).lines).toEqual(['12\tc']);
    expect((await view.run()).lines).toEqual(['12\tc']);
    await db.query('drop materialized view m');
  });

  it('needs rights on the selected columns only', async () => {
    const role = `reader_${randomBytes(4).toString('hex')}`;
    await db.query(`create role ${role} login; create table t (k int, v text, secret text); grant select (k, v) on t to ${role}`);
    await db.query(`insert into t values (1, 'a', 'hidden')`);
    const follower = new Follower(settingsFor(db, { user: role }), 't', 'k');

    const first = await follower.run();
    const second = await follower.run();
    await db.query(`drop owned by ${role}; drop role ${role}`);

    expect(first.lines).toEqual(['1\ta']);
    expect(second.lines).toEqual([]);
  });

  it('counts NULL keys, and infinite ones, which it never reads', async () => {
    await db.query(
      `create table t (k timestamptz, v int); insert into t values (null, 1), ('infinity', 2), ('2020-01-01', 3), (null, 4), ('-infinity', 5)`,
    );
    const follower = follow('k', { columns: ['v'] });

    const first = await follower.run();
    await db.query(`insert into t values ('2020-01-02', 6), ('infinity', 7)`);
    const second = await follower.run();

    expect(first).toMatchObject({ lines: ['3', '5'], nullKeys: 3 });
    expect(second).toMatchObject({ lines: ['6'], nullKeys: 4 });
  });

  it('never takes NaN as the highest key', async () => {
    await db.query(`create table t (k numeric); insert into t values ('NaN'), (1), (null)`);
    const follower = follow();

    expect(await follower.run()).toMatchObject({ lines: ['1'], nullKeys: 2, next: { value: '1' } });
  });

  it('keeps behind the highest number as far as it is told', async () => {
    await db.query('create table t (k int); insert into t select i from generate_series(1, 20) i');
    const follower = follow('k', { lookBack: { kind: 'number', amount: '5' } });

    const first = await follower.run();
    const unchanged = await follower.run();
    await db.query('delete from t where k = 17');
    await db.query('insert into t values (16), (21)');
    const late = await follower.run();
    await db.query('insert into t values (10)');
    const tooLate = await follower.run();

    expect(first.next).toMatchObject({ value: '15', sentUpTo: '20', boundary: { rows: '6' } });
    expect(unchanged.lines).toEqual([]);
    expect(late.lines).toEqual(['15', '16', '16', '18', '19', '20', '21']);
    expect(late.next).toMatchObject({ value: '16', sentUpTo: '21' });
    expect(tooLate.lines).toEqual([]);
  });

  it.each(['smallint', 'int', 'bigint', 'numeric'])('does not fall off the lower end of %s', async (type) => {
    await db.query(`create table t (k ${type}); insert into t values (-32760)`);
    const follower = follow('k', { lookBack: { kind: 'number', amount: '99999999999999999999.5' } });

    expect((await follower.run()).lines).toEqual(['-32760']);
    expect((await follower.run()).lines).toEqual([]);
  });

  describe('in windows', () => {
    async function readAll(follower: Follower): Promise<readonly (readonly string[])[]> {
      const windows: (readonly string[])[] = [];
      for (let more = true; more;) {
        const run = await follower.run();
        windows.push(run.lines);
        more = run.more;
      }
      return windows;
    }

    it('cuts after maxRows rows, with all that share the last key', async () => {
      await db.query(
        `create table t (k int, v int); create index on t (k); insert into t select i / 4, i from generate_series(0, 19) i; analyze t`,
      );

      const windows = await readAll(follow('k', { maxRows: 6, columns: ['v'] }));

      expect(windows.map((window) => window.length)).toEqual([8, 8, 4]);
      expect(new Set(windows.flat()).size).toBe(20);
    });

    it('ends without another window when the last one is full', async () => {
      await db.query('create table t (k int primary key); insert into t select generate_series(1, 20); analyze t');

      expect((await readAll(follow('k', { maxRows: 10 }))).map((window) => window.length)).toEqual([10, 10]);
    });

    it('takes one key whole, however many rows share it', async () => {
      await db.query(
        'create table t (k int, v int); create index on t (k); insert into t select 7, i from generate_series(1, 50) i; insert into t values (8, 51); analyze t',
      );

      expect((await readAll(follow('k', { maxRows: 5 }))).map((window) => window.length)).toEqual([50, 1]);
    });

    it('leaves a region behind that changes all the time', async () => {
      await db.query(
        'create table t (k int primary key, v int default 0); insert into t (k) select generate_series(1, 40); analyze t',
      );
      const follower = follow('k', { maxRows: 10, lookBack: { kind: 'number', amount: '1000' }, columns: ['k', 'v'] });

      const ends: (string | undefined)[] = [];
      for (let run = 0; run < 5; run += 1) {
        const { range } = await follower.run();
        ends.push(range?.max);
        await db.query('update t set v = v + 1');
      }

      expect(ends).toEqual(['10', '20', '30', '40', '40']);
    });

    it('reads all at once without an index that orders the key', async () => {
      await db.query(`
        create table t (k int, other int);
        create index on t (other, k);
        create index on t (k) where k > 3;
        create index on t using hash (k);
        insert into t select i, i from generate_series(1, 20) i; analyze t`);

      expect((await readAll(follow('k', { maxRows: 5 }))).map((window) => window.length)).toEqual([20]);
    });
  });
});
