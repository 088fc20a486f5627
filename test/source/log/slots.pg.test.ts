import { describe, expect, it } from 'vitest';
import { applicationName } from '../../../functions/engine/source/application-name.ts';
import { createSlot } from '../../../functions/engine/source/postgres/log/slot-create.ts';
import { connect } from '../../../functions/engine/source/postgres/connection.ts';
import { createDatabase, eventually, majors, newestMajor } from '../../support/postgres.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { never, rejection, settingsFor } from '../support.ts';
import { hasWal2json } from './decode-slot.ts';
import { openTestLog, slotOf } from './log-support.ts';

/** Makes a role with what it needs to read and nothing else; the caller's database goes with it. */
async function createRole(db: TestDatabase, role: string, options = ''): Promise<AsyncDisposable> {
  await db.query(
    `create role ${role} login ${options}; grant usage on schema public to ${role}; grant select on all tables in schema public to ${role}`,
  );
  return {
    [Symbol.asyncDispose]: async () => {
      await db.query(`drop owned by ${role}; drop role ${role}`);
    },
  };
}

describe.each(majors)('a slot on PostgreSQL %i', (major) => {
  it('is created, found again, and tells where it stands', async () => {
    await using db = await createDatabase(major);
    await db.query('create table t (id int primary key)');
    await using log = await openTestLog(db);
    const end = await log.session.endOfLog(never());

    const created = await log.open();
    const found = await log.open();

    expect(end).toMatchObject({ systemIdentifier: expect.stringMatching(/^\d+$/), timeline: 1 });
    expect(created).toMatchObject({
      created: true,
      plugin: 'pgoutput',
      publicationCreated: true,
      added: [`${db.database}.public.t`],
      streamWarnings: [],
    });
    expect(created.slot).toMatchObject({
      slot: log.slot,
      database: db.database,
      plugin: 'pgoutput',
      kind: 'logical',
      activePid: null,
      isTwoPhase: false,
      isFailover: false,
    });
    expect(created.startLsn).toBeGreaterThanOrEqual(end.lsn);
    expect(found).toMatchObject({ created: false, publicationCreated: false, added: [], startLsn: created.startLsn });
    expect(await slotOf(log)).toMatchObject({ walStatus: major >= 13 ? 'reserved' : null });
  });

  it('gets wal2json where the server has it and nothing else is wanted, else pgoutput', async () => {
    await using db = await createDatabase(major);
    await using log = await openTestLog(db);

    const { plugin } = await log.open({ plugin: 'auto' });

    expect(plugin).toBe(hasWal2json(major) ? 'wal2json' : 'pgoutput');
    // What was chosen stays, whatever a new slot would get.
    expect((await log.open({ plugin: 'auto' })).plugin).toBe(plugin);
  });

  it('is refused with the reason when it cannot be ours', async () => {
    await using db = await createDatabase(major);
    await using other = await createDatabase(major);
    await using log = await openTestLog(db);
    const refused = async (make: string, request: Parameters<typeof log.open>[0] = {}): Promise<unknown> => {
      await db.query(make.replaceAll('SLOT', log.slot));
      const error = await rejection(log.open(request));
      await db.query(
        `select pg_drop_replication_slot('${log.slot}') where exists (select 1 from pg_replication_slots where slot_name = '${log.slot}')`,
      );
      return error;
    };

    expect(await refused('select 1', { createSlot: false })).toMatchObject({ code: 'slot-missing' });
    expect(await refused(`select pg_create_physical_replication_slot('SLOT')`)).toMatchObject({ code: 'slot-physical' });
    expect(await refused(`select pg_create_logical_replication_slot('SLOT', 'test_decoding')`, { plugin: 'auto' })).toMatchObject(
      { code: 'slot-of-other-plugin' },
    );
    expect(await refused(`select pg_create_logical_replication_slot('SLOT', 'pgoutput')`, { plugin: 'wal2json' })).toMatchObject({
      code: 'slot-of-other-plugin',
    });
    expect(await refused(`select pg_create_logical_replication_slot('SLOT', 'pgoutput', true)`)).toMatchObject({
      code: 'slot-temporary',
    });
    await other.query(`select pg_create_logical_replication_slot('${log.slot}', 'pgoutput')`);
    expect(await rejection(log.open())).toMatchObject({
      code: 'slot-of-other-database',
      message: expect.stringContaining(other.database),
    });
    await other.query(`select pg_drop_replication_slot('${log.slot}')`);
    if (!hasWal2json(major)) expect(await rejection(log.open({ plugin: 'wal2json' }))).toMatchObject({ code: 'plugin-missing' });
    // Nothing of all this has left a publication behind.
    expect(await db.query('select pubname from pg_publication')).toEqual([]);
  });

  it('needs the right to replicate, and leaves nothing behind without it', async () => {
    await using db = await createDatabase(major);
    await db.query('create table t (id int primary key)');
    await using _ = await createRole(db, `reader_${db.database}`);
    await db.query(`grant create on database ${db.database} to reader_${db.database}`);
    await using log = await openTestLog(db, { user: `reader_${db.database}` });

    expect(await rejection(log.open())).toMatchObject({
      code: 'replication-right-missing',
      remedy: expect.stringContaining(`ALTER ROLE "reader_${db.database}" REPLICATION`),
    });
    expect(await db.query('select pubname from pg_publication')).toEqual([]);
    await db.query(`select pg_create_logical_replication_slot('${log.slot}', 'pgoutput')`);
    expect(await rejection(log.open())).toMatchObject({ code: 'replication-right-missing' });
    expect(await rejection(log.session.reader({ consume: 'stream', plugin: 'pgoutput' }, never()))).toMatchObject({
      code: 'replication-right-missing',
    });
  });

  it('is not taken from somebody who reads it, and is when he ends', async () => {
    await using db = await createDatabase(major);
    await using log = await openTestLog(db);
    await using other = await openTestLog(db, { applicationName: 'somebody else' });
    await log.open();
    const request = await other.request((await slotOf(log)).confirmedLsn ?? (0n as never), 'pgoutput');
    const consumer = await other.session.reader({ consume: 'stream', plugin: 'pgoutput' }, never());
    await consumer.read(
      request,
      { begin: noop, change: noop, truncate: noop, commit: noop, drained: nothing, checkpoint: nothing },
      never(),
    );
    const { activePid } = await slotOf(log);

    expect(await rejection(log.open())).toMatchObject({
      code: 'slot-active',
      message: expect.stringMatching(new RegExp(`pid ${activePid ?? ''}, application_name somebody else`)),
    });
    await using reader = await log.session.reader({ consume: 'stream', plugin: 'pgoutput' }, never());
    expect(
      await rejection(
        reader.read(
          request,
          { begin: noop, change: noop, truncate: noop, commit: noop, drained: nothing, checkpoint: nothing },
          never(),
        ),
      ),
    ).toMatchObject({
      code: 'slot-active',
    });
    const waiting = log.open();
    await consumer[Symbol.asyncDispose]();
    expect(await waiting).toMatchObject({ created: false });
  });

  it('is taken from a session of a job that is over, and from nobody else', async () => {
    const job = '20261123T010651.170Z-863956';
    await using db = await createDatabase(major);
    await using log = await openTestLog(db);
    await using frozen = await openTestLog(db, { applicationName: applicationName('shop', job) });
    await log.open();
    const request = await frozen.request((await slotOf(log)).confirmedLsn ?? (0n as never), 'pgoutput');
    const consumer = await frozen.session.reader({ consume: 'stream', plugin: 'pgoutput' }, never());
    const handler = { begin: noop, change: noop, truncate: noop, commit: noop, drained: nothing, checkpoint: nothing };
    await consumer.read(request, handler, never());

    expect(await rejection(log.open({ over: new Set(['20261123T010651.170Z-863957']) }))).toMatchObject({ code: 'slot-active' });
    const opened = await log.open({ over: new Set([job]) });

    expect(opened.warnings).toContainEqual(expect.stringContaining(`still held by a session of the job ${job}`));
    expect(opened.slot.activePid).toBeNull();
    await consumer[Symbol.asyncDispose]();
    expect((await log.open({ over: new Set([job]) })).warnings.join()).not.toContain(job);
  });

  it('is created anew after a dead job that still waited to create it', async () => {
    const job = '20261123T010651.170Z-863956';
    await using db = await createDatabase(major);
    await using log = await openTestLog(db);
    await db.query('create table t (id int primary key)');
    const writer = await db.connect();
    await writer.query('begin; insert into t values (1)');
    const orphan = await db.connect({ application_name: applicationName('shop', job) });
    const creating = rejection(orphan.query(`select pg_create_logical_replication_slot('${log.slot}', 'pgoutput')`));
    await eventually(
      'the slot is being created',
      async () => ((await log.session.slot(log.slot, never()))?.activePid ?? null) !== null,
    );

    const opening = log.open({ over: new Set([job]), tables: [] });
    expect(await creating).toMatchObject({ code: '57P01' });
    await writer.query('commit');

    expect(await opening).toMatchObject({ created: true, warnings: expect.arrayContaining([expect.stringContaining(job)]) });
  });

  it('waits for open transactions only so long, and leaves nothing behind', async () => {
    await using db = await createDatabase(major);
    await db.query('create table t (id int primary key)');
    const writer = await db.connect();
    await writer.query('begin; insert into t values (1)');
    await using connection = await connect({ ...settingsFor(db), database: db.database }, never());
    const slot = { name: `slot_${db.database}`, plugin: 'pgoutput' as const };
    const create = (patienceMs: number): Promise<unknown> =>
      createSlot(connection, slot, { maxSlots: 20 }, { signal: never(), patienceMs });

    expect(await rejection(create(300))).toMatchObject({ code: 'slot-waits' });
    expect(await db.query('select 1 from pg_replication_slots where database = current_database()')).toEqual([]);
    // Our sessions wait for other locks less long than for transactions.
    await connection.query(`set lock_timeout = '10ms'`, [], never());
    const creating = create(30_000);
    await eventually('it waits for longer than that', async () => {
      const waiting = await db.query(
        `select 1 from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.datname = current_database() and clock_timestamp() - a.query_start > interval '100 ms'`,
      );
      return waiting.length > 0;
    });
    await writer.query('commit');
    expect(await creating).toBe('created');
    expect(await create(30_000)).toBe('exists');
  });

  it('is reported with what it holds back', async () => {
    await using db = await createDatabase(major);
    await db.query('create table t (id int primary key)');
    await using log = await openTestLog(db);
    expect(await log.session.slotReport(log.slot, null, never())).toBeUndefined();
    const { startLsn } = await log.open();
    await db.query('insert into t select generate_series(1, 1000)');

    const report = await log.session.slotReport(log.slot, startLsn, never());

    expect(report).toMatchObject({
      database: db.database,
      slot: log.slot,
      plugin: 'pgoutput',
      active: false,
      safeBytes: null,
      budgetUsed: null,
    });
    expect(report?.retainedBytes).toBeGreaterThan(50_000);
    expect(report?.behindBytes).toBeGreaterThan(50_000);
    expect(report?.bookmark).toBe(report?.confirmed);
  });
});

describe('a slot', () => {
  it('is created by only one of two who ask at once', async () => {
    await using db = await createDatabase(newestMajor);
    await using first = await openTestLog(db);
    await using second = await openTestLog(db);

    const opened = await Promise.all([first.open(), second.open().catch((error: unknown) => error)]);

    expect(
      opened.filter((one) => one instanceof Error || one === undefined || (one as { created?: boolean }).created === false),
    ).toHaveLength(1);
    expect(await db.query(`select 1 from pg_replication_slots where slot_name = '${first.slot}'`)).toHaveLength(1);
    await eventually('it is free', async () => (await slotOf(first)).activePid === null);
  });
});

function noop(): void {
  // Takes everything.
}

async function nothing(): Promise<void> {
  // Never waits.
}
