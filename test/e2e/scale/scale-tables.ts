import type { ValueType } from '../../../functions/engine/model/catalog.ts';
import { valueTypeOf } from '../../corpus/corpus-types.ts';
import { corpusOf } from '../../corpus/postgres-types.ts';

export interface ScaleColumn {
  readonly name: string;
  /** As `format_type()` spells it. */
  readonly sqlType: string;
  readonly type: ValueType;
}

/** One table of the scale database. */
export interface ScaleTable {
  readonly name: string;
  readonly columns: readonly ScaleColumn[];
  /** Whether `id` is unique in it. */
  readonly identity: 'id' | 'none';
  /** Configuration of the stream, beside the table's name. */
  readonly config: string;
  /** Part of the database's bytes. */
  readonly share: number;
  /** Statements that make the empty table and whatever it needs. */
  readonly create: readonly string[];
  /** A query for the rows `$1` to `$2`, inclusive. */
  readonly rows: string;
}

/** Rows after which the values of the wide table begin anew: more than any type of the corpus has. */
const SEED_ROWS = 60;

/** Four tables of different nature: every type of the corpus, many small rows under a key, partitions, and rows without any key. */
export function scaleTables(major: number): readonly ScaleTable[] {
  return [wide(major), NARROW, major >= 11 ? PARTITIONED : UNPARTITIONED, KEYLESS];
}

/** A name as SQL writes it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function columnsOf(sqlTypes: Readonly<Record<string, string>>): readonly ScaleColumn[] {
  return Object.entries(sqlTypes).map(([name, sqlType]) => ({ name, sqlType, type: valueTypeOf(sqlType) }));
}

/** Every type of the corpus is a column that goes through its values; the columns' names are the types' names, quotes and all. */
function wide(major: number): ScaleTable {
  const values = new Map<string, string[]>();
  for (const { sqlType, sql } of corpusOf(major)) values.set(sqlType, [...(values.get(sqlType) ?? []), `${sql}::${sqlType}`]);
  const types = [...values.keys()];
  const seedRow = (row: number): string =>
    `(${[String(row), ...types.map((type, index) => pick(values.get(type) ?? [], row + index))].join(', ')})`;
  const varied = { id: 'bigint', an_amount: 'numeric', a_time: 'timestamp with time zone', a_note: 'text', a_document: 'jsonb' };
  const columns = columnsOf({ ...varied, ...Object.fromEntries(types.map((type) => [type, type])) });
  return {
    name: 'wide',
    columns,
    identity: 'id',
    config: 'method: FULL_TABLE',
    share: 0.5,
    create: [
      `create table wide (${columns.map(({ name, sqlType }) => `${quoted(name)} ${sqlType}`).join(', ')}, primary key (id))`,
      `create schema seeds`,
      `create table seeds.wide (seed integer primary key, ${types.map((type) => `${quoted(type)} ${type}`).join(', ')})`,
      ...Array.from({ length: SEED_ROWS }, (_, row) => `insert into seeds.wide values ${seedRow(row)}`),
    ],
    rows: `select i, i * 1.010, timestamptz '2020-01-01Z' + i * interval '1.000001 s', md5(i::text) || E' "\\\\ \\n ' || i,
        jsonb_build_object('n', i, 'tags', array[i % 7, i % 11], 'text', md5((i * 3)::text)), ${types.map((type) => `s.${quoted(type)}`).join(', ')}
      from generate_series($1::bigint, $2::bigint) i join seeds.wide s on s.seed = i % ${String(SEED_ROWS)}`,
  };
}

const NARROW: ScaleTable = {
  name: 'narrow',
  columns: columnsOf({ id: 'bigint', n: 'integer', note: 'text', changed_at: 'timestamp with time zone' }),
  identity: 'id',
  config: 'method: INCREMENTAL, replicationKey: changed_at',
  share: 0.15,
  create: [
    `create table narrow (id bigint primary key, n integer, note text, changed_at timestamp with time zone not null)`,
    `create index on narrow (changed_at)`,
  ],
  rows: `select i, nullif(i % 1000, 0)::integer, case when i % 5 = 0 then null else 'note ' || i || E'\\t"' end, timestamptz '2024-01-01Z' + i * interval '1 ms'
    from generate_series($1::bigint, $2::bigint) i`,
};

const PARTITIONED: ScaleTable = {
  name: 'events',
  columns: columnsOf({
    id: 'bigint',
    day: 'date',
    feeling: 'mood',
    amount: 'numeric(12,2)',
    tags: 'text[]',
    body: 'json',
    digest: 'bytea',
    is_open: 'boolean',
  }),
  identity: 'id',
  config: 'method: FULL_TABLE',
  share: 0.2,
  create: [
    `create table events (id bigint, day date, feeling mood, amount numeric(12,2), tags text[], body json, digest bytea, is_open boolean, primary key (id, day)) partition by range (day)`,
    `create table events_1 partition of events for values from (minvalue) to ('2025-02-01')`,
    `create table events_2 partition of events for values from ('2025-02-01') to ('2025-03-01') partition by range (id)`,
    `create table events_2_low partition of events_2 for values from (minvalue) to (1000)`,
    `create table events_2_high partition of events_2 for values from (1000) to (maxvalue)`,
    `create table events_3 partition of events for values from ('2025-03-01') to (maxvalue)`,
  ],
  rows: `select i, date '2025-01-01' + (i % 90)::integer, (enum_range(null::mood))[1 + i % 6], (i % 1000000) / 100.0,
      array['tag ' || i % 13, null, 'a,"b"', E'\\\\'], json_build_object('i', i, 'text', E'line\\n "' || md5(i::text) || '"'), decode(md5(i::text), 'hex'), nullif(i % 3, 2) = 0
    from generate_series($1::bigint, $2::bigint) i`,
};

/** The same rows for PostgreSQL 10, whose partitioned tables have no primary keys. */
const UNPARTITIONED: ScaleTable = {
  ...PARTITIONED,
  create: PARTITIONED.create.slice(0, 1).map((sql) => sql.replace(/ partition by .*/, '')),
};

/** Every row is there twice: rows that are equal must all arrive. */
const KEYLESS: ScaleTable = {
  name: 'Key less "lines"',
  columns: columnsOf({
    n: 'integer',
    at: 'timestamp without time zone',
    level: 'character varying(10)',
    line: 'text',
    ratio: 'double precision',
  }),
  identity: 'none',
  config: 'method: FULL_TABLE',
  share: 0.15,
  create: [
    `create table "Key less ""lines""" (n integer, at timestamp without time zone, level character varying(10), line text, ratio double precision)`,
  ],
  rows: `select (i / 2)::integer, timestamp '2023-01-01' + i / 2 * interval '1.5 s', (array['info', 'warn', null])[1 + i / 2 % 3], repeat(md5((i / 2)::text) || ' 🙂 ', 1 + (i / 2 % 4)::integer),
      case i / 2 % 50 when 0 then 'NaN' when 1 then '-Infinity' else (i / 2) / 7.0::double precision end
    from generate_series($1::bigint, $2::bigint) i`,
};

function pick(values: readonly string[], at: number): string {
  return values[at % values.length] ?? 'null';
}
