import { describe, expect, it } from 'vitest';
import type { RowShape, SystemColumns } from '../../functions/engine/encode/encode.ts';
import { compileLogEncoder } from '../../functions/engine/encode/log-encoder.ts';
import type { LogEncoder } from '../../functions/engine/encode/log-encoding.ts';
import type { ValueType } from '../../functions/engine/model/catalog.ts';
import { FIELD } from '../../functions/engine/model/log-change.ts';
import type { LogRelation, LogTuple } from '../../functions/engine/model/log-change.ts';
import type { Lsn } from '../../functions/engine/model/lsn.ts';
import { encodeRows, shapeOf } from './encode-rows.ts';

const INT: ValueType = { kind: 'number', name: 'int4' };
const TEXT: ValueType = { kind: 'text', name: 'text' };
const TEXTS: ValueType = { kind: 'array', name: '_text', element: TEXT, delimiter: ',' };
const CHAR: ValueType = { kind: 'text', name: 'char' };
const AT = '"2020-02-03T04:05:06.789Z"';
const SYSTEM: SystemColumns = [
  { name: '_sdc_extracted_at', json: AT },
  { name: '_sdc_received_at', json: AT },
  { name: '_sdc_batched_at', json: AT },
  { name: '_sdc_table_version', json: '1764000000000' },
];
const TAIL = (sequence: string, deletedAt = 'null'): string =>
  `,"_sdc_extracted_at":${AT},"_sdc_received_at":${AT},"_sdc_batched_at":${AT},"_sdc_sequence":${sequence},"_sdc_table_version":1764000000000,"_sdc_deleted_at":${deletedAt}}`;
const SHAPE = shapeOf([
  { name: 'id', type: INT },
  { name: 'note', type: TEXT },
  { name: 'tags', type: TEXTS },
]);
const MISSING = { unchanged: FIELD.unchanged, absent: FIELD.absent } as const;

/** `unchanged` and `absent` are no text. */
type Value = string | null | Buffer;

function relation(columns: readonly (readonly [name: string, typeOid: number])[]): LogRelation {
  return {
    oid: 1,
    schema: 'public',
    table: 't',
    replicaIdentity: 'default',
    columns: columns.map(([name, typeOid]) => ({ name, typeOid, isKey: name === 'id' })),
  };
}

const RELATION = relation([
  ['id', 23],
  ['note', 25],
  ['tags', 1009],
]);

/** A tuple; `unchanged` and `absent` stand for themselves, other strings for text. */
function tuple(...values: readonly Value[]): LogTuple {
  const fields = new Uint8Array(values.length);
  const starts = new Int32Array(values.length);
  const ends = new Int32Array(values.length);
  let bytes = Buffer.from('in front ');
  for (const [column, value] of values.entries()) {
    if (value === null) fields[column] = FIELD.null;
    else if (value === 'unchanged' || value === 'absent') fields[column] = MISSING[value];
    else {
      fields[column] = FIELD.text;
      starts[column] = bytes.length;
      bytes = Buffer.concat([bytes, Buffer.from(value)]);
      ends[column] = bytes.length;
    }
  }
  return { bytes: Buffer.concat([bytes, Buffer.from('behind')]), fields, starts, ends };
}

function lsn(value: bigint | number): Lsn {
  return BigInt(value) as Lsn;
}

function open(shape: RowShape = SHAPE, system: SystemColumns = SYSTEM): LogEncoder {
  return compileLogEncoder(shape, { stream: 'db.public.t' }).open(system);
}

function lines(encoder: LogEncoder): readonly string[] {
  const { bytes, rows } = encoder.take();
  const all = bytes.toString().split('\n');
  expect(all.pop()).toBe('');
  expect(all).toHaveLength(rows);
  return all;
}

