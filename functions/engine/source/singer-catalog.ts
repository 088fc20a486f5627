import { jsonSchemaOf } from '../encode/json-schema.ts';
import type { JsonSchema, SchemaOptions } from '../encode/json-schema.ts';
import { isSupportedByStitch } from '../encode/stitch-support.ts';
import type { Catalog, Column, Table } from '../model/catalog.ts';
import { streamId } from '../model/stream.ts';
import type { ReplicationMethod } from '../model/stream.ts';

/** The form of values that the schemas describe. @default json as strings, nothing left out */
export type SingerForm = Omit<SchemaOptions, 'primaryKey'>;

/**
 * What exists, in the catalog format of Singer taps (https://github.com/singer-io/getting-started/blob/master/docs/DISCOVERY_MODE.md), as Stitch's
 * PostgreSQL tap writes it. Beyond that: `unreachable`, and per stream `replication-methods` with what is possible for it.
 */
export type SingerCatalog = {
  readonly streams: readonly SingerStream[];
  /** Databases that could not be looked into. */
  readonly unreachable: readonly { readonly database: string; readonly code: string; readonly message: string }[];
};

export type SingerStream = {
  /** `database-schema-table` as Stitch's; the quoted `database.schema.table` where two would share that. */
  readonly tap_stream_id: string;
  readonly stream: string;
  readonly table_name: string;
  readonly schema: Plain<JsonSchema>;
  readonly metadata: readonly { readonly breadcrumb: readonly string[]; readonly metadata: SingerMetadata }[];
};

export type SingerMetadata = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** An interface as a plain object type, which is JSON to the compiler. */
type Plain<T> = T extends readonly (infer E)[]
  ? readonly Plain<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Plain<T[K]> }
    : T;

/** The catalog for `discover --json`. Pure. */
export function singerCatalog(catalog: Catalog, form: SingerForm = { jsonColumns: 'string', profile: 'default' }): SingerCatalog {
  const tables = catalog.databases.flatMap((database) => (database.state === 'read' ? database.tables : []));
  const taken = new Map<string, number>();
  for (const table of tables) taken.set(stitchId(table), (taken.get(stitchId(table)) ?? 0) + 1);
  return {
    streams: tables.map((table) =>
      streamOf(table, taken.get(stitchId(table)) === 1 ? stitchId(table) : streamId(table.name), form),
    ),
    unreachable: catalog.databases.flatMap((database) =>
      database.state === 'unreachable' ? [{ database: database.name, code: database.code, message: database.message }] : [],
    ),
  };
}

function stitchId({ name }: Table): string {
  return `${name.database}-${name.schema}-${name.table}`;
}

function streamOf(table: Table, id: string, form: SingerForm): SingerStream {
  return {
    tap_stream_id: id,
    stream: table.name.table,
    table_name: table.name.table,
    schema: jsonSchemaOf(table.columns, { ...form, primaryKey: table.primaryKey }),
    metadata: [
      { breadcrumb: [], metadata: tableMetadata(table) },
      ...table.columns.map((column) => ({
        breadcrumb: ['properties', column.name],
        metadata: columnMetadata(column, table, form),
      })),
    ],
  };
}

function tableMetadata(table: Table): SingerMetadata {
  const isView = table.kind === 'view' || table.kind === 'materialized-view';
  return {
    inclusion: 'available',
    'selected-by-default': false,
    'database-name': table.name.database,
    'schema-name': table.name.schema,
    'is-view': isView,
    // Of a view the user names the key, under this other name.
    ...(isView ? { 'view-key-properties': [] } : { 'table-key-properties': table.primaryKey }),
    ...(table.estimatedRows === undefined ? {} : { 'row-count': table.estimatedRows }),
    'replication-methods': methodsOf(table),
  };
}

/** The log holds what is written to a table of the server itself: not what a view shows, nor what another server keeps. */
function methodsOf(table: Table): readonly ReplicationMethod[] {
  switch (table.kind) {
    case 'table':
    case 'partitioned-table':
      return ['FULL_TABLE', 'INCREMENTAL', 'LOG_BASED'];
    case 'view':
    case 'materialized-view':
    case 'foreign-table':
      return ['FULL_TABLE', 'INCREMENTAL'];
  }
}

function columnMetadata(column: Column, table: Table, form: SingerForm): SingerMetadata {
  const isSupported = form.profile !== 'stitch' || isSupportedByStitch(column);
  const inclusion = !isSupported ? 'unsupported' : table.primaryKey.includes(column.name) ? 'automatic' : 'available';
  return { inclusion, 'selected-by-default': isSupported, 'sql-datatype': column.sqlType };
}
