import { expect, test } from 'vitest';
import { isSupportedByStitch } from '../../functions/engine/encode/stitch-support.ts';
import type { Column, ValueType } from '../../functions/engine/model/catalog.ts';
import { corpusColumn } from '../corpus/corpus-types.ts';

test.each([
  'smallint',
  'integer',
  'bigint',
  'numeric(12,2)',
  'real',
  'double precision',
  'boolean',
  'bit(1)',
  'character(3)',
  'character varying(40)',
  'text',
  'citext',
  'uuid',
  'mood',
  'money',
  'inet',
  'cidr',
  'macaddr',
  'json',
  'jsonb',
  'hstore',
  'date',
  'timestamp without time zone',
  'timestamp(3) without time zone',
  'timestamp with time zone',
  'time without time zone',
  'time with time zone',
  'integer[]',
  'text[]',
  'character varying(40)[]',
  'numeric(12,2)[]',
  'timestamp(3) with time zone[]',
  'json[]',
  'hstore[]',
  'bit(1)[]',
  'mood[]',
])('%s is supported', (sqlType) => {
  expect(isSupportedByStitch(corpusColumn('c', sqlType))).toBe(true);
});

test.each([
  'bit(8)',
  'bit varying',
  'bytea',
  'bytea[]',
  'interval',
  'interval[]',
  'xml',
  'point',
  'box',
  'box[]',
  'pg_lsn',
  'tsvector',
  'tsquery',
  'txid_snapshot',
  'int4range',
  'int4range[]',
  'pair',
  'pair[]',
  'oid',
  'name',
  '"char"',
  'macaddr8',
  'positive',
  'label',
  'feeling',
  'numbers',
])('%s is not supported', (sqlType) => {
  expect(isSupportedByStitch(corpusColumn('c', sqlType))).toBe(false);
});

test.each([
  { sqlType: 'positive[]', element: { kind: 'number', name: 'int4' }, supported: false },
  { sqlType: 'label[]', element: { kind: 'text', name: 'varchar' }, supported: false },
  { sqlType: 'public.citext[]', element: { kind: 'text', name: 'citext' }, supported: true },
  { sqlType: 'ext."hstore"[]', element: { kind: 'hstore', name: 'hstore' }, supported: true },
  { sqlType: '"Mood"[]', element: { kind: 'text', name: 'Mood', enumLabels: ['a'] }, supported: true },
  { sqlType: 'app."Mood ""x"""[]', element: { kind: 'text', name: 'Mood "x"', enumLabels: ['a'] }, supported: true },
  { sqlType: 'app.feeling[]', element: { kind: 'text', name: 'mood', enumLabels: ['a'] }, supported: false },
  {
    sqlType: 'numbers[]',
    element: { kind: 'array', name: '_int4', element: { kind: 'number', name: 'int4' }, delimiter: ',' },
    supported: false,
  },
] as readonly { readonly sqlType: string; readonly element: ValueType; readonly supported: boolean }[])(
  'an array declared as $sqlType with elements of $element.name: $supported',
  ({ sqlType, element, supported }) => {
    const column: Column = { ...corpusColumn('c', 'text'), sqlType, type: { kind: 'array', name: 'x', element, delimiter: ',' } };

    expect(isSupportedByStitch(column)).toBe(supported);
  },
);
