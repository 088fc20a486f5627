import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type pg from 'pg';
import type { RowShape } from '../../functions/engine/encode/encode.ts';
import { isSupportedByStitch } from '../../functions/engine/encode/stitch-support.ts';
import type { ValueType } from '../../functions/engine/model/catalog.ts';
import { CORPUS_SETUP, corpusColumn, valueTypeOf } from '../corpus/corpus-types.ts';
import { CORPUS, corpusOf } from '../corpus/postgres-types.ts';
import type { CorpusRow } from '../corpus/postgres-types.ts';
import { createDatabase, majors } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { copyOut, PINNED_SETTINGS } from './copy-out.ts';
import { encodeRow, encodeRows, shapeOf } from './encode-rows.ts';

test('the corpus has at least 150 rows', () => {
  expect(CORPUS.length).toBeGreaterThanOrEqual(150);
});

describe.each(majors)('PostgreSQL %i', (major) => {
  const rows = corpusOf(major);
  const name = (index: number): string => `c${index}`;
  let database: TestDatabase;
  let client: pg.Client;
  let record: Buffer;

  beforeAll(async () => {
    database = await createDatabase(major);
    client = await database.connect();
    for (const { since, sql } of CORPUS_SETUP) if (major >= since) await client.query(sql);
    await client.query(PINNED_SETTINGS);
    await client.query(`create table corpus (${rows.map(({ sqlType }, index) => `${name(index)} ${sqlType}`).join(', ')})`);
    await client.query(`insert into corpus values (${rows.map(({ sql, sqlType }) => `${sql}::${sqlType}`).join(', ')})`);
    record = (await copyOut(client, 'copy (select * from corpus) to stdout'))[0] ?? Buffer.alloc(0);
  });
  afterAll(() => database[Symbol.asyncDispose]());

  /** Members of the record, cut by PostgreSQL's own COPY text: a field each. */
  const encoded = (
    select: (row: CorpusRow, index: number) => boolean,
    options: Partial<RowShape>,
  ): readonly (readonly [string, string])[] => {
    const fields = record.subarray(0, -1).toString('latin1').split('\t');
    return rows.flatMap((row, index) => {
      if (!select(row, index)) return [];
      const shape = shapeOf([{ name: 'v', type: valueTypeOf(row.sqlType) }], options);
      return [
        [`${row.sqlType} ${row.sql}`, encodeRow(shape, Buffer.from(fields[index] ?? '', 'latin1')).slice('"v":'.length)] as const,
      ];
    });
  };
  const expected = (
    select: (row: CorpusRow, index: number) => boolean,
    json: (row: CorpusRow) => string,
  ): readonly (readonly [string, string])[] =>
    rows.flatMap((row, index) => (select(row, index) ? [[`${row.sqlType} ${row.sql}`, json(row)] as const] : []));

  test('every value has its expected JSON', () => {
    expect(encoded(() => true, {})).toEqual(
      expected(
        () => true,
        ({ json }) => json,
      ),
    );
  });

  test('every value has its expected JSON with nested json columns', () => {
    const json = (row: CorpusRow): string => row.nested ?? row.json;

    expect(encoded(() => true, { jsonColumns: 'nested' })).toEqual(expected(() => true, json));
  });

  test('every value that Stitch supports has its expected JSON in the stitch profile', () => {
    const isSupported = (row: CorpusRow, index: number): boolean => isSupportedByStitch(corpusColumn(name(index), row.sqlType));

    expect(encoded(isSupported, { profile: 'stitch' })).toEqual(expected(isSupported, (row) => row.stitch ?? row.json));
    expect(rows.filter((row, index) => row.stitch !== undefined && !isSupported(row, index))).toEqual([]);
  });

  test.each(['string', 'nested'] as const)(
    'the whole record is valid JSON for PostgreSQL and for JavaScript (%s)',
    async (jsonColumns) => {
      const shape = shapeOf(
        rows.map(({ sqlType }, index) => ({ name: name(index), type: valueTypeOf(sqlType) })),
        { jsonColumns },
      );

      const [line = ''] = encodeRows(shape, [record]);

      const members = rows.map(
        (row, index) => `"${name(index)}":${jsonColumns === 'nested' ? (row.nested ?? row.json) : row.json}`,
      );
      expect(line).toBe(`{${members.join(',')}}`);
      expect(Object.keys(JSON.parse(line) as object)).toEqual(rows.map((_, index) => name(index)));
      // jsonb has no \u0000, which a json column may hold.
      const { rows: found } = await client.query<{ kind: string }>(
        `select ${jsonColumns === 'string' ? 'jsonb_typeof($1::jsonb)' : 'json_typeof($1::json)'} as kind`,
        [line],
      );
      expect(found).toEqual([{ kind: 'object' }]);
    },
  );

  test('PostgreSQL itself gives the same JSON where its form is ours', async () => {
    const same = (row: CorpusRow): boolean => isPostgresForm(valueTypeOf(row.sqlType));
    const columns = rows.flatMap((row, index) => (same(row) ? [`coalesce(to_json(${name(index)})::text, 'null')`] : []));

    const oracle = (await client.query<{ all: string[] }>(`select array[${columns.join(', ')}] as all from corpus`)).rows[0]?.all;

    const ours = encoded(same, { jsonColumns: 'nested' });
    expect(ours.length).toBeGreaterThan(100);
    expect(ours.map(([, json]) => json)).toEqual(oracle);
  });

  test('the types that structure sync would see are those of the corpus', async () => {
    const { rows: found } = await client.query<{ type: string }>(
      `select format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = 'corpus'::regclass and attnum > 0 order by attnum`,
    );

    expect(found.map(({ type }) => type)).toEqual(rows.map(({ sqlType }) => sqlType));
  });
});

/** Whether `to_json` writes the very same bytes. It keeps line breaks of json, spaces the members of hstore, and takes int2vector for an array. */
function isPostgresForm(type: ValueType): boolean {
  switch (type.kind) {
    case 'number':
    case 'boolean':
    case 'time':
    case 'interval':
      return true;
    case 'text':
      return type.name !== 'int2vector';
    case 'json':
      return type.name === 'jsonb';
    case 'array':
      return isPostgresForm(type.element);
    case 'composite':
      return type.attributes.length > 0 && type.attributes.every((attribute) => isPostgresForm(attribute.type));
    default:
      return false;
  }
}
