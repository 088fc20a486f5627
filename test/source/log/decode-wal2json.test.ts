import { describe, expect, it } from 'vitest';
import type { LogTable } from '../../../functions/engine/source/log.ts';
import { rejection } from '../support.ts';
import { ABSENT, UNCHANGED } from './decode-recorder.ts';
import { column, decode, TABLE } from './decode-wal2json.ts';

const HEAD = `"xid":7,"timestamp":"2020-02-03 04:05:06.789+00"`;
const B = `{"action":"B",${HEAD},"lsn":"0/3E8","nextlsn":"0/41A"}`;
const C = `{"action":"C",${HEAD},"lsn":"0/3E8","nextlsn":"0/41A"}`;
const NAMES = `"schema":"public","table":"t"`;

/** Columns of format 2, their values as JSON. */
const columns = (values: Readonly<Record<string, string>>, oids: Readonly<Record<string, number>> = {}): string =>
  `[${Object.entries(values)
    .map(
      ([name, json]) =>
        `{"name":${JSON.stringify(name)}${oids[name] === undefined ? '' : `,"typeoid":${oids[name]}`},"value":${json}}`,
    )
    .join(',')}]`;
const change = (
  action: string,
  row?: Readonly<Record<string, string>>,
  old?: Readonly<Record<string, string>>,
  oids = {},
): string =>
  `{"action":"${action}",${HEAD},"lsn":"0/1",${NAMES}${row === undefined ? '' : `,"columns":${columns(row, oids)}`}${
    old === undefined ? '' : `,"identity":${columns(old, oids)}`
  }}`;

