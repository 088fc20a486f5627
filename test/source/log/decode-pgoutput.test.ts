import { describe, expect, it } from 'vitest';
import { openDecoder } from '../../../functions/engine/source/postgres/log/open-decoder.ts';
import { pgoutputOptions } from '../../../functions/engine/source/postgres/log/pgoutput-options.ts';
import { rejection } from '../support.ts';
import { lsn, pgoutput, UNSENT } from './decode-messages.ts';
import { ABSENT, feed, LogRecorder, UNCHANGED } from './decode-recorder.ts';

const OID = 4_294_967_295;
const RELATION = {
  oid: OID,
  table: 't',
  columns: [
    ['id', 23, 'key'],
    ['note', 3_000_000_000],
  ],
} as const;
const BEGIN = pgoutput.begin({ commitLsn: 1000n, xid: 4_000_000_000, time: 1n });
const COMMIT = pgoutput.commit({ commitLsn: 1000n, endLsn: 1050n });
const R = pgoutput.relation(RELATION);

async function decode(messages: readonly Buffer[], recorder = new LogRecorder()): Promise<LogRecorder> {
  await using decoder = openDecoder({ plugin: 'pgoutput' });
  await feed(
    decoder,
    messages.map((data, index) => ({ lsn: lsn(100 + index), data })),
    recorder,
  );
  return recorder;
}

