import { describe, expect, it } from 'vitest';
import type { LogTable } from '../../../functions/engine/source/log.ts';
import { commitTimeOf } from '../../../functions/engine/source/postgres/log/commit-time.ts';
import { openDecoder } from '../../../functions/engine/source/postgres/log/open-decoder.ts';
import { wal2jsonOptions } from '../../../functions/engine/source/postgres/log/wal2json-options.ts';
import { rejection } from '../support.ts';
import { ABSENT, UNCHANGED } from './decode-recorder.ts';
import { decode, TABLE } from './decode-wal2json.ts';

describe('wal2json format 1', () => {
  const head = `"xid":7,"nextlsn":"0/41A","timestamp":"2020-02-03 04:05:06.789+00"`;
  const insert = (id: number, note: string): string =>
    `{"kind":"insert","schema":"public","table":"t","columnnames":["id","note"],"columntypeoids":[23,25],"columnvalues":[${id},${note}]}`;
  const update = `{"kind":"update","schema":"public","table":"t","columnnames":["id"],"columnvalues":[1],"oldkeys":{"keynames":["id"],"keyvalues":[2]}}`;
  const remove = `{"kind":"delete","schema":"public","table":"t","oldkeys":{"keynames":["id"],"keytypeoids":[23],"keyvalues":[2]}}`;
  const logical = `{"kind":"message","transactional":true,"prefix":"p","content":"c"}`;
  const seen = [
    { kind: 'insert', row: { id: '1', note: 'x' } },
    { kind: 'update', row: { id: '1', note: UNCHANGED, bytes: UNCHANGED }, old: { id: '2', note: ABSENT, bytes: ABSENT } },
    { kind: 'delete', old: { id: '2', note: ABSENT } },
  ];

  it('reads a transaction in chunks, with the positions of the chunks', async () => {
    const { transactions, rows } = await decode(1, [
      `{${head},"change":[`,
      insert(1, '"x"'),
      `,${logical}`,
      `,${update}`,
      `,${remove}`,
      ']}',
    ]);

    expect(transactions).toMatchObject([
      { xid: '7', commitLsn: 1050n, endLsn: 1050n, committedAt: '2020-02-03T04:05:06.789000Z' },
    ]);
    expect(transactions[0]?.changes.map(({ lsn: position }) => position)).toEqual([101n, 103n, 104n]);
    expect(rows).toMatchObject(seen);
  });

  it('reads a transaction as one message, with positions that count up to its end', async () => {
    const { transactions, rows } = await decode(1, [`{${head},"change":[${insert(1, '"x"')},${logical},${update},${remove}]}`]);

    expect(transactions[0]?.changes.map(({ lsn: position }) => position)).toEqual([1047n, 1048n, 1049n]);
    expect(transactions[0]).toMatchObject({ commitLsn: 1050n, endLsn: 1050n });
    expect(rows).toMatchObject(seen);
  });

  it('passes over empty transactions and messages outside of them, also with the comma too many of old versions', async () => {
    const { transactions } = await decode(1, [
      `{"change":[{"kind":"message","transactional":false,"prefix":"p","content":"c"}]}`,
      `{"change":[,{"kind":"message","transactional":false,"prefix":"p","content":"c"}]}`,
      `{${head},"change":[]}`,
      `{\n\t"xid": 8,\n\t"nextlsn": "0/41B",\n\t"timestamp": "2020-02-03 04:05:06+00",\n\t"change": [\n\t]\n}`,
    ]);

    expect(transactions.map(({ xid, changes }) => [xid, changes])).toEqual([
      ['7', []],
      ['8', []],
    ]);
  });

  it('hands a large transaction over in steps', async () => {
    const note = JSON.stringify('x'.repeat(100_000));
    const recorder = await decode(1, [`{${head},"change":[${Array.from({ length: 40 }, (_, n) => insert(n, note)).join(',')}]}`]);

    expect(recorder.rows.map(({ row }) => row?.id)).toEqual(Array.from({ length: 40 }, (_, n) => `${n}`));
    expect(recorder.drains).toBeGreaterThanOrEqual(6);
    expect(recorder.drains).toBeLessThanOrEqual(9);
  });

  it('nulls, which whole old rows do not have, are put back', async () => {
    const full: LogTable = { ...TABLE, replicaIdentity: 'full' };
    const row = `"columnnames":["id","note","bytes"],"columnvalues":[1,"x",null]`;
    const old = `"oldkeys":{"keynames":["id"],"keyvalues":[1]}`;

    const { rows } = await decode(
      1,
      [
        `{${head},"change":[{"kind":"update","schema":"public","table":"t",${row},${old}},{"kind":"delete","schema":"public","table":"t",${old}}]}`,
      ],
      { tables: [full] },
    );

    expect(rows.map((one) => one.old)).toEqual([
      { id: '1', note: null, bytes: null },
      { id: '1', note: null, bytes: null },
    ]);
  });

  it.each<readonly [what: string, messages: readonly string[], text: string]>([
    ['format 2', ['{"action":"B"}'], 'not JSON'],
    ['a chunk that is cut off', [`{${head},"change":[`, insert(1, '1').slice(0, -1)], 'not JSON'],
    ['a transaction without a position', [`{"xid":1,"timestamp":"2020-02-03 04:05:06+00","change":[`], 'include-lsn'],
    [
      'names without values',
      [`{${head},"change":[{"kind":"insert","schema":"s","table":"t","columnnames":["a"]}]}`],
      'without its row',
    ],
    [
      'more names than values',
      [`{${head},"change":[{"kind":"insert","schema":"s","table":"t","columnnames":["a","b"],"columnvalues":[1]}]}`],
      'not JSON',
    ],
    [
      'more values than names',
      [`{${head},"change":[{"kind":"insert","schema":"s","table":"t","columnnames":["a"],"columnvalues":[1,2]}]}`],
      'not JSON',
    ],
    [
      'a change without a table',
      [`{${head},"change":[${insert(1, '1')},{"kind":"insert","columnnames":["a"],"columnvalues":[1]}]}`],
      'without its table',
    ],
    ['an unknown kind', [`{${head},"change":[{"kind":"upsert","schema":"s","table":"t"}]}`], 'unknown kind'],
    ['changes without a comma', [`{${head},"change":[${insert(1, '1')}${insert(2, '1')}]}`], 'without a comma'],
  ])('refuses %s', async (_, messages, expected) => {
    const error = await rejection(decode(1, messages));

    expect(error).toMatchObject({ code: 'log-unreadable' });
    expect(String(error)).toContain(expected);
  });
});

