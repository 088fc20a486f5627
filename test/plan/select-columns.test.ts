import { describe, expect, test } from 'vitest';
import { select } from '../../functions/engine/plan/select.ts';
import type { Selection } from '../../functions/engine/plan/select.ts';
import { catalog, integration, table } from './catalog-fixtures.ts';

const tables = (...entries: readonly string[]) => ['defaultReplicationMethod: FULL_TABLE', `tables: [${entries.join(', ')}]`];
const codes = (selection: Selection) => selection.problems.map(({ stream, error }) => [stream, error.code]);
const messages = (selection: Selection) => selection.problems.map(({ error }) => error.message).join('\n');

describe('which columns', () => {
  const wide = catalog([
    table('public.t', { columns: ['note text', 'id bigint', 'ssn text', 'updated_at timestamp with time zone', 'day date'] }),
  ]);
  const columnsOf = (selection: Selection) => selection.streams[0]?.columns.map(({ name }) => name);

  test.each([
    ['all', '{ table: t }', ['note', 'id', 'ssn', 'updated_at', 'day'], []],
    ['all but some', '{ table: t, columns: { exclude: [ssn, day] } }', ['note', 'id', 'updated_at'], []],
    [
      'only some, and the primary key',
      '{ table: t, columns: { include: [day, note] } }',
      ['note', 'id', 'day'],
      ['key column "id" is replicated although columns.include leaves it out'],
    ],
    [
      'the keys even where they are excluded',
      '{ table: t, method: INCREMENTAL, replicationKey: updated_at, columns: { exclude: [id, updated_at, note] } }',
      ['id', 'ssn', 'updated_at', 'day'],
      [
        'key column "id" is replicated although columns.exclude leaves it out',
        'key column "updated_at" is replicated although columns.exclude leaves it out',
      ],
    ],
    [
      'without those to exclude that do not exist',
      '{ table: t, columns: { exclude: [ssn, formerly_here] } }',
      ['note', 'id', 'updated_at', 'day'],
      ['columns.exclude names "formerly_here", which does not exist or may not be read'],
    ],
  ])('are %s', (_, entry, columns, warnings) => {
    const selection = select(wide, integration(tables(entry)));

    expect(selection.problems).toEqual([]);
    expect(columnsOf(selection)).toEqual(columns);
    expect(selection.streams[0]?.warnings).toEqual(warnings);
  });

  test.each([
    ['included', '{ table: t, columns: { include: [nope] } }', '"columns.include"'],
    ['excluded in a near spelling', '{ table: t, columns: { exclude: [ssm] } }', 'did you mean "ssn"?'],
    ['the replication key', '{ table: t, method: INCREMENTAL, replicationKey: updated }', '"replicationKey"'],
  ])('that do not exist are refused when %s', (_, entry, text) => {
    const selection = select(wide, integration(tables(entry)));

    expect(codes(selection)).toEqual([['shop.public.t', 'column-missing']]);
    expect(messages(selection)).toContain(text);
  });

  test('flow in by themselves when they are new, unless others are listed', () => {
    const grown = catalog([table('public.t', { columns: ['id bigint', 'a text', 'b text', 'new text'] })]);

    expect(columnsOf(select(grown, integration(tables('{ table: t, columns: { exclude: [a] } }'))))).toEqual(['id', 'b', 'new']);
    expect(columnsOf(select(grown, integration(tables('{ table: t, columns: { include: [id, a] } }'))))).toEqual(['id', 'a']);
  });

  test('are none for a table that is left out', () => {
    const keyless = catalog([table('public.t', { columns: ['a text'], primaryKey: [] })]);

    expect(select(keyless, integration(tables('{ table: t, columns: { exclude: [a] } }'))).skipped).toEqual([
      { stream: 'shop.public.t', reason: 'no-columns' },
    ]);
  });

  test('with the name of an added column are left out, or refused as a key', () => {
    const columns = ['id bigint', '_sdc_sequence bigint', 'a text'];
    const left = select(catalog([table('public.t', { columns })]), integration(tables('{ table: t }')));
    const refused = select(
      catalog([table('public.t', { columns, primaryKey: ['_sdc_sequence'] })]),
      integration(tables('{ table: t }')),
    );

    expect(columnsOf(left)).toEqual(['id', 'a']);
    expect(left.streams[0]?.warnings).toEqual([
      'column "_sdc_sequence" is left out: a column of this name is added to every record',
    ]);
    expect(codes(refused)).toEqual([['shop.public.t', 'column-reserved']]);
  });

  test('of types that Stitch leaves out are left out under its profile only', () => {
    const typed = catalog([table('public.t', { columns: ['id bigint', 'i interval'] })]);

    expect(columnsOf(select(typed, integration(tables('{ table: t }'))))).toEqual(['id', 'i']);
    expect(columnsOf(select(typed, integration(tables('{ table: t }')), { profile: 'stitch' }))).toEqual(['id']);
  });
});

describe('the primary key', () => {
  test('of a table is its own', () => {
    expect(select(catalog([table('public.t')]), integration(tables('{ table: t }'))).streams[0]?.primaryKey).toEqual(['id']);
  });

  test.each([
    ['{ view: v }', []],
    ['{ view: v, primaryKey: none }', []],
    ['{ view: v, primaryKey: [id, note], columns: { include: [updated_at] } }', ['id', 'note']],
  ])('of a view is what the configuration says: %s', (entry, primaryKey) => {
    const [stream] = select(catalog([table('public.v', { kind: 'view' })]), integration(tables(entry))).streams;

    expect(stream?.primaryKey).toEqual(primaryKey);
    expect(stream?.columns.map(({ name }) => name)).toEqual(expect.arrayContaining(primaryKey));
  });

  test('of a view must exist', () => {
    expect(
      codes(select(catalog([table('public.v', { kind: 'view' })]), integration(tables('{ view: v, primaryKey: [idd] }')))),
    ).toEqual([['shop.public.v', 'column-missing']]);
  });
});
