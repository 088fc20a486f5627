import { describe, expect, test } from 'vitest';
import type { RowEncoder } from '../../functions/engine/encode/encode.ts';
import { compileRowEncoder } from '../../functions/engine/encode/row-encoder.ts';
import type { ValueType } from '../../functions/engine/model/catalog.ts';
import { ReplicationError } from '../../functions/engine/model/errors.ts';
import { encodeRow, encodeRows, shapeOf } from './encode-rows.ts';

const TEXT: ValueType = { kind: 'text', name: 'text' };
const INT: ValueType = { kind: 'number', name: 'int4' };
const SYSTEM = [
  { name: '_sdc_sequence', json: '23803720' },
  { name: '_sdc_batched_at', json: '"2026-11-22T08:12:00.123Z"' },
];
const UUID_V8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function textColumns(names: readonly string[]): readonly { readonly name: string; readonly type: ValueType }[] {
  return names.map((name) => ({ name, type: TEXT }));
}

function copy(encoder: RowEncoder, row: string): void {
  const bytes = Buffer.from(row);
  encoder.copyRow(bytes, 0, bytes.length);
}

describe('records', () => {
  test('hold source columns in order, then system columns in the order given', () => {
    const lines = encodeRows(shapeOf([{ name: 'id', type: INT }, ...textColumns(['name'])]), ['1\tAda', '2\t\\N'], SYSTEM);

    expect(lines).toEqual([
      '{"id":1,"name":"Ada","_sdc_sequence":23803720,"_sdc_batched_at":"2026-11-22T08:12:00.123Z"}',
      '{"id":2,"name":null,"_sdc_sequence":23803720,"_sdc_batched_at":"2026-11-22T08:12:00.123Z"}',
    ]);
  });

  test('end with a UUID of their own where there is no primary key', () => {
    const shape = shapeOf(textColumns(['a']), { rowId: true });
    const rows = Array.from({ length: 70_000 }, () => 'x');

    const records = encodeRows(shape, rows, SYSTEM).map((line) => JSON.parse(line) as Record<string, string>);

    expect(Object.keys(records[0] ?? {})).toEqual(['a', '_sdc_sequence', '_sdc_batched_at', '__sdc_primary_key']);
    const ids = records.map((record) => record.__sdc_primary_key ?? '');
    expect(ids.every((id) => UUID_V8.test(id))).toBe(true);
    expect(new Set(ids).size).toBe(rows.length);
  });

  test('have UUIDs that no other encoder gives', () => {
    const ids = Array.from({ length: 50 }, () => encodeRow(shapeOf(textColumns(['a']), { rowId: true }), 'x'));

    expect(new Set(ids).size).toBe(50);
  });

  test.each([
    { rowId: false, system: [], expected: ['{}', '{}'] },
    { rowId: false, system: SYSTEM.slice(0, 1), expected: ['{"_sdc_sequence":23803720}', '{"_sdc_sequence":23803720}'] },
  ])('of a table without columns hold the system columns only ($expected)', ({ rowId, system, expected }) => {
    expect(encodeRows(shapeOf([], { rowId }), ['', ''], system)).toEqual(expected);
  });

  test.each([
    'Weird "Name"',
    '</script>',
    'back\\slash\\"',
    'line\nbreak\r\ttab',
    '\u0001\u001f\u007f',
    '__proto__',
    'constructor',
    '\u2028\u2029',
    '`${process.exit(1)}`',
    "'); throw new Error('injected'); ('",
    '*/ } /*',
    '',
    'ź'.repeat(31),
    '😀'.repeat(15),
    'x'.repeat(63),
  ])('keep a column name as it is: %j', (name) => {
    const [line = ''] = encodeRows(shapeOf([{ name: 'id', type: INT }, ...textColumns([name])]), ['1\tvalue']);

    expect(line).toBe(`{"id":1,${JSON.stringify(name)}:"value"}`);
    expect(Object.entries(JSON.parse(line) as object)).toEqual([
      ['id', 1],
      [name, 'value'],
    ]);
  });

  test.each([1, 2, 40, 300, 1600])('may have %i columns', (count) => {
    const names = Array.from({ length: count }, (_, index) => `column_${index}_${'n'.repeat(index % 50)}`);
    const types: readonly ValueType[] = [TEXT, INT, { kind: 'boolean', name: 'bool' }];
    const fields = names.map((name, index) => ({ name, type: types[index % 3] ?? TEXT }));
    const values = names.map((_, index) => [`v${index}`, String(index), 't'][index % 3] ?? '');

    const [line = ''] = encodeRows(shapeOf(fields), [values.join('\t')]);

    expect(JSON.parse(line)).toEqual(
      Object.fromEntries(names.map((name, index) => [name, [`v${index}`, index, true][index % 3]])),
    );
  });
});

