import { describe, expect, test } from 'vitest';
import { select } from '../../functions/engine/plan/select.ts';
import type { Selection } from '../../functions/engine/plan/select.ts';
import { catalog, integration, table } from './catalog-fixtures.ts';

const SELECT_ALL = ['defaultReplicationMethod: LOG_BASED', 'selectAll: true'];
const tables = (...entries: readonly string[]) => ['defaultReplicationMethod: FULL_TABLE', `tables: [${entries.join(', ')}]`];

const ids = (selection: Selection) => selection.streams.map(({ id }) => id);
const codes = (selection: Selection) => selection.problems.map(({ stream, error }) => [stream, error.code]);
const messages = (selection: Selection) => selection.problems.map(({ error }) => error.message).join('\n');

describe('which tables', () => {
  const everything = catalog([
    table('public.orders'),
    table('public.users'),
    table('public.events', { kind: 'partitioned-table', leaves: ['events_2025', 'events_2026'] }),
    table('public.remote', { kind: 'foreign-table' }),
    table('public.sales', { kind: 'view' }),
    table('public.totals', { kind: 'materialized-view' }),
    table('public.secret', { columns: [] }),
  ]);

  test('are those that are named, in the order of the catalog', () => {
    const selection = select(
      everything,
      integration(
        tables(
          '{ table: users }',
          '{ table: public.orders }',
          '{ view: sales }',
          '{ view: public.totals }',
          '{ table: shop.public.remote }',
        ),
      ),
    );

    expect(ids(selection)).toEqual([
      'shop.public.orders',
      'shop.public.users',
      'shop.public.remote',
      'shop.public.sales',
      'shop.public.totals',
    ]);
    expect(selection.problems).toEqual([]);
    expect(selection.skipped).toEqual([
      { stream: 'shop.public.events', reason: 'not-selected' },
      { stream: 'shop.public.secret', reason: 'not-selected' },
    ]);
  });

  test('are all but views and foreign tables under Select All, and a deselected one is not', () => {
    const selection = select(
      everything,
      integration([...SELECT_ALL, 'tables: [{ table: users, selected: false }, { view: sales, method: FULL_TABLE }]']),
    );

    expect(ids(selection)).toEqual(['shop.public.orders', 'shop.public.events', 'shop.public.sales']);
    expect(selection.streams.map(({ method }) => method)).toEqual(['LOG_BASED', 'LOG_BASED', 'FULL_TABLE']);
    expect(selection.skipped).toEqual([
      { stream: 'shop.public.users', reason: 'deselected' },
      { stream: 'shop.public.remote', reason: 'unsupported-kind' },
      { stream: 'shop.public.totals', reason: 'not-selected' },
      { stream: 'shop.public.secret', reason: 'no-columns' },
    ]);
  });

  test('keep their own method under Select All', () => {
    const [stream] = select(
      everything,
      integration([
        ...SELECT_ALL,
        'tables: [{ table: orders, method: INCREMENTAL, replicationKey: updated_at, lookBack: 5 minutes }]',
      ]),
    ).streams;

    expect(stream).toMatchObject({
      method: 'INCREMENTAL',
      replicationKey: 'updated_at',
      lookBack: { kind: 'interval', seconds: 300 },
    });
  });

  test('are new ones only under Select All', () => {
    const grown = catalog([table('public.orders'), table('public.new')]);

    expect(ids(select(grown, integration(tables('{ table: orders }'))))).toEqual(['shop.public.orders']);
    expect(ids(select(grown, integration(SELECT_ALL)))).toEqual(['shop.public.orders', 'shop.public.new']);
  });

  test('may have names that need quotes', () => {
    const weird = table('public.x');
    const odd = catalog([{ ...weird, name: { database: 'my.shop', schema: 'a b', table: 'Weird "Name"' } }]);

    const selection = select(odd, integration(tables(`{ table: '"my.shop".a b."Weird ""Name"""' }`)));

    expect(ids(selection)).toEqual(['"my.shop"."a b"."Weird ""Name"""']);
    expect(selection.streams[0]?.destinationTable).toBe('weird__name_');
  });

  test('include a partition with its root', () => {
    const both = select(everything, integration(tables('{ table: events }', '{ table: public.events_2025 }')));
    const leafOnly = select(everything, integration(tables('{ table: public.events_2025 }')));

    expect(ids(both)).toEqual(['shop.public.events']);
    expect(both.skipped).toContainEqual({ stream: 'shop.public.events_2025', reason: 'partition-leaf' });
    expect(codes(leafOnly)).toEqual([['shop.public.events_2025', 'partition-named']]);
  });

  test('of a database that could not be reached are skipped with it, unless named', () => {
    const half = catalog([table('public.orders')], ['billing']);

    expect(select(half, integration(SELECT_ALL)).skipped).toEqual([{ stream: 'billing', reason: 'unreachable-database' }]);
    const named = select(half, integration(tables('{ table: billing.public.invoices }')));
    expect(codes(named)).toEqual([['billing.public.invoices', 'database-missing']]);
    expect(messages(named)).toContain('42501');
  });
});

