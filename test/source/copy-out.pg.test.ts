import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import type { Connection } from '../../functions/engine/source/postgres/connection.ts';
import { copyOut } from '../../functions/engine/source/postgres/copy-out.ts';
import { noLeaks } from '../support/leaks.ts';
import { createDatabase, eventually, majors } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { startProxy } from '../support/proxy.ts';
import { BlockRecorder, RowRecorder } from './copy-recorder.ts';
import { never, rejection, settingsFor } from './support.ts';

const STREAM = { database: 'shop', schema: 'public', table: 'orders' };

function open(
  address: { readonly host: string; readonly port: number; readonly database: string },
  signal = never(),
): Promise<Connection> {
  return connect(settingsFor(address), signal);
}

async function copyLines(connection: Connection, select: string, signal = never()): Promise<readonly string[]> {
  const out = new BlockRecorder();
  const { rows } = await copyOut(
    connection,
    { sql: `copy (${select}) to stdout`, stream: STREAM },
    new RowRecorder(),
    out,
    signal,
  );
  expect(rows).toBe(out.lines.length);
  return out.lines;
}

/** The session can be used, and nobody listens that did not before. */
async function expectUsable(connection: Connection): Promise<void> {
  expect(await connection.query('select 1 as one', [], never())).toEqual([{ one: '1' }]);
  expect(await copyLines(connection, 'select 7')).toEqual(['7']);
}

function listeners(connection: Connection): Readonly<Record<string, number>> {
  const stream = streamOf(connection);
  return Object.fromEntries(stream.eventNames().map((name) => [String(name), stream.listenerCount(name)]));
}

function streamOf(
  connection: Connection,
): NodeJS.ReadableStream & { readonly destroyed: boolean; isPaused(): boolean; readableLength: number } {
  return (connection.client as unknown as { connection: { stream: ReturnType<typeof streamOf> } }).connection.stream;
}