describe('a row of the log', () => {
  it('has its fields in the order of the stream, then the columns of Stitch in theirs', () => {
    const encoder = open();
    const reordered = relation([
      ['tags', 1009],
      ['other', 25],
      ['note', 25],
      ['id', 23],
    ]);

    encoder
      .bind(reordered)
      .writeRow(tuple('{a,NULL}', 'not selected', 'x\t"\\\n', '1'), undefined, lsn(18_446_744_073_709_551_615n));

    expect(lines(encoder)).toEqual([String.raw`{"id":1,"note":"x\t\"\\\n","tags":["a",null]` + TAIL('18446744073709551615')]);
  });

  it.each(['default', 'stitch'] as const)('has the bytes that a copy has (%s)', (profile) => {
    const shape: RowShape = { ...SHAPE, profile };
    const encoder = open(shape);

    encoder.bind(RELATION).writeRow(tuple('1', '', null), undefined, lsn(7));
    encoder.bind(RELATION).writeRow(tuple('2', null, '{}'), undefined, lsn(7));

    const system = [
      ...SYSTEM.slice(0, 3),
      { name: '_sdc_sequence', json: '7' },
      ...SYSTEM.slice(3),
      { name: '_sdc_deleted_at', json: 'null' },
    ];
    expect(lines(encoder)).toEqual(encodeRows(shape, ['1\t\t\\N', '2\t\\N\t{}'], system));
  });

  it.each(['"', '\\', '\n', '\t', '\u0001', '\u007f', 'é', '語', '😀'])(
    'escapes %j wherever it stands in text of any length',
    (special) => {
      const texts = Array.from({ length: 12 }, (_, length) =>
        Array.from(
          { length: length + 1 },
          (__, at) => `${'abcdefghijkl'.slice(0, at)}${special}${'mnopqrstuvwx'.slice(at, length)}`,
        ),
      ).flat();
      const encoder = open();
      const writer = encoder.bind(RELATION);

      for (const text of texts) writer.writeRow(tuple('1', text, null), undefined, lsn(7));

      expect(lines(encoder)).toEqual(texts.map((text) => `{"id":1,"note":${JSON.stringify(text)},"tags":null${TAIL('7')}`));
    },
  );

  it.each<readonly [what: string, row: readonly Value[], old: readonly Value[] | undefined, json: string, partial: boolean]>([
    ['a value that was not sent is left out', ['1', 'unchanged', '{}'], undefined, '{"id":1,"tags":[]', true],
    ['the first one too', ['unchanged', 'n', '{}'], undefined, '{"note":"n","tags":[]', true],
    ['all of them', ['unchanged', 'unchanged', 'absent'], undefined, '{', true],
    ['it is taken from the old row', ['1', 'unchanged', '{}'], ['1', 'old', '{x}'], '{"id":1,"note":"old","tags":[]', false],
    ['never as null', ['1', 'unchanged', '{}'], ['1', null, null], '{"id":1,"tags":[]', true],
    ['nor from a key', ['1', 'unchanged', '{}'], ['1', 'absent', 'absent'], '{"id":1,"tags":[]', true],
    ['what was sent is not', ['1', null, '{}'], ['1', 'old', '{x}'], '{"id":1,"note":null,"tags":[]', false],
  ])('%s', (_, row, old, json, partial) => {
    const encoder = open();
    const writer = encoder.bind(RELATION);

    writer.writeRow(tuple(...row), old && tuple(...old), lsn(7));

    const tail = json === '{' ? `{${TAIL('7').slice(1)}` : json + TAIL('7');
    expect(lines(encoder)).toEqual([tail]);
    expect(writer.isPartial(tuple(...row), old && tuple(...old))).toBe(partial);
    expect(writer.lacksFields).toBe(false);
  });

  it('its text is that of its fields, and can be written later', () => {
    const encoder = open();
    const writer = encoder.bind(RELATION);
    const row = tuple('1', 'unchanged', 'unchanged');
    const old = tuple('1', 'zażółć 😀', 'absent');

    const values = writer.textOf(row, old);
    writer.writePartial(values, lsn(7));
    encoder.writeText(['2', null, '{a}'], lsn(8));

    expect(values).toEqual(['1', 'zażółć 😀', undefined]);
    expect(lines(encoder)).toEqual([`{"id":1,"note":"zażółć 😀"${TAIL('7')}`, `{"id":2,"note":null,"tags":["a"]${TAIL('8')}`]);
  });

  it('of a relation without some fields, or with another type, lacks them', () => {
    const encoder = open();
    const writer = encoder.bind(
      relation([
        ['id', 20],
        ['note', 0],
        ['more', 25],
      ]),
    );

    writer.writeRow(tuple('1', 'n', 'm'), undefined, lsn(7));

    expect(writer.lacksFields).toBe(true);
    expect(writer.isPartial(tuple('1', 'n', 'm'), undefined)).toBe(false);
    expect(writer.textOf(tuple('1', 'n', 'm'), undefined)).toEqual([undefined, 'n', undefined]);
    expect(lines(encoder)).toEqual([`{"note":"n"${TAIL('7')}`]);
  });

  it.each([
    [23, INT, false],
    [20, INT, true],
    [25, INT, true],
    [0, INT, false],
    [4_000_000_000, INT, false],
    [1009, TEXTS, false],
    [1015, TEXTS, true],
    [25, { kind: 'text', name: 'mood', enumLabels: ['a'] } as const, true],
  ])('type %i for %o: %s', (typeOid, type, lacks) => {
    const encoder = open(shapeOf([{ name: 'a', type }]));

    expect(encoder.bind(relation([['a', typeOid]])).lacksFields).toBe(lacks);
  });

  it('the writer of a relation is made once', () => {
    const encoder = open();

    expect(encoder.bind(RELATION)).toBe(encoder.bind(RELATION));
    expect(encoder.bind({ ...RELATION })).not.toBe(encoder.bind(RELATION));
  });
});