describe('a name', () => {
  const two = catalog([
    table('shop.public.orders'),
    table('billing.public.orders'),
    table('shop.sales.orders'),
    table('shop.public.customers'),
    table('shop.public.totals', { kind: 'view' }),
  ]);

  test.each([
    ['orders', '{ table: orders }', 'table-ambiguous', 'shop.public.orders, shop.sales.orders, billing.public.orders'],
    ['public.orders', '{ table: public.orders }', 'table-ambiguous', 'shop.public.orders, billing.public.orders'],
    ['a misspelt table', '{ table: public.custmers }', 'table-missing', 'did you mean public.customers?'],
    ['another case', '{ table: public.Customers }', 'table-missing', 'did you mean public.customers?'],
    ['a table that is a view', '{ table: totals }', 'table-missing', 'it is a view: write view: totals'],
    ['a view that is a table', '{ view: customers }', 'table-missing', 'it is a table: write table: customers'],
    [
      'nothing like it',
      '{ table: zzz.unheard }',
      'table-missing',
      'does not exist in shop, billing, or "reader" may not read it.',
    ],
  ])('that is %s is refused', (_, entry, code, text) => {
    const selection = select(two, integration(tables(entry)));

    expect(selection.problems.map(({ error }) => error.code)).toEqual([code]);
    expect(messages(selection)).toContain(text);
    expect(selection.streams).toEqual([]);
  });

  test('in full is never ambiguous', () => {
    expect(
      ids(
        select(two, integration(tables('{ table: billing.public.orders }', '{ table: sales.orders, destinationTable: sales }'))),
      ),
    ).toEqual(['shop.sales.orders', 'billing.public.orders']);
  });

  test('twice in two spellings is refused', () => {
    const selection = select(
      two,
      integration(tables('{ table: customers }', '{ table: shop.public.customers, selected: false }')),
    );

    expect(codes(selection)).toEqual([['shop.public.customers', 'table-repeated']]);
    expect(messages(selection)).toContain('as "customers" and as "shop.public.customers"');
  });

  test('of something that is deselected and gone is a remark', () => {
    const selection = select(two, integration(tables('{ table: customers }', '{ table: public.gone, selected: false }')));

    expect(selection.problems).toEqual([]);
    expect(selection.warnings).toEqual(['public.gone is deselected but does not exist, or may not be read']);
  });

  test('that is gone has the id of the stream that it was', () => {
    expect(codes(select(catalog([table('public.a')]), integration(tables('{ table: gone }'))))).toEqual([
      ['shop.public.gone', 'table-missing'],
    ]);
  });

  test('is granted on in quotes where it needs them', () => {
    const [problem] = select(two, integration(tables('{ table: \'public."Odd ""One"""\' }'))).problems;

    expect(problem?.error.remedy).toContain('GRANT SELECT ON TABLE public."Odd ""One""" TO "reader";');
  });
});