describe('pgoutput', () => {
  it('reads a transaction with all kinds of messages', async () => {
    const { transactions, relations } = await decode([
      pgoutput.logical('outside'),
      BEGIN,
      pgoutput.origin('elsewhere'),
      pgoutput.type(3_000_000_000, 'mood'),
      R,
      pgoutput.insert(OID, ['1', null]),
      pgoutput.logical('inside'),
      pgoutput.update(OID, ['2', UNSENT], ['K', ['1', null]]),
      pgoutput.update(OID, ['2', ''], ['O', ['2', null]]),
      pgoutput.update(OID, ['2', 'x']),
      pgoutput.delete(OID, 'K', ['2', null]),
      pgoutput.delete(OID, 'O', ['2', null]),
      pgoutput.truncate([OID, OID]),
      COMMIT,
    ]);

    const table = 'public.t';
    expect(transactions).toEqual([
      {
        xid: '4000000000',
        commitLsn: 1000n,
        endLsn: 1050n,
        committedAt: '2000-01-01T00:00:00.000001Z',
        changes: [
          { kind: 'insert', table, lsn: 105n, row: { id: '1', note: null } },
          { kind: 'update', table, lsn: 107n, row: { id: '2', note: UNCHANGED }, old: { id: '1', note: ABSENT } },
          { kind: 'update', table, lsn: 108n, row: { id: '2', note: '' }, old: { id: '2', note: null } },
          { kind: 'update', table, lsn: 109n, row: { id: '2', note: 'x' } },
          { kind: 'delete', table, lsn: 110n, old: { id: '2', note: ABSENT } },
          { kind: 'delete', table, lsn: 111n, old: { id: '2', note: null } },
          { kind: 'truncate', tables: [table, table], lsn: 112n },
        ],
      },
    ]);
    expect(relations[0]).toEqual({
      oid: OID,
      schema: 'public',
      table: 't',
      replicaIdentity: 'default',
      columns: [
        { name: 'id', typeOid: 23, isKey: true },
        { name: 'note', typeOid: 3_000_000_000, isKey: false },
      ],
    });
  });

  it.each([
    [0n, '2000-01-01T00:00:00.000000Z'],
    [-1n, '1999-12-31T23:59:59.999999Z'],
    [-1_000_001n, '1999-12-31T23:59:58.999999Z'],
    [835_012_345_678_901n, '2026-06-17T11:52:25.678901Z'],
    [-946_684_800_000_001n, '1969-12-31T23:59:59.999999Z'],
  ])('a commit at %i microseconds is at %s', async (time, text) => {
    const { transactions } = await decode([pgoutput.begin({ commitLsn: 1000n, xid: 1, time }), COMMIT]);

    expect(transactions[0]?.committedAt).toBe(text);
  });

  it.each([
    ['d', 'default'],
    ['n', 'nothing'],
    ['f', 'full'],
    ['i', 'index'],
    ['x', 'unknown'],
  ])('replica identity %s is %s', async (identity, name) => {
    const { relations } = await decode([
      pgoutput.relation({ ...RELATION, identity, schema: '' }),
      BEGIN,
      pgoutput.insert(OID, ['1', null]),
      COMMIT,
    ]);

    expect(relations[0]).toMatchObject({ replicaIdentity: name, schema: 'pg_catalog' });
  });

  it('a relation that is described again is the same object until something of it changes', async () => {
    const other = pgoutput.relation({
      ...RELATION,
      columns: [
        ['id', 23, 'key'],
        ['remark', 25],
      ],
    });

    const { relations } = await decode([
      BEGIN,
      ...[R, R, other, R].flatMap((description) => [description, pgoutput.insert(OID, ['1', null])]),
      COMMIT,
    ]);

    expect(relations[1]).toBe(relations[0]);
    expect(relations[2]).not.toBe(relations[0]);
    expect(relations[2]?.columns[1]?.name).toBe('remark');
    expect(relations[3]?.columns[1]?.name).toBe('note');
  });

  it('a wide relation after a narrow one, and back, keeps values in their columns', async () => {
    const names = Array.from({ length: 1_600 }, (_, n) => `c${n}`);
    const wide = { oid: 7, table: 'wide', columns: names.map((name) => [name, 25] as const) };

    const { rows } = await decode([
      R,
      pgoutput.relation(wide),
      BEGIN,
      pgoutput.insert(OID, ['1', 'a']),
      pgoutput.insert(7, names),
      pgoutput.insert(OID, ['2', 'b']),
      COMMIT,
    ]);

    expect(rows.map(({ row }) => row)).toEqual([
      { id: '1', note: 'a' },
      Object.fromEntries(names.map((name) => [name, name])),
      { id: '2', note: 'b' },
    ]);
  });

  describe('streamed transactions', () => {
    const streamed = (xid: number): readonly Buffer[] => [
      pgoutput.relation(RELATION, xid),
      pgoutput.insert(OID, [`${xid}`, 'a'], xid),
    ];
    const commit = (xid: number): Buffer => pgoutput.streamCommit({ xid, commitLsn: 2000n, endLsn: 2050n, time: 5n });

    it('wait for their commit, beside others, with the positions that they came with', async () => {
      const { transactions } = await decode([
        pgoutput.streamStart(9, true),
        ...streamed(9),
        pgoutput.origin('elsewhere'),
        pgoutput.type(5, 'mood', 9),
        pgoutput.logical('inside', 9),
        pgoutput.streamStop(),
        R,
        BEGIN,
        pgoutput.insert(OID, ['1', null]),
        COMMIT,
        pgoutput.streamStart(9, false),
        pgoutput.truncate([OID], 10),
        pgoutput.delete(OID, 'K', ['9', null], 9),
        pgoutput.streamStop(),
        commit(9),
      ]);

      expect(transactions.map(({ xid, changes }) => [xid, ...changes.map((change) => [change.kind, change.lsn])])).toEqual([
        ['4000000000', ['insert', 109n]],
        ['9', ['insert', 102n], ['truncate', 112n], ['delete', 113n]],
      ]);
      expect(transactions[1]).toMatchObject({ commitLsn: 2000n, endLsn: 2050n, committedAt: '2000-01-01T00:00:00.000005Z' });
    });

    it('leave out aborted parts, with the descriptions in them, and all that is inside of them', async () => {
      const { rows } = await decode([
        pgoutput.streamStart(9, true),
        ...streamed(9),
        pgoutput.relation({ ...RELATION, columns: [['other', 23]] }, 10),
        pgoutput.insert(OID, ['10'], 10),
        pgoutput.insert(OID, ['11'], 11),
        pgoutput.streamStop(),
        pgoutput.streamAbort(9, 11),
        pgoutput.streamAbort(9, 10),
        pgoutput.streamAbort(9, 12),
        pgoutput.streamStart(9, false),
        pgoutput.insert(OID, ['13', 'b'], 13),
        pgoutput.insert(OID, ['10', 'again'], 10),
        pgoutput.streamStop(),
        commit(9),
      ]);

      expect(rows.map(({ row }) => row)).toEqual([
        { id: '9', note: 'a' },
        { id: '13', note: 'b' },
        { id: '10', note: 'again' },
      ]);
    });

    it('that are aborted never come, and their descriptions are forgotten', async () => {
      const { rows, transactions } = await decode([
        R,
        pgoutput.streamStart(9, true),
        pgoutput.relation({ ...RELATION, columns: [['other', 23]] }, 9),
        pgoutput.streamStop(),
        pgoutput.streamAbort(9, 9),
        pgoutput.streamAbort(8, 8),
        BEGIN,
        pgoutput.insert(OID, ['1', 'a']),
        COMMIT,
      ]);

      expect(transactions).toHaveLength(1);
      expect(rows.map(({ row }) => row)).toEqual([{ id: '1', note: 'a' }]);
    });

    it('may be empty', async () => {
      const { transactions } = await decode([pgoutput.streamStart(9, true), pgoutput.streamStop(), commit(9)]);

      expect(transactions.map(({ changes }) => changes)).toEqual([[]]);
    });

    it('are handed over in steps', async () => {
      const text = 'x'.repeat(100_000);
      const recorder = await decode([
        pgoutput.streamStart(9, true),
        pgoutput.relation(RELATION, 9),
        ...Array.from({ length: 40 }, (_, n) => pgoutput.insert(OID, [`${n}`, text], 9)),
        pgoutput.streamStop(),
        commit(9),
      ]);

      expect(recorder.rows).toHaveLength(40);
      expect(recorder.drains).toBeGreaterThanOrEqual(6);
      expect(recorder.drains).toBeLessThanOrEqual(9);
    });

    it('must be handled to their end before the next message', async () => {
      await using decoder = openDecoder({ plugin: 'pgoutput' });
      const recorder = new LogRecorder();
      const text = 'x'.repeat(700_000);
      const messages = [
        pgoutput.streamStart(9, true),
        ...streamed(9),
        pgoutput.insert(OID, ['1', text], 9),
        pgoutput.insert(OID, ['2', text], 9),
        pgoutput.streamStop(),
      ];
      for (const data of messages) decoder.push(data, 0, data.length, lsn(1), recorder);
      const last = commit(9);

      expect(decoder.push(last, 0, last.length, lsn(1), recorder)).toBe('more');
      expect(() => decoder.push(BEGIN, 0, BEGIN.length, lsn(1), recorder)).toThrow('not handled to its end');
      expect([decoder.more(recorder), decoder.more(recorder), decoder.more(recorder)]).toEqual(['more', 'done', 'done']);
      expect(recorder.rows).toHaveLength(3);
    });
  });

  it.each<readonly [what: string, messages: readonly Buffer[], text: string]>([
    ['an empty message', [Buffer.alloc(0)], 'cut off'],
    ['an unknown type', [Buffer.from('Z')], 'unknown type'],
    ['a change outside of a transaction', [R, pgoutput.insert(OID, ['1', null])], 'outside of a transaction'],
    ['a relation that was not described', [BEGIN, pgoutput.insert(OID, ['1', null])], 'was not described'],
    ['a truncate of a relation that was not described', [BEGIN, pgoutput.truncate([1])], 'was not described'],
    ['too few values', [R, BEGIN, pgoutput.insert(OID, ['1'])], 'does not fit its relation'],
    ['too many values', [R, BEGIN, pgoutput.insert(OID, ['1', '2', '3'])], 'does not fit its relation'],
    ['binary values', [R, BEGIN, pgoutput.insert(OID, ['1', Buffer.from([1])])], 'binary form'],
    ['a begin in a transaction', [BEGIN, BEGIN], 'inside of another'],
    ['a commit without a begin', [COMMIT], 'the commit of another'],
    ['the commit of another transaction', [BEGIN, pgoutput.commit({ commitLsn: 1001n, endLsn: 1n })], 'the commit of another'],
    ['a stream in a transaction', [BEGIN, pgoutput.streamStart(1, true)], 'inside of another'],
    ['a stream that goes on without a start', [pgoutput.streamStart(1, false)], 'begins twice, or not at all'],
    [
      'a stream that begins twice',
      [pgoutput.streamStart(1, true), pgoutput.streamStop(), pgoutput.streamStart(1, true)],
      'begins twice',
    ],
    ['the commit of an unknown stream', [pgoutput.streamCommit({ xid: 1, commitLsn: 1n, endLsn: 2n })], 'did not begin'],
    ['a begin inside of a stream', [pgoutput.streamStart(1, true), BEGIN], 'cannot be part of a stream'],
    ['a prepared transaction', [Buffer.from('b')], 'two-phase'],
    ['a time that is none', [pgoutput.begin({ commitLsn: 1n, xid: 1, time: 2n ** 63n - 1n })], 'a time of commit'],
    [
      'columns of one name',
      [
        pgoutput.relation({
          ...RELATION,
          columns: [
            ['a', 1],
            ['a', 2],
          ],
        }),
      ],
      'two columns of one name',
    ],
    ['bytes behind the end', [BEGIN, Buffer.concat([COMMIT, Buffer.from([0])])], 'goes on behind its end'],
    ['a truncate that is too short', [R, BEGIN, pgoutput.truncate([OID]).subarray(0, -1)], 'TRUNCATE'],
    [
      'a delete without an old row',
      [R, BEGIN, Buffer.concat([Buffer.from('D'), pgoutput.insert(OID, ['1', null]).subarray(1)])],
      'without an old row',
    ],
    [
      'an update without a new row',
      [R, BEGIN, Buffer.concat([Buffer.from('U'), pgoutput.delete(OID, 'K', ['1', null]).subarray(1), Buffer.from('K')])],
      'without a new row',
    ],
  ])('refuses %s', async (_, messages, text) => {
    const error = await rejection(decode(messages));

    expect(error).toMatchObject({ code: 'log-unreadable' });
    expect(String(error)).toContain('pgoutput');
    expect(String(error)).toContain(text);
  });

  it('asks for what it reads, with names in quotes', () => {
    expect(pgoutputOptions({ protocol: 1, publications: ['Weird "p",'] })).toEqual([
      ['proto_version', '1'],
      ['publication_names', '"Weird ""p"","'],
    ]);
    expect(pgoutputOptions({ protocol: 2, publications: ['p'], streaming: 'off' })).toEqual([
      ['proto_version', '2'],
      ['publication_names', '"p"'],
    ]);
    expect(pgoutputOptions({ protocol: 2, publications: ['p'], streaming: 'on' })).toContainEqual(['streaming', 'on']);
  });
});