describe('COPY escapes', () => {
  test.each([
    ['\\N', 'null'],
    ['\\\\N', '"\\\\N"'],
    ['', '""'],
    ['a\\tb\\nc\\rd\\be\\ff\\vg', '"a\\tb\\nc\\rd\\be\\ff\\u000bg"'],
    ['\\\\', '"\\\\"'],
    ['x\\\\ny', '"x\\\\ny"'],
    ['"', '"\\""'],
    ['abc"defg"', '"abc\\"defg\\""'],
    ['\u0001', '"\\u0001"'],
    ['abcd\u001fefgh', '"abcd\\u001fefgh"'],
  ])('%j becomes %s, in first, middle and last place and in a huge row', (field, json) => {
    const shape = shapeOf(textColumns(['a', 'b', 'c']));
    const filler = 'f'.repeat(20_000);

    expect(encodeRow(shape, `${field}\t${field}\t${field}`)).toBe(`"a":${json},"b":${json},"c":${json}`);
    expect(encodeRow(shape, `${field}\t${filler}\t${field}`)).toBe(`"a":${json},"b":"${filler}","c":${json}`);
  });
});

test('an escape of a long text is never cut, wherever it stands', () => {
  const shape = shapeOf(textColumns(['a', 'b']));
  const other = 'f'.repeat(20_000);
  for (let before = 8180; before < 8200; before++) {
    for (const escapes of ['\\\\', '\\n', '\\\\\\n', '\\\\'.repeat(9), '\\v\\\\n"\\t']) {
      const text = `${'x'.repeat(before)}${escapes}y`;

      expect(encodeRow(shape, `${text}\t${other}`)).toBe(
        `"a":"${text.replaceAll('"', '\\"').replaceAll('\\v', '\\u000b')}","b":"${other}"`,
      );
    }
  }
});

describe('blocks', () => {
  test('are whole lines, and empty when nothing was written', () => {
    const encoder = compileRowEncoder(shapeOf(textColumns(['a'])), { stream: 's' }).open([]);

    expect(encoder.take()).toEqual({ bytes: Buffer.alloc(0), rows: 0 });
    copy(encoder, 'x');
    copy(encoder, 'y');
    expect([encoder.pendingBytes, encoder.rows]).toEqual([20, 2]);
    const block = encoder.take();
    expect([block.bytes.toString(), block.rows]).toEqual(['{"a":"x"}\n{"a":"y"}\n', 2]);
    expect([encoder.pendingBytes, encoder.rows]).toEqual([0, 2]);
    copy(encoder, 'z');
    expect([encoder.take().rows, encoder.rows]).toEqual([1, 3]);
    expect(block.bytes.toString()).toBe('{"a":"x"}\n{"a":"y"}\n');
  });

  test('grow for rows of any size and for text that takes six times its size', () => {
    const encoder = compileRowEncoder(shapeOf(textColumns(['a', 'b'])), { stream: 's' }).open(SYSTEM);
    const sizes = [1, 100, 16_000, 16_380, 16_384, 16_385, 50_000, 3_000_000, 10];

    for (const size of sizes) copy(encoder, `${'\u0001'.repeat(size)}\t${'"'.repeat(size)}`);

    const lines = encoder.take().bytes.toString().trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as { a: string; b: string }).map(({ a, b }) => [a.length, b.length])).toEqual(
      sizes.map((size) => [size, size]),
    );
    expect(lines[7]?.startsWith(`{"a":"${'\\u0001'.repeat(3_000_000)}","b":"${'\\"'.repeat(3_000_000)}",`)).toBe(true);
  });

  test('hold what is much longer than its row: composites with long names', () => {
    const attributes = Array.from({ length: 200 }, (_, index) => ({ name: `attribute_${index}_${'n'.repeat(40)}`, type: TEXT }));
    const type: ValueType = { kind: 'array', name: '_c', delimiter: ',', element: { kind: 'composite', name: 'c', attributes } };
    const shape = shapeOf([...textColumns(['first']), { name: 'list', type }, ...textColumns(['last'])]);
    const nulls = `"(${','.repeat(199)})"`;

    const lines = encodeRows(
      shape,
      Array.from({ length: 30 }, () => `a\t{${Array.from({ length: 20 }, () => nulls).join(',')}}\tz`),
    );

    const element = Object.fromEntries(attributes.map(({ name }) => [name, null]));
    for (const line of lines)
      expect(JSON.parse(line)).toEqual({ first: 'a', list: Array.from({ length: 20 }, () => element), last: 'z' });
  });

  test('are as large as their rows need and no larger after a huge one', () => {
    const encoder = compileRowEncoder(shapeOf(textColumns(['a'])), { stream: 's' }).open([]);

    copy(encoder, 'x'.repeat(20_000_000));
    const huge = encoder.take().bytes.buffer.byteLength;
    copy(encoder, 'x');
    const ordinary = encoder.take().bytes.buffer.byteLength;

    expect(huge).toBeLessThan(22_000_000);
    expect(ordinary).toBeLessThan(1_500_000);
  });
});

