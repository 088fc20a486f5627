import type { IntegrationConfig } from '../../functions/engine/config/config.ts';
import { loadConfigText } from '../../functions/engine/config/load.ts';
import type { Catalog, Column, RelationKind, Table, ValueType } from '../../functions/engine/model/catalog.ts';

const TYPES: Readonly<Record<string, ValueType>> = {
  bigint: { kind: 'number', name: 'int8' },
  numeric: { kind: 'number', name: 'numeric' },
  'double precision': { kind: 'number', name: 'float8' },
  boolean: { kind: 'boolean', name: 'bool' },
  date: { kind: 'date', name: 'date' },
  'timestamp with time zone': { kind: 'timestamptz', name: 'timestamptz' },
  'timestamp without time zone': { kind: 'timestamp', name: 'timestamp' },
  interval: { kind: 'interval', name: 'interval' },
  jsonb: { kind: 'json', name: 'jsonb' },
  text: { kind: 'text', name: 'text' },
  uuid: { kind: 'text', name: 'uuid' },
  inet: { kind: 'text', name: 'inet' },
  mood: { kind: 'text', name: 'mood', enumLabels: ['sad', 'happy'] },
  'bigint[]': { kind: 'array', name: '_int8', element: { kind: 'number', name: 'int8' }, delimiter: ',' },
};

export function column(name: string, sqlType = 'text', position = 1): Column {
  const type = TYPES[sqlType];
  if (type === undefined) throw new Error(`no type ${sqlType} in the fixtures`);
  return { name, position, type, sqlType, nullable: true, generated: 'no', identity: false, toastable: false };
}

/** A table by `schema.table` or `database.schema.table` (names without dots), with columns as `name type`; `id bigint` and its key by default. */
export function table(
  name: string,
  options: {
    readonly kind?: RelationKind;
    readonly columns?: readonly string[];
    readonly primaryKey?: readonly string[];
    readonly leaves?: readonly string[];
  } = {},
): Table {
  const [relation = '', schema = 'public', database = 'shop'] = name.split('.').reverse();
  const { kind = 'table', columns = ['id bigint', 'note text', 'updated_at timestamp with time zone'], leaves = [] } = options;
  const isView = kind === 'view' || kind === 'materialized-view';
  return {
    name: { database, schema, table: relation },
    oid: 1,
    kind,
    columns: columns.map((text, index) => {
      const space = text.indexOf(' ');
      return column(text.slice(0, space), text.slice(space + 1), index + 1);
    }),
    primaryKey: options.primaryKey ?? (isView || columns.length === 0 ? [] : ['id']),
    replicaIdentity: 'default',
    bytes: 8192,
    storage: leaves.map((leaf) => ({ schema, table: leaf, oid: 2, pages: 1 })),
    rowSecurity: false,
  };
}

/** A catalog of tables, and of databases that could not be reached. */
export function catalog(tables: readonly Table[], unreachable: readonly string[] = []): Catalog {
  const names = [...new Set(tables.map(({ name }) => name.database))];
  return {
    server: { version: 150018, inRecovery: false },
    databases: [
      ...names.map((name) => ({ state: 'read' as const, name, tables: tables.filter((entry) => entry.name.database === name) })),
      ...unreachable.map((name) => ({ state: 'unreachable' as const, name, code: '42501', message: 'permission denied' })),
    ],
    at: '2026-01-01T00:00:00.000Z',
  };
}

/** An integration with the given lines in its part of the file. */
export function integration(lines: readonly string[]): IntegrationConfig {
  const body = lines.map((line) => `    ${line}\n`).join('');
  const head = '  - name: shop\n    connection: { host: db, database: shop, user: reader, ssl: { ca: rds } }\n';
  const [loaded] = loadConfigText(
    `destination: { url: "file:o" }\nstate: { url: "file:s" }\nintegrations:\n${head}${body}`,
    '/etc/b.yaml',
  ).config.integrations;
  if (loaded === undefined) throw new Error('no integration');
  return loaded;
}