describe('a delete', () => {
  it('has what the old row has, and when it was', () => {
    const encoder = open();
    const writer = encoder.bind(RELATION);

    writer.writeDelete(tuple('1', 'absent', 'absent'), lsn(7), '2020-02-03T04:05:06.789000Z');
    writer.writeDelete(tuple('2', null, '{a}'), lsn(8), '2020-02-03T04:05:06.789000Z');
    writer.writeDelete(tuple('3', 'n', null), lsn(9), '2021-02-03T04:05:06.789000Z');
    writer.writeRow(tuple('4', 'n', null), undefined, lsn(10));

    expect(lines(encoder)).toEqual([
      `{"id":1${TAIL('7', '"2020-02-03T04:05:06.789000Z"')}`,
      `{"id":2,"note":null,"tags":["a"]${TAIL('8', '"2020-02-03T04:05:06.789000Z"')}`,
      `{"id":3,"note":"n","tags":null${TAIL('9', '"2021-02-03T04:05:06.789000Z"')}`,
      `{"id":4,"note":"n","tags":null${TAIL('10')}`,
    ]);
  });
});

describe('a block', () => {
  it('knows its rows and positions, and begins anew', () => {
    const encoder = open();
    const writer = encoder.bind(RELATION);
    for (const sequence of [9, 5, 7]) writer.writeRow(tuple('1', 'n', null), undefined, lsn(sequence));

    expect(encoder.pendingBytes).toBeGreaterThan(0);
    expect(encoder.take()).toMatchObject({ rows: 3, firstSequence: 5n, lastSequence: 9n });
    expect(encoder.pendingBytes).toBe(0);
    expect(encoder.take()).toMatchObject({ rows: 0, bytes: Buffer.alloc(0) });
    writer.writeRow(tuple('1', 'n', null), undefined, lsn(1));
    expect(encoder.take()).toMatchObject({ rows: 1, firstSequence: 1n, lastSequence: 1n });
    expect(encoder.rows).toBe(4);
  });

  it('takes rows of any size', () => {
    const encoder = open();
    const note = '"'.repeat(3_000_000);

    for (const id of ['1', '2']) encoder.bind(RELATION).writeRow(tuple(id, note, null), undefined, lsn(1));

    const [first, second] = lines(encoder).map((line) => JSON.parse(line) as { id: number; note: string });
    expect([first?.id, first?.note === note, second?.id, second?.note === note]).toEqual([1, true, 2, true]);
  });

  it('rows without a key have UUIDs that do not repeat', () => {
    const compiled = compileLogEncoder({ ...SHAPE, rowId: true }, { stream: 'db.public.t' });
    const [one, two] = [compiled.open(SYSTEM), compiled.open(SYSTEM)];
    for (const encoder of [one, two]) {
      const writer = encoder.bind(RELATION);
      writer.writeRow(tuple('1', 'n', null), undefined, lsn(1));
      writer.writeDelete(tuple('1', 'n', null), lsn(1), 'now');
      encoder.writeText(['1', 'n', null], lsn(1));
    }

    const ids = [...lines(one), ...lines(two)].map(
      (line) => /"_sdc_deleted_at":[^,]+,"__sdc_primary_key":"([0-9a-f-]{36})"}$/.exec(line)?.[1],
    );
    expect(new Set(ids).size).toBe(6);
    expect(ids).not.toContain(undefined);
  });
});

