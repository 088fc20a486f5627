import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, eventually, majors, newestMajor, onServer, startServer, startStandby } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { Follower } from './keyed-follower.ts';
import { settingsFor } from './support.ts';

describe.each(majors)('late commits on PostgreSQL %i', (major) => {
  let db: TestDatabase;

  beforeAll(async () => {
    db = await createDatabase(major);
  });

  afterAll(() => db[Symbol.asyncDispose]());

  beforeEach(() => db.query('drop table if exists t'));

  afterEach(async () => {
    await db.endTransactions();
    await db.query('reset timezone');
  });

  const follow = (options: ConstructorParameters<typeof Follower>[3] = {}, settings = settingsFor(db)): Follower =>
    new Follower(settings, 't', 'k', { columns: ['v'], ...options });

  it.each([
    ['timestamptz', 'now()', ''],
    ['timestamptz(0)', 'now()', ''],
    ['timestamp', 'now()', ''],
    ['timestamp', 'now()', 'America/New_York'],
    ['timestamp', 'now()', 'Asia/Tokyo'],
    ['date', 'now()', ''],
  ])('finds what a transaction commits late under its %s key (%s in zone "%s")', async (type, value, zone) => {
    await db.query(`create table t (k ${type} default ${value}, v text)`);
    const set = zone === '' ? 'select' : `set timezone = '${zone}'`;
    await db.query(`${set}; insert into t (v) values ('early')`);
    const follower = follow();
    await follower.run();
    const slow = await db.connect();
    await slow.query(set);
    await slow.query(`begin; insert into t (v) values ('late')`);
    await db.query(`insert into t (v) values ('quick')`);

    const before = await follower.run();
    const between = await follower.run();
    await db.query(`insert into t (v) values ('quicker')`);
    const more = await follower.run();
    await slow.query('commit');
    const after = await follower.run();
    const atRest = await follower.run();
    await slow.end();

    expect(before.lines).toContain('quick');
    expect(before.lines).not.toContain('late');
    expect(before.warnings).toEqual([]);
    expect(between.lines).toEqual([]);
    expect(more.lines).toContain('quicker');
    expect(after.lines).toContain('late');
    expect(atRest.lines).toEqual([]);
  });

  it('finds what a transaction writes that had only begun', async () => {
    await db.query(`create table t (k timestamptz default now(), v text)`);
    const follower = follow();
    const slow = await db.connect();
    await slow.query('begin');
    await slow.query('select now()');
    await db.query(`insert into t (v) values ('quick')`);

    const before = await follower.run(() => slow.query(`insert into t (v) values ('late'); commit`));
    const after = await follower.run();
    await slow.end();

    expect(before.lines).toEqual(['quick']);
    expect(after.lines).toEqual(['late', 'quick']);
  });

  it('is not held back by other sessions of its own job', async () => {
    await db.query(`create table t (k timestamptz, v text); insert into t values (now() - interval '1 minute', 'a')`);
    const worker = await db.connect({ application_name: 'backstitch test' });
    await worker.query(`begin; select 1`);
    await db.query(`update t set k = clock_timestamp() - interval '10 seconds'`);

    const { next } = await follow().run();
    await worker.query('rollback');
    await worker.end();

    expect(next.sentUpTo).toBeUndefined();
  });

  it('stays where it is while a prepared transaction waits', async () => {
    await db.query(`create table t (k timestamptz default now(), v text); insert into t (v) values ('early')`);
    const follower = follow();
    const early = await follower.run();
    const gid = `late ${randomBytes(4).toString('hex')}`;
    const other = await db.connect();
    await other.query(`begin; insert into t (v) values ('late'); prepare transaction '${gid}'`);
    await db.query(`insert into t (v) values ('quick')`);

    const before = await follower.run();
    const first = await follow().run();
    await other.query(`commit prepared '${gid}'`);
    const after = await follower.run();
    await other.end();

    expect(before).toMatchObject({ next: { value: early.next.value }, warnings: [expect.stringContaining('pg_prepared_xacts')] });
    expect(before.lines).toContain('quick');
    expect(Date.parse(first.next.value ?? '')).toBeLessThan(Date.parse(early.next.value ?? '') - 500_000);
    expect(after.lines).toContain('late');
    expect(after.warnings).toEqual([]);
  });

  it('looks back ten minutes, and says what to grant, where the transactions of others are hidden', async () => {
    const role = `reader_${randomBytes(4).toString('hex')}`;
    await db.query(`create role ${role} login; create table t (k timestamptz, v text); grant select on t to ${role}`);
    await db.query(
      `insert into t values (now() - interval '20 minutes', 'old'), (now() - interval '11 minutes', 'older'), (now(), 'new')`,
    );
    const slow = await db.connect();
    await slow.query(`begin; insert into t values (now() - interval '9 minutes', 'late')`);
    const follower = follow({}, settingsFor(db, { user: role }));

    const hidden = await follower.run();
    await slow.query('commit');
    const after = await follower.run();
    const asked = await follow({ lookBack: { kind: 'interval', seconds: 60 } }, settingsFor(db, { user: role })).run();
    await db.query(`grant pg_read_all_stats to ${role}`);
    const granted = await follower.run();
    await slow.end();
    await db.query(`drop owned by ${role}; drop role ${role}`);

    expect(hidden.lines).toEqual(['new', 'old', 'older']);
    expect(hidden.warnings).toEqual([expect.stringContaining(`GRANT pg_read_all_stats TO "${role}"`)]);
    expect(after.lines).toEqual(['late', 'new']);
    expect(asked.warnings).toEqual([]);
    expect(granted.warnings).toEqual([]);
  });

  it('keeps behind the highest time as far as it is told', async () => {
    await db.query(
      `create table t (k timestamptz, v text); insert into t values ('2020-01-01 00:00', 'a'), ('2020-01-01 00:50', 'b'), ('2020-01-01 01:00', 'c')`,
    );
    const follower = follow({ lookBack: { kind: 'interval', seconds: 900 } });

    const first = await follower.run();
    const unchanged = await follower.run();
    await db.query(`insert into t values ('2020-01-01 00:46', 'late'), ('2020-01-01 00:44', 'too late')`);
    const late = await follower.run();

    expect(first.next).toMatchObject({ value: '2020-01-01 00:45:00+00', sentUpTo: '2020-01-01 01:00:00+00' });
    expect(unchanged.lines).toEqual([]);
    expect(late.lines).toEqual(['b', 'c', 'late']);
  });

  it('goes on behind a key from the future', async () => {
    await db.query(
      `create table t (k timestamptz, v text); insert into t values ('9999-12-31', 'future'), (now() - interval '1 day', 'past')`,
    );
    const follower = follow();

    const first = await follower.run();
    await db.query(`insert into t values (clock_timestamp(), 'now')`);
    const second = await follower.run();

    expect(first.lines).toEqual(['future', 'past']);
    expect(second.lines).toEqual(['future', 'now']);
  });

  it('never goes back behind its bookmark', async () => {
    await db.query(
      `create table t (k timestamptz, v text); insert into t values ('2020-01-01 00:00', 'a'), ('2020-01-01 01:00', 'b')`,
    );
    const strict = follow();
    const { next } = await strict.run();
    const cautious = follow({ lookBack: { kind: 'interval', seconds: 86_400 } });
    cautious.bookmark = next;

    expect((await cautious.run()).next.value).toBe('2020-01-01 01:00:00+00');
  });

  it('guards the local times of the zone that the database is set to', async () => {
    await db.query(
      `create table t (k timestamp, v text); insert into t values (now() at time zone 'America/New_York' - interval '1 minute', 'a')`,
    );
    await db.query(`insert into t values (now() at time zone 'UTC' - interval '1 minute', 'b')`);
    await db.query(`alter database ${db.database} set timezone = 'America/New_York'`);
    const follower = follow();

    const first = await follower.run();
    await db.query(`insert into t values (clock_timestamp() at time zone 'America/New_York', 'c')`);
    const second = await follower.run();
    await db.query(`alter database ${db.database} reset timezone`);

    expect(first.lines).toEqual(['a', 'b']);
    expect(second.lines).toContain('c');
  });
});