describe('the method', () => {
  const keyed = (type: string, rest = '') =>
    select(
      catalog([table('public.t', { columns: ['id bigint', `k ${type}`] })]),
      integration(tables(`{ table: t, method: INCREMENTAL, replicationKey: k${rest} }`)),
    );

  test.each(['bigint', 'numeric', 'date', 'timestamp with time zone', 'timestamp without time zone', 'uuid', 'text'])(
    'INCREMENTAL orders by %s',
    (type) => {
      expect(keyed(type).streams[0]).toMatchObject({ method: 'INCREMENTAL', replicationKey: 'k', lookBack: { kind: 'auto' } });
    },
  );

  test.each(['double precision', 'boolean', 'jsonb', 'inet', 'mood', 'bigint[]', 'interval'])(
    'INCREMENTAL does not order by %s',
    (type) => {
      expect(codes(keyed(type))).toEqual([['shop.public.t', 'replication-key-unsuitable']]);
      expect(messages(keyed(type))).toContain(`of type ${type}`);
    },
  );

  test.each([
    ['date', '10 minutes', []],
    ['bigint', '100', []],
    ['bigint', '10 minutes', ['look-back-unsuitable']],
    ['date', '100', ['look-back-unsuitable']],
    ['text', '100', ['look-back-unsuitable']],
  ])('INCREMENTAL by %s with a look-back of %s gives %j', (type, lookBack, expected) => {
    expect(keyed(type, `, lookBack: ${lookBack}`).problems.map(({ error }) => error.code)).toEqual(expected);
  });

  test.each(['FULL_TABLE', 'INCREMENTAL'])('%s reads foreign tables', (method) => {
    const remote = catalog([table('public.r', { kind: 'foreign-table' })]);

    expect(select(remote, integration(tables(`{ table: r, method: ${method}, replicationKey: id }`))).streams[0]?.method).toBe(
      method,
    );
  });

  test('LOG_BASED does not read a foreign table that is named', () => {
    const selection = select(
      catalog([table('public.r', { kind: 'foreign-table' })]),
      integration([...SELECT_ALL, 'tables: [{ table: r }]']),
    );

    expect(codes(selection)).toEqual([['shop.public.r', 'method-unsupported']]);
    expect(messages(selection)).toBe('shop.public.r is a foreign table: LOG_BASED is not possible for it.');
  });

  test('of configurations made by a program is checked as well', () => {
    const base = integration(tables('{ table: t }', '{ view: v }'));
    const made = {
      ...base,
      tables: base.tables.map((setting) =>
        setting.selected
          ? { ...setting, method: setting.kind === 'view' ? ('LOG_BASED' as const) : ('INCREMENTAL' as const) }
          : setting,
      ),
    };

    expect(codes(select(catalog([table('public.t'), table('public.v', { kind: 'view' })]), made))).toEqual([
      ['shop.public.t', 'replication-key-missing'],
      ['shop.public.v', 'method-unsupported'],
    ]);
  });
});

describe('the name in the destination', () => {
  test('refuses every stream that shares it, naming both', () => {
    const selection = select(
      catalog([table('public.Orders'), table('public.orders'), table('public.users')]),
      integration(SELECT_ALL),
    );

    expect(ids(selection)).toEqual(['shop.public.users']);
    expect(codes(selection)).toEqual([
      ['shop.public.Orders', 'destination-collision'],
      ['shop.public.orders', 'destination-collision'],
    ]);
    expect(messages(selection)).toContain(
      'The streams shop.public.Orders and shop.public.orders would both be written to the destination table "orders".',
    );
  });

  test.each([
    ['across schemas', ['a.t', 'b.t'], []],
    ['across databases', ['one.public.t', 'two.public.t'], []],
    ['by characters that are replaced', ['public.a-b', 'public.a b'], []],
    ['by the schema that is put in front', ['a.b__c', 'a__b.c'], ['includeSchemaInTableName: true']],
    ['by the letter that keeps it visible', ['public._x', 'public.t_x'], []],
  ])('collides %s', (_, names, lines) => {
    const selection = select(catalog(names.map((name) => table(name))), integration([...SELECT_ALL, ...lines]));

    expect(selection.streams).toEqual([]);
    expect(selection.problems.map(({ error }) => error.code)).toEqual(['destination-collision', 'destination-collision']);
  });

  test('may be given, so that nothing collides', () => {
    const lines = [...SELECT_ALL, 'tables: [{ table: b.t, destinationTable: b_t }]'];

    expect(
      select(catalog([table('a.t'), table('b.t')]), integration(lines)).streams.map(({ destinationTable }) => destinationTable),
    ).toEqual(['t', 'b_t']);
  });

  test('does not collide with tables that are not replicated', () => {
    const selection = select(
      catalog([table('a.t'), table('b.t')]),
      integration([...SELECT_ALL, 'tables: [{ table: b.t, selected: false }]']),
    );

    expect(selection.problems).toEqual([]);
  });
});

test('ten thousand tables, all named, are selected at once', () => {
  const names = Array.from({ length: 10_000 }, (_, at) => `s${at % 10}.table_${at}`);
  const selection = select(
    catalog(names.map((name) => table(name))),
    integration(tables(...names.map((name) => `{ table: ${name} }`), '{ table: s1.tabel_1 }')),
  );

  expect(selection.streams).toHaveLength(10_000);
  expect(messages(selection)).toContain('did you mean');
});

test('every problem is found at once', () => {
  const selection = select(
    catalog([table('public.a'), table('public.b'), table('public.c')]),
    integration(
      tables(
        '{ table: a, columns: { include: [x, y] } }',
        '{ table: bb.b }',
        '{ table: c, method: INCREMENTAL, replicationKey: z }',
      ),
    ),
  );

  expect(selection.problems.map(({ error }) => error.code).sort()).toEqual([
    'column-missing',
    'column-missing',
    'column-missing',
    'table-missing',
  ]);
});