describe('a value that cannot be read', () => {
  const failure = (act: () => void): unknown => {
    try {
      act();
    } catch (error) {
      return error;
    }
    throw new Error('nothing was thrown');
  };

  it('is an error that names the column, and takes its row back', () => {
    const encoder = open();
    const writer = encoder.bind(RELATION);
    writer.writeRow(tuple('1', 'n', null), undefined, lsn(3));

    const errors = [
      failure(() => writer.writeRow(tuple('secret', 'n', null), undefined, lsn(4))),
      failure(() => writer.writeRow(tuple('1', 'n', '{"secret'), undefined, lsn(4))),
      failure(() => writer.writeRow(tuple('1\tsecret', 'n', null), undefined, lsn(4))),
      failure(() => writer.writeDelete(tuple('secret', 'absent', 'absent'), lsn(4), 'now')),
      failure(() => encoder.writeText(['1', 'n', 'secret'], lsn(4))),
    ];

    expect(errors).toMatchObject(errors.map(() => ({ code: 'value-unreadable' })));
    expect(errors.map(String).join()).not.toContain('secret');
    expect(errors.map((error) => /column "(\w+)"/.exec(String(error))?.[1])).toEqual(['id', 'tags', 'id', 'id', 'tags']);
    writer.writeRow(tuple('2', 'n', null), undefined, lsn(5));
    expect(lines(encoder)).toEqual([`{"id":1,"note":"n","tags":null${TAIL('3')}`, `{"id":2,"note":"n","tags":null${TAIL('5')}`]);
  });

  it('as bytes that are not UTF-8 is found when the block is taken, also where fields before it are left out', () => {
    const encoder = open(
      shapeOf([
        { name: 'id', type: INT },
        { name: 'note', type: TEXT },
        { name: 'Weird "c",', type: CHAR },
      ]),
    );
    const writer = encoder.bind(
      relation([
        ['id', 23],
        ['note', 25],
        ['Weird "c",', 18],
      ]),
    );
    const row = tuple('1', 'unchanged', Buffer.from([0xc3]));
    writer.writeRow(row, undefined, lsn(1));

    expect(failure(() => encoder.take())).toMatchObject({
      code: 'value-unreadable',
      message: expect.stringContaining('"Weird "c","') as string,
    });
    expect(failure(() => writer.textOf(row, undefined))).toMatchObject({ code: 'value-unreadable' });
    expect(writer.textOf(tuple('1', 'is \ufffd', 'x'), undefined)).toEqual(['1', 'is \ufffd', 'x']);
  });
});

describe('keys', () => {
  const writer = open().bind(RELATION);
  const names = ['note', 'id'];

  it.each<readonly [row: readonly Value[], key: readonly string[] | undefined]>([
    [
      ['1', 'n', null],
      ['n', '1'],
    ],
    [['1', null, null], undefined],
    [['1', 'unchanged', null], undefined],
    [['1', 'absent', null], undefined],
  ])('of %j is %j', (row, key) => {
    expect(writer.keyOf(tuple(...row), names)).toEqual(key);
  });

  it('of a column that the relation does not have are unknown', () => {
    expect(writer.keyOf(tuple('1', 'n', null), ['id', 'gone'])).toBeUndefined();
    expect(writer.keyOf(tuple('1', 'n', null), ['id'])).toEqual(['1']);
    expect(writer.keyOf(tuple('1', 'n', null), [])).toEqual([]);
  });

  it.each<readonly [old: readonly Value[], row: readonly Value[], same: boolean]>([
    [['1', 'n', null], ['1', 'n', '{}'], true],
    [['1', 'n', null], ['2', 'n', null], false],
    [['1', 'n', null], ['1', 'nn', null], false],
    [['1', 'n', null], ['1', null, null], false],
    [['1', null, null], ['1', null, null], true],
    [['1', 'n', null], ['1', 'unchanged', null], true],
    [['1', 'absent', 'absent'], ['1', 'n', null], true],
  ])('of %j and %j: the same is %s', (old, row, same) => {
    expect(writer.hasSameKey(tuple(...old), tuple(...row), names)).toBe(same);
  });
});
