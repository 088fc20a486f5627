import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../../functions/engine/encode/byte-writer.ts';
import { UnreadableValueError } from '../../functions/engine/encode/unreadable-value.ts';
import { valueWriter } from '../../functions/engine/encode/value-writer.ts';
import type { ValueType } from '../../functions/engine/model/catalog.ts';
import { ReplicationError } from '../../functions/engine/model/errors.ts';
import { valueTypeOf } from '../corpus/corpus-types.ts';
import { encodeRow, shapeOf } from './encode-rows.ts';

function written(type: ValueType, text: string): string {
  const out = new ByteWriter(16);
  const bytes = Buffer.from(`<<${text}>>`);
  valueWriter(type, { jsonColumns: 'nested', profile: 'default' })(bytes, 2, bytes.length - 2, out);
  return out.take().toString();
}

describe('text that its type cannot have is unreadable, in log rows and in COPY rows', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['integer', ['', '-', '+1', '1 ', ' 1', '1a', '0x1', '1,2', '007', '-01', '--1', '1-1', '1_000']],
    ['numeric', ['.5', '5.', '1..2', '1.2.3', '-.5', 'nan', 'inf', '+Infinity', 'Infinity1', '1e', '1e+', '00.5']],
    ['double precision', ['1e5e5', '1e5.5', 'e5', '1.e5', '1E+-5']],
    ['boolean', ['', 'T', 'yes', 'tt', 'tf', 'null']],
    ['bit(1)', ['', '2', '10', '01']],
    [
      'timestamp without time zone',
      [
        '',
        '2020-02-03',
        '2020-02-03T04:05:06',
        '2020-02-03 04:05',
        '2020-02-03 04:05:06.',
        '2020-02-03 04:05:06.1234567',
        '2020-02-03 04:05:06+00',
        '2020-02-03 04:05:06Z',
        '02/03/2020 04:05:06',
        'Mon Feb 03 04:05:06 2020',
        '2020-02-03 04:05:06 AD',
        '+infinity',
        'Infinity',
      ],
    ],
    [
      'timestamp with time zone',
      [
        '2020-02-03 04:05:06',
        '2020-02-03 04:05:06+02',
        '2020-02-03 04:05:06-05',
        '2020-02-03 04:05:06+00:30',
        '2020-02-03 04:05:06+0',
        '2020-02-03 04:05:06+01 BC',
        '2020-02-03 04:05:06 CET',
      ],
    ],
    ['date', ['', '2020-2-3', '2020-02-03 ', '20-02-03', '02/03/2020', '2020-02-03 04:05:06', '2020-02-03X', '202a-02-03']],
    ['time without time zone', ['', '4:05:06', '04:05', '04:05:06.', '04:05:06+00', '04:05:06 AM']],
    ['time with time zone', ['04:05:06', '04:05:06+2', '04:05:06+0200', '04:05:06Z', '04:05:06+02:00:00:00']],
    ['bytea', ['', 'x', '\\x0', '\\x0g', '\\X00', 'abc', '\\000', '\\x001', '\\x00000g']],
    ['json', ['']],
    [
      'integer[]',
      [
        '',
        '1',
        '{',
        '}',
        '{1',
        '1}',
        '{1,}',
        '{,1}',
        '{1}}',
        '{{1}',
        '{1}x',
        '{1}{2}',
        '{a}',
        '{1;2}',
        '{"1',
        '[0:1]',
        '[0:1]1',
        '{1}{',
        '{{1}2}',
        'NULL',
        '{null}',
      ],
    ],
    ['text[]', ['{"a}', '{"a"b}', '{"a\\"}', '{a,,b}', '{"a",}']],
    ['pair', ['', '()', '(1)', '(1,x', '1,x)', '(1,x,y)', '(a,x)', '(1,"x)', '(1,"x"y)', '[1,x]', '(1,x)z']],
    ['no_attributes', ['', '(', '(1)', '(,)']],
    [
      'hstore',
      [
        'a=>1',
        '"a"',
        '"a"=>',
        '"a"=>1',
        '"a"=>"1',
        '"a"=>"1",',
        '"a"=>"1","b"=>"2"',
        '"a"=>null',
        '"a" => "1"',
        '"a"=>"1", ',
        '"a"=>NULLx',
      ],
    ],
  ];

  test.each(cases.flatMap(([sqlType, texts]) => texts.map((text) => ({ sqlType, text }))))(
    '$sqlType $text',
    ({ sqlType, text }) => {
      const type = valueTypeOf(sqlType);

      expect(() => written(type, text)).toThrow(UnreadableValueError);
      const shape = shapeOf(
        [
          { name: 'a', type },
          { name: 'v', type },
        ],
        { jsonColumns: 'nested' },
      );
      expect(() => encodeRow(shape, `\\N\t${text.replaceAll('\\', '\\\\')}`)).toThrow(ReplicationError);
      expect(() => encodeRow(shape, `${text.replaceAll('\\', '\\\\')}\t\\N`)).toThrow(ReplicationError);
    },
  );
});

describe('forms that only other servers or protocols give', () => {
  test.each([
    ['boolean', 'true', 'true'],
    ['boolean', 'false', 'false'],
    ['double precision', '1E5', '1E5'],
    ['bytea', '\\xDEADBEEF', '"3q2+7w=="'],
  ] as const)('%s %s', (sqlType, text, json) => {
    expect(written(valueTypeOf(sqlType), text)).toBe(json);
  });

  test('an array of a domain over arrays is an array of arrays', () => {
    const numbers = valueTypeOf('integer[]');

    expect(written({ kind: 'array', name: '_numbers', element: numbers, delimiter: ',' }, '{"{1,NULL}",NULL,"{}"}')).toBe(
      '[[1,null],null,[]]',
    );
  });
});