describe.each(majors)('COPY TO STDOUT on PostgreSQL %i', (major) => {
  let db: TestDatabase;

  beforeAll(async () => {
    db = await createDatabase(major);
  });

  afterAll(() => db[Symbol.asyncDispose]());

  it('gives every row once, in order, and leaves the session as it was', async () => {
    await using _ = await noLeaks();
    await using connection = await open(db);
    const before = listeners(connection);

    const lines = await copyLines(connection, `select i, repeat('x', i % 100), null from generate_series(1, 50000) i`);

    expect(lines).toEqual(Array.from({ length: 50_000 }, (_, index) => `${index + 1}\t${'x'.repeat((index + 1) % 100)}\t\\N`));
    expect(listeners(connection)).toEqual(before);
    await expectUsable(connection);
  });

  it.each([
    ['no rows', 'select 1 where false', []],
    ['rows without content', `select '' from generate_series(1, 3)`, ['', '', '']],
    ['rows without columns', 'select from generate_series(1, 2)', ['', '']],
    ['escapes', String.raw`select E'a\tb\nc\\d'`, [String.raw`a\tb\nc\\d`]],
  ])('copies %s', async (_, select, expected) => {
    await using connection = await open(db);

    expect(await copyLines(connection, select)).toEqual(expected);
    await expectUsable(connection);
  });

  it('puts rows together that arrive byte by byte', async () => {
    await using proxy = await startProxy(db);
    await using connection = await open({ ...db, host: proxy.host, port: proxy.port });
    proxy.shape({ chunkBytes: 1 });

    const lines = await copyLines(connection, `select i, md5(i::text) from generate_series(1, 100) i`);

    expect(lines).toHaveLength(100);
    expect(lines[99]).toMatch(/^100\t[0-9a-f]{32}$/);
    await expectUsable(connection);
  });

  it.each([2, 3, 7, 61, 1021])('puts rows together that arrive in pieces of %i bytes', async (chunkBytes) => {
    await using proxy = await startProxy(db);
    await using connection = await open({ ...db, host: proxy.host, port: proxy.port });
    proxy.shape({ chunkBytes });

    const lines = await copyLines(connection, `select i, repeat('y', i) from generate_series(0, 150) i`);

    expect(lines).toEqual(Array.from({ length: 151 }, (_, index) => `${index}\t${'y'.repeat(index)}`));
    await expectUsable(connection);
  });

  it('reads a value of 50 MB among small ones', async () => {
    await using connection = await open(db);

    const lines = await copyLines(
      connection,
      `select case when i = 2 then repeat('0123456789', 5000000) else 'small' end from generate_series(1, 3) i`,
    );

    expect(lines.map((line) => line.length)).toEqual([5, 50_000_000, 5]);
    expect(lines[1]?.endsWith('0123456789')).toBe(true);
    await expectUsable(connection);
  });

  it('writes blocks of at least 1 MiB, and the rest at the end', async () => {
    await using connection = await open(db);
    const out = new BlockRecorder();

    await copyOut(
      connection,
      { sql: `copy (select repeat('z', 999) from generate_series(1, 4000)) to stdout` },
      new RowRecorder(),
      out,
      never(),
    );

    expect(out.blocks.map(({ bytes }) => bytes)).toEqual([1_049_000, 1_049_000, 1_049_000, 853_000]);
  });

  it('reads no further while a block is being written', async () => {
    await using connection = await open(db);
    const stream = streamOf(connection);
    const out = new BlockRecorder();
    let inFlight = 0;
    const seen: { readonly inFlight: number; readonly queued: number }[] = [];
    const slow = {
      write: async (block: Parameters<BlockRecorder['write']>[0]): Promise<void> => {
        inFlight += 1;
        await delay(5);
        seen.push({ inFlight, queued: stream.readableLength });
        inFlight -= 1;
        await out.write(block);
      },
    };

    const { rows } = await copyOut(
      connection,
      { sql: `copy (select repeat('z', 999) from generate_series(1, 20000)) to stdout` },
      new RowRecorder(),
      slow,
      never(),
    );

    expect(rows).toBe(20_000);
    expect(out.lines).toHaveLength(20_000);
    expect(Math.max(...seen.map((one) => one.inFlight))).toBe(1);
    expect(Math.max(...seen.map((one) => one.queued))).toBeLessThanOrEqual(1024 * 1024);
    await expectUsable(connection);
  });

  it('tells of an error of the server in mid-copy, and frees the session', async () => {
    await using connection = await open(db);
    const before = listeners(connection);

    const error = await rejection(copyLines(connection, 'select 1 / (30000 - i) from generate_series(1, 100000) i'));

    expect(error).toMatchObject({ code: 'query-failed', message: expect.stringContaining('shop.public.orders (22012)') });
    expect(listeners(connection)).toEqual(before);
    await expectUsable(connection);
  });

  it.each([
    ['a missing table', 'select * from nowhere', 'structure-changed'],
    ['a missing column', 'select nothing', 'structure-changed'],
    ['bad syntax', 'select select', 'query-failed'],
  ])('tells of %s', async (_, select, code) => {
    await using connection = await open(db);

    expect(await rejection(copyLines(connection, select))).toMatchObject({ code });
    await expectUsable(connection);
  });

  it('fails within its transaction only', async () => {
    await using connection = await open(db);
    await connection.query('begin', [], never());

    await rejection(copyLines(connection, 'select 1/0'));
    await connection.query('rollback', [], never());

    await expectUsable(connection);
  });

  it('passes notices on to pg', async () => {
    await using connection = await open(db);
    const notices: string[] = [];
    connection.client.on('notice', (notice) => notices.push(notice.message ?? ''));
    await db.query(
      `create function noisy(i int) returns int language plpgsql as $$ begin if i % 100 = 0 then raise warning 'at %', i; end if; return i; end $$`,
    );

    const lines = await copyLines(connection, 'select public.noisy(i) from generate_series(1, 500) i');

    expect(lines).toHaveLength(500);
    expect(notices).toEqual(['at 100', 'at 200', 'at 300', 'at 400', 'at 500']);
  });

  it('says that the connection is lost when the backend is terminated', async () => {
    await using _ = await noLeaks();
    await using connection = await open(db);
    const [backend] = await connection.query<{ readonly pid: string }>('select pg_backend_pid() as pid', [], never());
    const recorder = new RowRecorder();
    const out = {
      write: async (): Promise<void> => {
        await db.query('select pg_terminate_backend($1)', [backend?.pid]);
      },
    };

    const error = await rejection(
      copyOut(
        connection,
        { sql: `copy (select repeat('x', 1000) from generate_series(1, 1000000)) to stdout` },
        recorder,
        out,
        never(),
      ),
    );

    expect(error).toMatchObject({ code: 'connection-lost' });
    expect(await rejection(connection.query('select 1', [], never()))).toMatchObject({ code: 'connection-lost' });
    expect(listeners(connection).data).toBe(1);
  });

  it('says that the connection is lost when the network cuts it', async () => {
    await using _ = await noLeaks();
    await using proxy = await startProxy(db);
    await using connection = await open({ ...db, host: proxy.host, port: proxy.port });
    proxy.shape({ cutAfter: { direction: 'toClient', bytes: proxy.bytes.toClient + 2_000_000 } });

    const error = await rejection(copyLines(connection, `select repeat('x', 1000) from generate_series(1, 1000000)`));

    expect(error).toMatchObject({ code: 'connection-lost' });
    expect(await rejection(copyLines(connection, 'select 1'))).toMatchObject({ code: 'connection-lost' });
  });

  it.each([
    ['while rows arrive', `select repeat('x', 1000) from generate_series(1, 10000000)`],
    ['while the server computes', 'select pg_sleep(1000)'],
  ])('ends at an abort %s, with the statement cancelled and the session free', async (_, select) => {
    await using _leaks = await noLeaks();
    await using connection = await open(db);
    const before = listeners(connection);
    const stopped = new AbortController();
    const reason = new Error('enough');
    const running = rejection(copyLines(connection, select, stopped.signal));
    await eventually('the copy runs', async () => {
      const [row] = await db.query(
        `select count(*) as running from pg_stat_activity where query like 'copy%' and state = 'active' and datname = current_database()`,
      );
      return row?.running === '1';
    });

    stopped.abort(reason);

    expect(await running).toBe(reason);
    expect(listeners(connection)).toEqual(before);
    expect(
      await db.query(
        `select 1 from pg_stat_activity where query like 'copy%' and state = 'active' and datname = current_database()`,
      ),
    ).toEqual([]);
    await expectUsable(connection);
  });

  it('ends at an abort while a block is being written', async () => {
    await using connection = await open(db);
    const stopped = new AbortController();
    const reason = new Error('enough');
    const stuck = {
      write: (): Promise<void> => {
        stopped.abort(reason);
        return new Promise(() => undefined);
      },
    };

    for (const count of [10, 100_000]) {
      const sql = `copy (select repeat('x', 1000) from generate_series(1, ${count})) to stdout`;
      expect(
        await rejection(
          copyOut(
            connection,
            { sql },
            new RowRecorder(),
            stuck,
            stopped.signal.aborted ? AbortSignal.abort(reason) : stopped.signal,
          ),
        ),
      ).toBe(reason);
    }
    await expectUsable(connection);
  });

  it('does not begin under an aborted signal', async () => {
    await using connection = await open(db);
    const reason = new Error('enough');

    expect(await rejection(copyLines(connection, 'select 1', AbortSignal.abort(reason)))).toBe(reason);
    await expectUsable(connection);
  });

  it('stops when the encoder throws', async () => {
    await using connection = await open(db);
    const reason = new Error('not a number');
    const encoder = new RowRecorder((row) => {
      if (row === '5000') throw reason;
    });
    const out = new BlockRecorder();

    const error = await rejection(
      copyOut(connection, { sql: 'copy (select generate_series(1, 10000000)) to stdout' }, encoder, out, never()),
    );

    expect(error).toBe(reason);
    expect(encoder.rows).toBe(4_999);
    await expectUsable(connection);
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('disk full'))],
    [
      'throws',
      () => {
        throw new Error('disk full');
      },
    ],
  ])('stops when the writer %s', async (_, write: () => Promise<void>) => {
    await using connection = await open(db);

    for (const count of [10, 10_000_000]) {
      const error = await rejection(
        copyOut(
          connection,
          { sql: `copy (select generate_series(1, ${count})) to stdout` },
          new RowRecorder(),
          { write },
          never(),
        ),
      );
      expect(error).toMatchObject({ message: 'disk full' });
      await expectUsable(connection);
    }
  });
});
