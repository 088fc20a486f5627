import { describe, expect, it } from 'vitest';
import type { Catalog, Column, DatabaseEntry, Table } from '../../functions/engine/model/catalog.ts';
import { singerCatalog } from '../../functions/engine/source/singer-catalog.ts';

const id: Column = {
  name: 'id',
  position: 1,
  type: { kind: 'number', name: 'int8' },
  sqlType: 'bigint',
  nullable: false,
  generated: 'no',
  identity: false,
  toastable: false,
};
const blob: Column = {
  ...id,
  name: 'blob',
  position: 2,
  type: { kind: 'bytea', name: 'bytea' },
  sqlType: 'bytea',
  nullable: true,
};

function table(change: Partial<Table> = {}): Table {
  return {
    name: { database: 'shop', schema: 'public', table: 'orders' },
    oid: 1,
    kind: 'table',
    columns: [id, blob],
    primaryKey: ['id'],
    replicaIdentity: 'default',
    estimatedRows: 12,
    bytes: 8192,
    storage: [],
    rowSecurity: false,
    ...change,
  };
}

function catalogOf(tables: readonly Table[], more: readonly DatabaseEntry[] = []): Catalog {
  return {
    server: { version: 150_000, inRecovery: false },
    databases: [{ state: 'read', name: 'shop', tables }, ...more],
    at: '2026-01-01T00:00:00.000Z',
  };
}

describe('the Singer catalog', () => {
  it('describes a table as the tap does', () => {
    const { streams, unreachable } = singerCatalog(catalogOf([table()]));

    expect(unreachable).toEqual([]);
    expect(streams).toEqual([
      {
        tap_stream_id: 'shop-public-orders',
        stream: 'orders',
        table_name: 'orders',
        schema: {
          type: 'object',
          properties: { id: { type: 'integer' }, blob: { type: ['null', 'string'], contentEncoding: 'base64' } },
        },
        metadata: [
          {
            breadcrumb: [],
            metadata: {
              inclusion: 'available',
              'selected-by-default': false,
              'database-name': 'shop',
              'schema-name': 'public',
              'is-view': false,
              'table-key-properties': ['id'],
              'row-count': 12,
              'replication-methods': ['FULL_TABLE', 'INCREMENTAL', 'LOG_BASED'],
            },
          },
          {
            breadcrumb: ['properties', 'id'],
            metadata: { inclusion: 'automatic', 'selected-by-default': true, 'sql-datatype': 'bigint' },
          },
          {
            breadcrumb: ['properties', 'blob'],
            metadata: { inclusion: 'available', 'selected-by-default': true, 'sql-datatype': 'bytea' },
          },
        ],
      },
    ]);
  });

  it.each([
    ['table', true],
    ['partitioned-table', true],
    ['view', false],
    ['materialized-view', false],
    ['foreign-table', false],
  ] as const)('of a %s says whether the log holds it: %s', (kind, isLogged) => {
    const [stream] = singerCatalog(catalogOf([table({ kind })])).streams;

    expect(stream?.metadata[0]?.metadata['replication-methods']).toEqual([
      'FULL_TABLE',
      'INCREMENTAL',
      ...(isLogged ? ['LOG_BASED'] : []),
    ]);
  });

  it('asks for the key of a view under its own name', () => {
    const [stream] = singerCatalog(catalogOf([table({ kind: 'view', primaryKey: [] })])).streams;

    expect(stream?.metadata[0]?.metadata).toMatchObject({ 'is-view': true, 'view-key-properties': [] });
    expect(stream?.metadata[0]?.metadata).not.toHaveProperty('table-key-properties');
  });

  it('marks what Stitch cannot replicate in its profile', () => {
    const [stream] = singerCatalog(catalogOf([table()]), { jsonColumns: 'string', profile: 'stitch' }).streams;

    expect(stream?.metadata[2]?.metadata).toMatchObject({ inclusion: 'unsupported', 'selected-by-default': false });
  });

  it('gives no two streams one id', () => {
    const first = table({ name: { database: 'shop', schema: 'a-b', table: 'c' } });
    const second = table({ name: { database: 'shop', schema: 'a', table: 'b-c' } });

    const ids = singerCatalog(catalogOf([first, second, table()])).streams.map((stream) => stream.tap_stream_id);

    expect(ids).toEqual(['shop.a-b.c', 'shop.a.b-c', 'shop-public-orders']);
  });

  it('lists databases that could not be looked into', () => {
    const lost: DatabaseEntry = { state: 'unreachable', name: 'billing', code: 'database-missing', message: 'no' };

    expect(singerCatalog(catalogOf([], [lost])).unreachable).toEqual([
      { database: 'billing', code: 'database-missing', message: 'no' },
    ]);
  });
});