describe('encoders', () => {
  test('of one table share their code and have system columns of their own', () => {
    const compiled = compileRowEncoder(shapeOf(textColumns(['a'])), { stream: 's' });
    const first = compiled.open([{ name: 's', json: '1' }]);
    const second = compiled.open([{ name: 's', json: '2' }]);

    copy(first, 'x');
    copy(second, 'y');
    copy(first, 'z');

    expect(first.take().bytes.toString()).toBe('{"a":"x","s":1}\n{"a":"z","s":1}\n');
    expect(second.take().bytes.toString()).toBe('{"a":"y","s":2}\n');
  });

  test('read rows anywhere in a buffer, whatever stands around them', () => {
    const encoder = compileRowEncoder(shapeOf([{ name: 'a', type: INT }, ...textColumns(['b'])]), { stream: 's' }).open([]);
    const bytes = Buffer.from('99999\tnoise12\tab\n3\tc999\t');

    encoder.copyRow(bytes, 11, 16);
    encoder.copyRow(bytes, 17, 20);

    expect(encoder.take().bytes.toString()).toBe('{"a":12,"b":"ab"}\n{"a":3,"b":"c"}\n');
  });

  test.each([
    { row: 'x\ty', column: 'id', what: 'text where a number must be' },
    { row: '1\ta\\qb', column: 'name', what: 'an escape that COPY does not have' },
    { row: '1\ta\\', column: 'name', what: 'an escape cut off' },
    { row: '1', column: 'id', what: 'too few fields' },
    { row: '1\ta\tb', column: 'name', what: 'too many fields' },
    { row: `1\t${'x'.repeat(20_000)}\\q`, column: 'name', what: 'an unknown escape in a huge row' },
  ])('name stream and column of $what, and go on with the next row', ({ row, column }) => {
    const encoder = compileRowEncoder(shapeOf([{ name: 'id', type: INT }, ...textColumns(['name'])]), {
      stream: 'db.public.t',
    }).open([]);

    copy(encoder, '1\ta');
    const error = errorOf(() => copy(encoder, row));
    copy(encoder, '2\tb');

    expect(error.code).toBe('value-unreadable');
    expect(error.message).toContain(`column "${column}" of db.public.t`);
    expect(encoder.rows).toBe(2);
    expect(encoder.take().bytes.toString()).toBe('{"id":1,"name":"a"}\n{"id":2,"name":"b"}\n');
  });

  test('refuse a row of columns where the table has none', () => {
    expect(errorOf(() => encodeRows(shapeOf([]), ['x'])).code).toBe('value-unreadable');
  });

  test.each([
    { bytes: [0x61, 0xe9], what: 'a byte of LATIN1' },
    { bytes: [0xe2, 0x82], what: 'half a character' },
    { bytes: [0xed, 0xa0, 0x80], what: 'a surrogate' },
  ])('name the column that is not UTF-8: $what', ({ bytes }) => {
    const encoder = compileRowEncoder(shapeOf(textColumns(['a', 'b,"', 'c'])), { stream: 'db.public.t' }).open(SYSTEM);
    copy(encoder, 'x,{[\t"\\\\\t}');
    const row = Buffer.concat([Buffer.from('{,\t"'), Buffer.from(bytes), Buffer.from('\tz')]);
    encoder.copyRow(row, 0, row.length);

    expect(errorOf(() => encoder.take()).message).toContain('column "b,"" of db.public.t');
  });
});

function errorOf(run: () => unknown): ReplicationError {
  try {
    run();
  } catch (error) {
    if (error instanceof ReplicationError) return error as ReplicationError;
    throw error;
  }
  throw new Error('nothing was thrown');
}