describe('late commits on a replica', () => {
  it('looks back ten minutes and says so', async () => {
    await using primary = await startServer(newestMajor);
    await using standby = await startStandby(primary);
    await onServer(primary, (admin) =>
      admin.query(`create table t (k timestamptz, v int); insert into t values ('2020-01-01 00:00', 1), ('2020-01-01 01:00', 2)`),
    );
    await eventually('the standby has the rows', () =>
      onServer(standby, async (admin) => (await admin.query(`select 1 from pg_class where relname = 't'`)).rows.length > 0),
    );
    const follower = new Follower(settingsFor(standby), 't', 'k');

    const { lines, next, warnings, sequence } = await follower.run();

    expect(lines).toHaveLength(2);
    expect(next).toMatchObject({ value: '2020-01-01 00:50:00+00', sentUpTo: '2020-01-01 01:00:00+00' });
    expect(warnings).toEqual([expect.stringContaining('replica')]);
    expect(BigInt(sequence)).toBeGreaterThan(0n);
  });
});

describe('the bookmark of a time key', () => {
  it('catches up with the highest key once the open transaction is gone and the clock has passed it', async () => {
    await using db = await createDatabase(newestMajor);
    await db.query('create table t (k timestamptz, v text)');
    const slow = await db.connect();
    await slow.query('begin; select 1');
    await db.query(`insert into t values (clock_timestamp(), 'a')`);
    const follower = new Follower(settingsFor(db), 't', 'k');

    const held = await follower.run();
    await slow.query('rollback');
    const free = await eventually('the bookmark moves', async () => {
      const run = await follower.run();
      return run.next.sentUpTo === undefined && run;
    });

    expect(held.next.sentUpTo).toBeDefined();
    expect(free.lines).toEqual([]);
    expect(free.next.value).toBe(held.next.sentUpTo);
  });
});
