import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { valueTypeOf } from '../corpus/corpus-types.ts';
import { createDatabase, majors } from '../support/postgres.ts';
import { anyText } from './any-text.ts';
import { copyOut, PINNED_SETTINGS } from './copy-out.ts';
import { encodeRows, shapeOf } from './encode-rows.ts';

describe.each(majors)('PostgreSQL %i', (major) => {
  test('random text comes back from text, arrays, hstore, composites and json as PostgreSQL writes them', async () => {
    await using database = await createDatabase(major);
    const client = await database.connect();
    await client.query('create extension hstore; create type pair as (a integer, b text)');
    await client.query(PINNED_SETTINGS);
    const texts = fc.sample(anyText, 400);
    await client.query('create table t (id integer, v text)');
    await client.query('insert into t select ordinality, v from unnest($1::text[]) with ordinality as u (v, ordinality)', [
      texts,
    ]);
    const columns = [
      ['text', 'v'],
      ['text[]', 'array[v, null, v || v]'],
      ['text[]', 'array[array[v], array[v]]'],
      ['hstore', `hstore(array[v, v || 'x'], array[v, null])`],
      ['hstore[]', 'array[hstore(v, v), null]'],
      ['pair', 'row(id, v)::pair'],
      ['pair[]', 'array[row(id, v)::pair, null, row(null, null)::pair]'],
      ['jsonb', 'to_jsonb(v)'],
      ['jsonb', 'jsonb_build_object(v, array[v])'],
      ['json', `('[' || E'\\n\\t' || to_json(v)::text || ' ]')::json`],
      ['jsonb[]', 'array[to_jsonb(v)]'],
      ['bytea', `convert_to(v, 'UTF8')`],
    ] as const;
    const shape = shapeOf(
      columns.map(([sqlType], index) => ({ name: `c${index}`, type: valueTypeOf(sqlType) })),
      { jsonColumns: 'nested' },
    );

    const rows = await copyOut(client, `copy (select ${columns.map(([, sql]) => sql).join(', ')} from t order by id) to stdout`);

    const records = encodeRows(shape, rows).map((line): readonly unknown[] => Object.values(JSON.parse(line) as object));
    expect(records.length).toBe(texts.length);
    for (const [index, v] of texts.entries()) {
      const a = index + 1;
      expect(records[index]).toEqual([
        v,
        [v, null, v + v],
        [[v], [v]],
        { [v]: v, [`${v}x`]: null },
        [{ [v]: v }, null],
        { a, b: v },
        [{ a, b: v }, null, { a: null, b: null }],
        v,
        { [v]: [v] },
        [v],
        [v],
        Buffer.from(v).toString('base64'),
      ]);
    }
  });

  test('a "char" that is half a character is refused with the name of its column, or octal since PostgreSQL 15', async () => {
    await using database = await createDatabase(major);
    const client = await database.connect();
    await client.query(PINNED_SETTINGS);
    const rows = await copyOut(client, `copy (select 1 as id, 'good'::text as name, (-23)::"char" as note) to stdout`);
    const shape = shapeOf(['id', 'name', 'note'].map((name) => ({ name, type: valueTypeOf('text') })));
    const encode = (): readonly string[] => encodeRows(shape, rows);

    if (major >= 15) expect(encode()).toEqual(['{"id":"1","name":"good","note":"\\\\351"}']);
    else expect(encode).toThrow('column "note" of db.public.t');
  });
});
