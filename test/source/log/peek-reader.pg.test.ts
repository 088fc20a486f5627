import { describe, expect, it } from 'vitest';
import type { LogHandler } from '../../../functions/engine/source/log.ts';
import { connect } from '../../../functions/engine/source/postgres/connection.ts';
import { PeekReader } from '../../../functions/engine/source/postgres/log/peek-reader.ts';
import type { PeekReaderParts } from '../../../functions/engine/source/postgres/log/peek-reader.ts';
import { createDatabase, majors, newestMajor } from '../../support/postgres.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { never, rejection, settingsFor } from '../support.ts';
import { LogCollector } from './log-collector.ts';
import { confirmedOf, openTestLog, slotOf } from './log-support.ts';
import type { TestLog } from './log-support.ts';

async function openReader(
  db: TestDatabase,
  limits: NonNullable<PeekReaderParts['limits']>,
): Promise<AsyncDisposable & { readonly reader: PeekReader }> {
  const sql = await connect(settingsFor(db), never());
  const reader = new PeekReader({ connect: (signal) => connect(settingsFor(db), signal), sql, limits });
  return {
    reader,
    [Symbol.asyncDispose]: async () => {
      await reader[Symbol.asyncDispose]();
      await sql[Symbol.asyncDispose]();
    },
  };
}

/** Forty transactions of three rows, in order. */
async function backlog(db: TestDatabase): Promise<readonly string[]> {
  for (let id = 0; id < 120; id += 3) await db.query(`insert into t values (${id}), (${id + 1}), (${id + 2})`);
  return Array.from({ length: 120 }, (_, id) => `insert public.t {"id":"${id}"}`);
}

async function prepared(db: TestDatabase): Promise<TestLog> {
  await db.query('create table t (id int primary key)');
  const log = await openTestLog(db);
  await log.open();
  return log;
}

describe.each(majors)('pages of a slot on PostgreSQL %i', (major) => {
  it('are confirmed one after the other, and give each transaction once', async () => {
    await using db = await createDatabase(major);
    await using log = await prepared(db);
    const start = await confirmedOf(log);
    const expected = await backlog(db);
    await using open = await openReader(db, { firstChanges: 12, mostChanges: 12 });
    const handler: LogCollector = new LogCollector({ checkpoint: (lsn) => open.reader.confirm(log.slot, lsn, never()) });
    const request = await log.request(start, 'pgoutput');

    const end = await open.reader.read(request, handler, never());

    expect(end).toEqual({ state: 'reached', lsn: request.to });
    expect(handler.changes).toEqual(expected);
    // Asked for at the end of every page but the last, and done.
    expect(handler.checkpoints.length).toBeGreaterThan(3);
    expect(await confirmedOf(log)).toBe(handler.checkpoints.at(-1));
    await open.reader.confirm(log.slot, request.to, never());
    expect(await confirmedOf(log)).toBeGreaterThanOrEqual(handler.commits.at(-1)?.endLsn ?? 0n);
    await open.reader.confirm(log.slot, start, never());
    expect(await confirmedOf(log)).toBeGreaterThan(start);
  });

  it('grow beyond what is done and not confirmed', async () => {
    await using db = await createDatabase(major);
    await using log = await prepared(db);
    const start = await confirmedOf(log);
    const expected = await backlog(db);
    await using open = await openReader(db, { firstChanges: 12, mostChanges: 12 });
    const handler = new LogCollector();

    await open.reader.read(await log.request(start, 'pgoutput'), handler, never());

    expect(handler.changes).toEqual(expected);
    expect(await confirmedOf(log)).toBe(start);
  });

  it('hold a larger transaction whole', async () => {
    await using db = await createDatabase(major);
    await using log = await prepared(db);
    const start = await confirmedOf(log);
    await db.query('insert into t select generate_series(1, 5000); insert into t values (0)');
    await using open = await openReader(db, { firstChanges: 10, mostChanges: 10 });
    const handler = new LogCollector();

    await open.reader.read(await log.request(start, 'pgoutput'), handler, never());

    expect(handler.changes).toHaveLength(5_001);
  });
});

describe('a page', () => {
  it('that the server cannot give in time ends in an error that names the other style', async () => {
    await using db = await createDatabase(newestMajor);
    await using log = await prepared(db);
    const start = await confirmedOf(log);
    await db.query('insert into t select generate_series(1, 100000)');
    await using open = await openReader(db, { firstChanges: 4_000, firstPatienceMs: 1, mostPatienceMs: 1 });

    const error = await rejection(open.reader.read(await log.request(start, 'pgoutput'), new LogCollector(), never()));

    expect(error).toMatchObject({ code: 'peek-too-slow', remedy: expect.stringContaining('consume: stream') });
    expect(await slotOf(log)).toMatchObject({ activePid: null, confirmedLsn: start });
  });

  it('is not begun when the handler has enough', async () => {
    await using db = await createDatabase(newestMajor);
    await using log = await prepared(db);
    await backlog(db);
    await using open = await openReader(db, {});
    const handler: LogHandler & { changes: readonly string[] } = new LogCollector();

    expect(
      await open.reader.read(
        { ...(await log.request(await confirmedOf(log), 'pgoutput')), isEnough: () => true },
        handler,
        never(),
      ),
    ).toEqual({ state: 'left' });
    expect(handler.changes).toEqual([]);
  });
});
