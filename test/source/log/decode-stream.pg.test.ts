import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogDecoder } from '../../../functions/engine/source/postgres/log/decoder.ts';
import { openDecoder } from '../../../functions/engine/source/postgres/log/open-decoder.ts';
import { SpoolFull } from '../../../functions/engine/source/postgres/log/pgoutput-spool.ts';
import { majors } from '../../support/postgres.ts';
import { rejection } from '../support.ts';
import { feed, LogRecorder } from './decode-recorder.ts';
import type { SlotMessage } from './decode-slot.ts';
import { openLogDatabase, waysOf } from './decode-ways.ts';
import type { LogDatabase } from './decode-ways.ts';

const SMALL = `set logical_decoding_work_mem = '64kB'`;
const ROWS = 4_000;
const insert = (from: number, count = ROWS): string =>
  `insert into big select n, md5(n::text), repeat('x', 40) from generate_series(${from}, ${from + count - 1}) n`;

describe.each(majors.filter((major) => major >= 14))('streamed transactions on PostgreSQL %i', (major) => {
  const [unstreamed, streamed] = waysOf(major);
  if (unstreamed === undefined || streamed === undefined) throw new Error('pgoutput has two protocol versions here');
  let log: LogDatabase;
  let plain: LogDatabase;

  beforeAll(async () => {
    [log, plain] = [await openLogDatabase(major, streamed), await openLogDatabase(major, unstreamed)];
    for (const one of [log, plain]) await one.run(`create table big (id int primary key, a text, b text)`);
    await Promise.all([log.take(), plain.take()]);
  });
  afterAll(async () => {
    await log[Symbol.asyncDispose]();
    await plain[Symbol.asyncDispose]();
  });

  const decode = async (messages: readonly SlotMessage[], decoder: LogDecoder): Promise<LogRecorder> => {
    const recorder = new LogRecorder();
    await using _ = decoder;
    await feed(decoder, messages, recorder);
    return recorder;
  };
  const types = (messages: readonly SlotMessage[]): string =>
    [...new Set(messages.map(({ data }) => data.toString('latin1', 0, 1)))].sort().join('');
  const decoders: readonly (readonly [string, () => LogDecoder])[] = [
    ['in memory', () => openDecoder({ plugin: 'pgoutput' })],
    ['on disk', () => openDecoder({ plugin: 'pgoutput', spoolMemoryBytes: 100_000 })],
    ['on disk, message by message', () => openDecoder({ plugin: 'pgoutput', spoolMemoryBytes: 0 })],
  ];

  it.each(decoders)('one transaction comes whole at its commit (%s)', async (_, open) => {
    await log.run(
      `begin; ${insert(1)}; update big set b = 'y' where id % 2 = 0; delete from big where id % 3 = 0; commit`,
      `truncate big`,
    );
    await plain.run(
      `begin; ${insert(1)}; update big set b = 'y' where id % 2 = 0; delete from big where id % 3 = 0; commit`,
      `truncate big`,
    );
    const messages = await log.take(SMALL);

    const found = await decode(messages, open());

    expect(types(messages)).toMatch(/S.*c/);
    const expected = (await plain.decode()).rows;
    expect(found.rows).toEqual(expected);
    expect(found.rows.length).toBe(ROWS + ROWS / 2 + Math.floor(ROWS / 3));
    expect(found.transactions.map(({ changes }) => changes.length > 0)).toEqual([true, true]);
    const [first] = found.transactions;
    expect(first?.changes.every(({ lsn }, index) => index === 0 || lsn >= (first.changes[index - 1]?.lsn ?? 0n))).toBe(true);
    expect(first?.changes.every(({ lsn }) => lsn < first.commitLsn)).toBe(true);
    const arrived = new Set(messages.map(({ lsn }) => lsn));
    expect(first?.changes.every(({ lsn }) => arrived.has(lsn))).toBe(true);
    expect(found.drains).toBeGreaterThan(0);
    expect(leftovers()).toEqual([]);
  });

  it.each(decoders)('what was rolled back to a savepoint is not there (%s)', async (_, open) => {
    await log.run(
      `begin; ${insert(1, 1500)}; savepoint a; ${insert(10_000, 1500)}; savepoint b; ${insert(20_000, 1500)}; rollback to b; ${insert(30_000, 1500)};
      release a; savepoint c; ${insert(40_000, 1500)}; savepoint d; ${insert(50_000, 1500)}; release d; rollback to c; ${insert(60_000, 1500)}; commit`,
      `truncate big`,
    );
    const messages = await log.take(SMALL);

    const found = await decode(messages, open());

    expect(types(messages)).toMatch(/A.*S.*c/);
    expect(new Set(found.rows.map(({ row }) => Math.floor(Number(row?.id) / 10_000)))).toEqual(new Set([0, 1, 3, 6]));
    expect(found.rows).toHaveLength(4 * 1500);
    expect(leftovers()).toEqual([]);
  });

  it('interleaved ones come one after the other, and one that is rolled back never', async () => {
    const [one, two, three] = [await log.database.connect(), await log.database.connect(), await log.database.connect()];
    for (const client of [one, two, three]) await client.query('begin');
    for (let round = 0; round < 3; round++) {
      await one.query(insert(100_000 + round * ROWS));
      await two.query(insert(200_000 + round * ROWS));
      await three.query(insert(300_000 + round * ROWS));
      await log.run(`insert into big values (${round}, 'small', '')`);
    }
    await two.query('commit');
    await three.query('rollback');
    await one.query('commit');
    await log.run(`truncate big`);
    const messages = await log.take(SMALL);

    const found = await decode(messages, openDecoder({ plugin: 'pgoutput', spoolMemoryBytes: 300_000 }));

    // Since 18 a transaction that is known to be rolled back is not even begun.
    expect(types(messages)).toMatch(major < 18 ? /A.*S.*c/ : /S.*c/);
    const ids = found.transactions.map(({ changes }) => changes.map((change) => ('row' in change ? Number(change.row.id) : -1)));
    expect(ids.filter((inside) => inside.length === 1).flat()).toEqual([0, 1, 2, -1]);
    expect(ids.filter((inside) => inside.length > 1).map((inside) => [inside[0], inside.at(-1), inside.length])).toEqual([
      [200_000, 200_000 + 3 * ROWS - 1, 3 * ROWS],
      [100_000, 100_000 + 3 * ROWS - 1, 3 * ROWS],
    ]);
    expect(found.transactions.map(({ commitLsn }) => commitLsn)).toEqual(
      found.transactions.map(({ commitLsn }) => commitLsn).sort((a, b) => (a < b ? -1 : 1)),
    );
    expect(leftovers()).toEqual([]);
  });

  it('a table that its own transaction alters has both forms', async () => {
    await log.run(
      `begin; ${insert(1)}; alter table big add column c int; insert into big select n, '', '', n from generate_series(5001, 9000) n; commit`,
    );
    const messages = await log.take(SMALL);

    const found = await decode(messages, openDecoder({ plugin: 'pgoutput', spoolMemoryBytes: 100_000 }));

    expect(types(messages)).toMatch(/S.*c/);
    expect(found.rows.map(({ row }) => row?.c)).toEqual([
      ...Array<undefined>(ROWS).fill(undefined),
      ...Array.from({ length: 4_000 }, (_, n) => `${5001 + n}`),
    ]);
    await log.run(`alter table big drop column c`, `truncate big`);
    await log.take();
  });

  it('says so when there is not enough room, and leaves nothing behind', async () => {
    await log.run(`begin; ${insert(1)}; commit`, `truncate big`);
    const messages = await log.take(SMALL);

    const error = await rejection(
      decode(messages, openDecoder({ plugin: 'pgoutput', spoolMemoryBytes: 50_000, spoolBytes: 100_000 })),
    );

    expect(error).toBeInstanceOf(SpoolFull);
    expect(leftovers()).toEqual([]);
  });
});

/** Temporary files of spools, by name or still open without one. */
function leftovers(): readonly string[] {
  const named = readdirSync(tmpdir()).filter((name) => name.startsWith('backstitch-log-'));
  return [...named, ...openFiles()];
}

function openFiles(): readonly string[] {
  if (!existsSync('/proc/self/fd')) return [];
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.includes('backstitch-log-') ? [target] : [];
    } catch {
      return [];
    }
  });
}
