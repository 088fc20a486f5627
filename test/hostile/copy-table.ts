import type { FieldShape } from '../../functions/engine/encode/encode.ts';

/** Columns of every kind of value. */
export const FIELDS: readonly FieldShape[] = [
  { name: 'id', type: { kind: 'number', name: 'int8' } },
  { name: 'amount', type: { kind: 'number', name: 'numeric' } },
  { name: 'ratio', type: { kind: 'number', name: 'float8' } },
  { name: 'ok', type: { kind: 'boolean', name: 'bool' } },
  { name: 'note "x"', type: { kind: 'text', name: 'text' } },
  { name: 'at', type: { kind: 'timestamptz', name: 'timestamptz' } },
  { name: 'local', type: { kind: 'timestamp', name: 'timestamp' } },
  { name: 'day', type: { kind: 'date', name: 'date' } },
  { name: 'hour', type: { kind: 'time', name: 'time' } },
  { name: 'body', type: { kind: 'json', name: 'jsonb' } },
  { name: 'raw', type: { kind: 'bytea', name: 'bytea' } },
  {
    name: 'list',
    type: { kind: 'array', name: '_text', element: { kind: 'text', name: 'text' }, delimiter: ',' },
  },
  {
    name: 'pair',
    type: {
      kind: 'composite',
      name: 'pair',
      attributes: [
        { name: 'a', type: { kind: 'number', name: 'int4' } },
        { name: 'b', type: { kind: 'text', name: 'text' } },
      ],
    },
  },
];

/** Rows of COPY text, without their newlines. */
export const ROWS: readonly string[] = [
  [
    '9223372036854775807',
    '12345678901234567890.123456789',
    '1.5e-07',
    't',
    'plain',
    '2026-11-22 08:12:00.123456+00',
    '2026-11-22 08:12:00',
    '2026-11-22',
    '08:12:00',
    '{"a": [1, "two"]}',
    '\\\\x00ff',
    '{a,"b,c",NULL}',
    '(1,"two ""x""")',
  ].join('\t'),
  Array.from(FIELDS, () => '\\N').join('\t'),
  [
    '-1',
    'NaN',
    '-Infinity',
    'f',
    'tab\\tnew\\nback\\\\slash ünï😀',
    'infinity',
    '-infinity',
    '0044-03-15 BC',
    '24:00:00',
    'null',
    '\\\\x',
    '{}',
    '(,)',
  ].join('\t'),
];