describe('wal2json format 2', () => {
  it('reads a transaction with all kinds of messages', async () => {
    const { transactions } = await decode(2, [
      `{"action":"M","xid":null,"timestamp":null,"lsn":"0/1","transactional":false,"prefix":"p","content":"{\\"a\\":["}`,
      B,
      change('I', { id: '1', note: 'null', bytes: '"00ff"' }),
      `{"action":"M",${HEAD},"transactional":true,"prefix":"p","content":"c"}`,
      change('U', { id: '2', bytes: '""' }, { id: '1' }),
      change('U', { id: '2', note: '"x"' }, { id: '2' }),
      change('D', undefined, { id: '2' }),
      `{"action":"T",${HEAD},"lsn":"0/1",${NAMES}}`,
      C,
    ]);

    const table = 'public.t';
    expect(transactions).toEqual([
      {
        xid: '7',
        commitLsn: 1000n,
        endLsn: 1050n,
        committedAt: '2020-02-03T04:05:06.789000Z',
        changes: [
          { kind: 'insert', table, lsn: 102n, row: { id: '1', note: null, bytes: '\\x00ff' } },
          {
            kind: 'update',
            table,
            lsn: 104n,
            row: { id: '2', note: UNCHANGED, bytes: '\\x' },
            old: { id: '1', note: ABSENT, bytes: ABSENT },
          },
          { kind: 'update', table, lsn: 105n, row: { id: '2', note: 'x', bytes: UNCHANGED } },
          { kind: 'delete', table, lsn: 106n, old: { id: '2', note: ABSENT, bytes: ABSENT } },
          { kind: 'truncate', tables: [table], lsn: 107n },
        ],
      },
    ]);
  });

  it.each<readonly [json: string, text: string | null]>([
    ['null', null],
    ['true', 't'],
    ['false', 'f'],
    ['-0.10e+400', '-0.10e+400'],
    ['123456789012345678901234567890.12345678901234567890', '123456789012345678901234567890.12345678901234567890'],
    ['"NaN"', 'NaN'],
    ['"-Infinity"', '-Infinity'],
    ['""', ''],
    [String.raw`"\b\f\n\r\t\"\\\/"`, '\b\f\n\r\t"\\/'],
    [String.raw`"\u0001\u001f\u007f"`, '\u0001\u001f\u007f'],
    [String.raw`"\u00e9\u20ac\ud83d\ude00!"`, 'é€😀!'],
    ['"zażółć 😀"', 'zażółć 😀'],
    [`"${'x'.repeat(10_000)}\\n${'y'.repeat(100)}"`, `${'x'.repeat(10_000)}\n${'y'.repeat(100)}`],
  ])('the value %j is %j', async (json, value) => {
    const { rows } = await decode(2, [B, change('I', { id: '1', note: json, bytes: 'null' }), C]);

    expect(rows[0]?.row?.note).toBe(value);
  });

  it('blanks, other members and another order inside of a column change nothing', async () => {
    const { rows } = await decode(2, [
      B,
      ` {"action" : "I", "origin":{"a":[1,{"b":"]}"}]}, "pk":[{"name":"id"}], ${NAMES}, "columns" : [ {"type":"x,}", "name":"id", "optional":false, "value":1, "position":1} ,
        {"name":"note","value":null,"default":null},{"name":"bytes","type":"bytea","value":"01"} ] } `,
      C,
    ]);

    expect(rows[0]?.row).toEqual({ id: '1', note: null, bytes: '\\x01' });
  });

  it('names with escapes are read', async () => {
    const name = 'Weird "Name"\n\\ ünï😀';
    const weird: LogTable = {
      ...TABLE,
      schema: name,
      table: name,
      columns: [column(name, { kind: 'text', name: 'text' })],
      primaryKey: [name],
    };
    const names = `"schema":${JSON.stringify(name)},"table":${JSON.stringify(name)}`;
    const escaped = String.raw`Weird \u0022Name\u0022\u000a\u005c \u00fcn\u00ef\ud83d\ude00`;

    const { rows } = await decode(
      2,
      [
        B,
        `{"action":"I",${names},"columns":${columns({ [name]: '"x"' })}}`,
        `{"action":"I",${names},"columns":[{"name":"${escaped}","value":"y"}]}`,
        C,
      ],
      { tables: [weird] },
    );

    expect(rows).toEqual(['x', 'y'].map((value) => ({ kind: 'insert', table: `${name}.${name}`, row: { [name]: value } })));
  });

  it('bytea of a domain, and text that looks like it, stay as they are', async () => {
    const oids = { id: 23, note: 25, bytes: 17 };

    const { rows } = await decode(2, [
      B,
      change('I', { id: '1', note: '"\\\\x00"', bytes: '"\\\\x00"' }),
      change('I', { id: '2', note: '"00"', bytes: '"00"' }, undefined, oids),
      change('I', { id: '3', note: '"00"', bytes: '"00"' }, undefined, { ...oids, bytes: 25 }),
      C,
    ]);

    expect(rows.map(({ row }) => [row?.note, row?.bytes])).toEqual([
      ['\\x00', '\\x00'],
      ['00', '\\x00'],
      ['00', '00'],
    ]);
  });

  it('type OIDs are known where they are sent, also those beyond 2^31', async () => {
    const { relations } = await decode(2, [
      B,
      change('I', { id: '1', note: 'null', bytes: 'null' }, undefined, { id: 23, note: -1_294_967_296, bytes: 17 }),
      change('U', { id: '1' }, { id: '1' }, { id: 23, note: -1_294_967_296, bytes: 17 }),
      C,
    ]);

    expect(relations[0]?.columns.map(({ typeOid }) => typeOid)).toEqual([23, 3_000_000_000, 17]);
    expect(relations[1]).toBe(relations[0]);
  });

  it('columns that only the catalog has by now are none of an insert, and left out of an update where they can be', async () => {
    const rows = await decode(2, [
      B,
      change('U', { id: '1' }, { id: '1' }),
      change('I', { id: '1', note: '"x"' }),
      change('U', { id: '1' }, { id: '1' }),
      C,
    ]);

    expect(rows.rows.map(({ row }) => row)).toEqual([
      { id: '1', note: UNCHANGED, bytes: UNCHANGED },
      { id: '1', note: 'x' },
      { id: '1', note: UNCHANGED },
    ]);
  });

  it('columns that the catalog has no more are read', async () => {
    const { rows } = await decode(2, [
      B,
      change('I', { gone: '1', id: '2', note: 'null', bytes: 'null' }),
      change('U', { id: '2', note: 'null', bytes: 'null' }, { gone: '"text"', id: '2' }),
      C,
    ]);

    expect(rows).toEqual([
      { kind: 'insert', table: 'public.t', row: { gone: '1', id: '2', note: null, bytes: null } },
      {
        kind: 'update',
        table: 'public.t',
        row: { gone: UNCHANGED, id: '2', note: null, bytes: null },
        old: { gone: 'text', id: '2', note: ABSENT, bytes: ABSENT },
      },
    ]);
  });

  it('virtual generated columns have no value in the log', async () => {
    const table: LogTable = {
      ...TABLE,
      columns: [...TABLE.columns, column('twice', { kind: 'number', name: 'int4' }, { generated: 'virtual' })],
    };

    const { rows } = await decode(
      2,
      [
        B,
        change('I', { id: '1', note: 'null', bytes: 'null', twice: 'null' }),
        change('U', { id: '1', note: 'null', twice: 'null' }, { id: '1' }),
        C,
      ],
      { tables: [table] },
    );

    expect(rows.map(({ row }) => row)).toEqual([
      { id: '1', note: null, bytes: null },
      { id: '1', note: null, bytes: UNCHANGED },
    ]);
  });

  it('whole old rows of REPLICA IDENTITY FULL are kept, also where nothing changed', async () => {
    const full: LogTable = { ...TABLE, replicaIdentity: 'full' };
    const row = { id: '1', note: 'null', bytes: 'null' };

    const { rows, relations } = await decode(2, [B, change('U', row, row), change('U', row, { id: '1' }), C], { tables: [full] });

    expect(rows.map(({ old }) => old)).toEqual([{ id: '1', note: null, bytes: null }, undefined]);
    expect(relations[0]?.columns.every(({ isKey }) => isKey)).toBe(true);
  });

  it('a table that is not in the catalog is read by what the messages have', async () => {
    const { rows } = await decode(
      2,
      [B, change('I', { a: '1' }), `{"action":"T",${NAMES}}`, change('D', undefined, { b: '1' }), C],
      { tables: [] },
    );

    expect(rows).toEqual([
      { kind: 'insert', table: 'public.t', row: { a: '1' } },
      { kind: 'delete', table: 'public.t', old: { b: '1' } },
    ]);
  });

  it('a commit without its end has it from its message', async () => {
    const { transactions } = await decode(2, [`{"action":"B",${HEAD},"lsn":"0/3E8"}`, `{"action":"C",${HEAD},"lsn":"0/3E8"}`]);

    expect(transactions[0]?.endLsn).toBe(101n);
  });

  it.each<readonly [what: string, messages: readonly string[], text: string]>([
    ['no JSON', ['BEGIN 1'], 'not JSON'],
    ['JSON with something behind it', [`${B}x`], 'not JSON'],
    ['format 1', [`{"xid":1,"change":[]}`], 'without an action'],
    ['an unknown action', ['{"action":"X"}'], 'unknown action'],
    ['a change outside of a transaction', [change('I', { id: '1' })], 'outside of a transaction'],
    ['a truncate outside of a transaction', [`{"action":"T",${NAMES}}`], 'outside of a transaction'],
    ['a begin in a transaction', [B, B], 'inside of another'],
    ['a commit without a begin', [C], 'without a transaction'],
    ['a transaction without a position', [`{"action":"B",${HEAD}}`], 'include-lsn'],
    ['a transaction without a number', [`{"action":"B","timestamp":"2020-02-03 04:05:06+00","lsn":"0/1"}`], 'include-xids'],
    ['a transaction without a time', [`{"action":"B","xid":1,"lsn":"0/1"}`], 'include-timestamp'],
    ['a time that is none', [`{"action":"B","xid":1,"timestamp":"Mon Feb 3 2020","lsn":"0/1"}`], 'a time of commit'],
    ['a position that is none', [`{"action":"B",${HEAD},"lsn":"1"}`], 'a position that is none'],
    ['a change without a table', [B, `{"action":"I","schema":"s","columns":[]}`], 'without its table'],
    ['a row before its table', [B, `{"action":"I","columns":[],${NAMES}}`], 'without its table'],
    ['a change without a row', [B, `{"action":"I",${NAMES}}`], 'without its row'],
    ['a delete without an old row', [B, `{"action":"D",${NAMES}}`], 'without its row'],
    ['a value that is an object', [B, change('I', { id: '{}' })], 'an object or an array'],
    [
      'columns of one name',
      [B, `{"action":"I",${NAMES},"columns":[{"name":"a","value":1},{"name":"a","value":2}]}`],
      'two columns of one name',
    ],
    ['old columns in another order', [B, change('U', { a: '1', b: '2' }, { b: '1', a: '2' })], 'not in one order'],
    ['a column without a name', [B, `{"action":"I",${NAMES},"columns":[{"value":1}]}`], 'not JSON'],
    ['a column without a value', [B, `{"action":"I",${NAMES},"columns":[{"name":"a"}]}`], 'not JSON'],
    ['half a pair of surrogates', [B, change('I', { id: String.raw`"\ud83d"` })], 'not JSON'],
    ['an unknown escape', [B, change('I', { id: String.raw`"\x"` })], 'not JSON'],
    ['an unknown word', [B, change('I', { id: 'nul' })], 'not JSON'],
    ['a number that is none', [B, change('I', { id: '1a' })], 'not JSON'],
    ['nesting without end', [B, `{"action":"I","x":${'['.repeat(100)}`], 'not JSON'],
  ])('refuses %s', async (_, messages, expected) => {
    const error = await rejection(decode(2, messages));

    expect(error).toMatchObject({ code: 'log-unreadable' });
    expect(String(error)).toContain('wal2json');
    expect(String(error)).toContain(expected);
  });
});
