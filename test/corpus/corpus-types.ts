import type { Column, ValueType } from '../../functions/engine/model/catalog.ts';

/** What must exist in a database before the corpus can be inserted, by the first major that has it. */
export const CORPUS_SETUP: readonly { readonly since: number; readonly sql: string }[] = [
  { since: 10, sql: 'create extension hstore' },
  { since: 10, sql: 'create extension citext' },
  { since: 10, sql: `create type mood as enum ('sad', 'ok', 'it''s "fine", \\ really', '{a,b}', 'NULL', 'zażółć')` },
  { since: 10, sql: 'create type pair as (a integer, b text)' },
  { since: 10, sql: 'create type one as (a text)' },
  { since: 10, sql: 'create type no_attributes as ()' },
  {
    since: 10,
    sql: 'create type deep as (id bigint, pair pair, list text[], at timestamptz, "Weird ""Name"" \\" bytea, h hstore, pairs pair[])',
  },
  { since: 10, sql: 'create domain positive as integer check (value > 0)' },
  { since: 10, sql: 'create domain very_positive as positive check (value > 10)' },
  { since: 10, sql: 'create domain price as numeric(12,2)' },
  { since: 10, sql: 'create domain ratio as double precision' },
  { since: 10, sql: 'create domain label as character varying(40)' },
  { since: 10, sql: 'create domain flag as boolean' },
  { since: 10, sql: 'create domain moment as timestamp with time zone' },
  { since: 10, sql: 'create domain day as date' },
  { since: 10, sql: 'create domain document as jsonb' },
  { since: 10, sql: 'create domain blob as bytea' },
  { since: 10, sql: 'create domain numbers as integer[]' },
  { since: 10, sql: 'create domain feeling as mood' },
  { since: 10, sql: 'create domain dictionary as hstore' },
  { since: 11, sql: 'create domain couple as pair' },
  { since: 10, sql: 'create type floats as range (subtype = double precision, subtype_diff = float8mi)' },
];

const number = (name: Extract<ValueType, { kind: 'number' }>['name']): ValueType => ({ kind: 'number', name });
const text = (name: string): ValueType => ({ kind: 'text', name });
const array = (element: ValueType, delimiter = ','): ValueType => ({
  kind: 'array',
  name: `_${element.name}`,
  element,
  delimiter,
});

const PAIR: ValueType = {
  kind: 'composite',
  name: 'pair',
  attributes: [
    { name: 'a', type: number('int4') },
    { name: 'b', type: text('text') },
  ],
};

const MOOD: ValueType = {
  kind: 'text',
  name: 'mood',
  enumLabels: ['sad', 'ok', `it's "fine", \\ really`, '{a,b}', 'NULL', 'zażółć'],
};

const BASE: Readonly<Record<string, ValueType>> = {
  smallint: number('int2'),
  integer: number('int4'),
  bigint: number('int8'),
  numeric: number('numeric'),
  real: number('float4'),
  'double precision': number('float8'),
  boolean: { kind: 'boolean', name: 'bool' },
  'bit(1)': { kind: 'bit', name: 'bit' },
  'bit(8)': text('bit'),
  'bit varying': text('varbit'),
  'timestamp without time zone': { kind: 'timestamp', name: 'timestamp' },
  'timestamp(3) without time zone': { kind: 'timestamp', name: 'timestamp' },
  'timestamp with time zone': { kind: 'timestamptz', name: 'timestamptz' },
  date: { kind: 'date', name: 'date' },
  'time without time zone': { kind: 'time', name: 'time' },
  'time with time zone': { kind: 'timetz', name: 'timetz' },
  interval: { kind: 'interval', name: 'interval' },
  json: { kind: 'json', name: 'json' },
  jsonb: { kind: 'json', name: 'jsonb' },
  bytea: { kind: 'bytea', name: 'bytea' },
  hstore: { kind: 'hstore', name: 'hstore' },
  'character varying': text('varchar'),
  character: text('bpchar'),
  '"char"': text('char'),
  mood: MOOD,
  pair: PAIR,
  one: { kind: 'composite', name: 'one', attributes: [{ name: 'a', type: text('text') }] },
  no_attributes: { kind: 'composite', name: 'no_attributes', attributes: [] },
  deep: {
    kind: 'composite',
    name: 'deep',
    attributes: [
      { name: 'id', type: number('int8') },
      { name: 'pair', type: PAIR },
      { name: 'list', type: array(text('text')) },
      { name: 'at', type: { kind: 'timestamptz', name: 'timestamptz' } },
      { name: 'Weird "Name" \\', type: { kind: 'bytea', name: 'bytea' } },
      { name: 'h', type: { kind: 'hstore', name: 'hstore' } },
      { name: 'pairs', type: array(PAIR) },
    ],
  },
};

/** What the corpus' domains stand for. */
const DOMAINS: Readonly<Record<string, string>> = {
  positive: 'integer',
  very_positive: 'integer',
  price: 'numeric',
  ratio: 'double precision',
  label: 'character varying',
  flag: 'boolean',
  moment: 'timestamp with time zone',
  day: 'date',
  document: 'jsonb',
  blob: 'bytea',
  numbers: 'integer[]',
  feeling: 'mood',
  dictionary: 'hstore',
  couple: 'pair',
};

/** The type of a SQL type as the corpus writes it; what is not listed is text under its own name. */
export function valueTypeOf(sqlType: string): ValueType {
  if (sqlType.endsWith('[]')) return array(valueTypeOf(sqlType.slice(0, -2)), sqlType === 'box[]' ? ';' : ',');
  const known = BASE[sqlType] ?? BASE[sqlType.replace(/\(.*\)/, '')];
  if (known !== undefined) return known;
  const domain = DOMAINS[sqlType];
  return domain === undefined ? text(sqlType) : valueTypeOf(domain);
}

/** A column of that type as structure sync would give it. */
export function corpusColumn(name: string, sqlType: string, position = 1): Column {
  return {
    name,
    position,
    type: valueTypeOf(sqlType),
    sqlType,
    ...(DOMAINS[sqlType] === undefined ? {} : { domain: sqlType }),
    nullable: true,
    generated: 'no',
    identity: false,
    toastable: true,
  };
}