describe('asking wal2json', () => {
  const tables = [
    { schema: 'public', table: 'plain' },
    { schema: 'Weird, *', table: 'a.b\\c\td\ne "f"' },
  ];

  it('names are escaped as it wants them', () => {
    const options = Object.fromEntries(wal2jsonOptions({ format: 2, tables, numbers: 'bare', typeOids: 'wanted' }));

    expect(options['add-tables']).toBe('public.plain,Weird\\,\\ \\*.a\\.b\\\\c\\\td\\\ne\\ "f"');
  });

  it('each format has the options that it needs', () => {
    const names = (format: 1 | 2, numbers: 'bare' | 'strings'): readonly string[] =>
      wal2jsonOptions({ format, tables, numbers, typeOids: 'wanted' }).map(([name]) => name);

    expect(names(2, 'bare')).toEqual(expect.arrayContaining(['format-version', 'include-lsn', 'include-transaction', 'actions']));
    expect(names(2, 'bare')).not.toContain('numeric-data-types-as-string');
    expect(names(2, 'strings')).toContain('numeric-data-types-as-string');
    expect(names(1, 'bare')).toContain('write-in-chunks');
    expect(names(1, 'bare')).not.toContain('include-transaction');
  });

  it('decoders say what they cannot see', () => {
    const caveats = (format: 1 | 2, numbers: 'bare' | 'strings'): readonly string[] =>
      openDecoder({ plugin: 'wal2json', format, tables: [], numbers }).caveats;

    expect(caveats(2, 'strings')).toEqual([]);
    expect(caveats(2, 'bare')).toEqual(['not-finite-is-null']);
    expect(caveats(1, 'bare')).toEqual(['truncate-unseen', 'not-finite-is-null']);
    expect(openDecoder({ plugin: 'pgoutput' }).caveats).toEqual([]);
  });
});

describe('a time of commit', () => {
  it.each([
    ['2020-02-03 04:05:06+00', '2020-02-03T04:05:06.000000Z'],
    ['2020-02-03 04:05:06.1+05:45', '2020-02-02T22:20:06.100000Z'],
    ['2020-02-03 04:05:06.000001-03:30', '2020-02-03T07:35:06.000001Z'],
    ['1900-01-01 00:00:00.5+00:19:32', '1899-12-31T23:40:28.500000Z'],
    ['12345-01-01 00:00:00+00', '+012345-01-01T00:00:00.000000Z'],
    ['2020-02-30 04:05:06', undefined],
    ['infinity', undefined],
    ['2020-13-01 00:00:00+00', undefined],
  ])('%s is %s', (given, expected) => {
    expect(commitTimeOf(given)).toBe(expected);
  });
});
