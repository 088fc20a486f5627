import type { StreamName } from './stream.ts';

/** What the server is: versions, identity, and whether it can be written to. */
export interface ServerInfo {
  /** `server_version_num`: 150018 is 15.18, 90603 is 9.6.3. */
  readonly version: number;
  /** From `pg_control_system()` where the role may call it (9.6+); absent otherwise. A decimal 64-bit integer. */
  readonly systemIdentifier?: string;
  /** True on a hot standby or read replica. */
  readonly inRecovery: boolean;
}

/** What kind of relation a stream is. A partitioned table is its root; its leaves are not streams. */
export type RelationKind = 'table' | 'partitioned-table' | 'view' | 'materialized-view' | 'foreign-table';

/**
 * A column's type with domains resolved to their base and arrays and composites resolved to their parts.
 * `kind` alone decides the JSON form; `name` is PostgreSQL's name of the base type (`int8`, `varchar`, `mood`), for schemas and the `stitch` profile.
 */
export type ValueType =
  | {
      readonly kind: 'number';
      readonly name: 'int2' | 'int4' | 'int8' | 'numeric' | 'float4' | 'float8';
      readonly precision?: number;
      readonly scale?: number;
    }
  | { readonly kind: 'boolean'; readonly name: 'bool' }
  | { readonly kind: 'bit'; readonly name: 'bit' }
  | { readonly kind: 'timestamp'; readonly name: 'timestamp' }
  | { readonly kind: 'timestamptz'; readonly name: 'timestamptz' }
  | { readonly kind: 'date'; readonly name: 'date' }
  | { readonly kind: 'time'; readonly name: 'time' }
  | { readonly kind: 'timetz'; readonly name: 'timetz' }
  | { readonly kind: 'interval'; readonly name: 'interval' }
  | { readonly kind: 'json'; readonly name: 'json' | 'jsonb' }
  | { readonly kind: 'bytea'; readonly name: 'bytea' }
  | { readonly kind: 'hstore'; readonly name: 'hstore' }
  | { readonly kind: 'text'; readonly name: string; readonly maxLength?: number; readonly enumLabels?: readonly string[] }
  | { readonly kind: 'array'; readonly name: string; readonly element: ValueType; readonly delimiter: string }
  | {
      readonly kind: 'composite';
      readonly name: string;
      readonly attributes: readonly { readonly name: string; readonly type: ValueType }[];
    };

export interface Column {
  readonly name: string;
  /** `pg_attribute.attnum`. */
  readonly position: number;
  readonly type: ValueType;
  /** `format_type()` with its modifier, as a user would write it: `numeric(12,2)`, `character varying(40)[]`. */
  readonly sqlType: string;
  /** The domain's name when the column is declared with one. */
  readonly domain?: string;
  readonly nullable: boolean;
  readonly generated: 'no' | 'stored' | 'virtual';
  readonly identity: boolean;
  /** Whether PostgreSQL may store values of this column out of line. */
  readonly toastable: boolean;
}

/** One physical table that holds rows: the table itself, or a leaf of a partitioned table. */
export interface Storage {
  readonly schema: string;
  readonly table: string;
  readonly oid: number;
  /** `relpages` or the size of the main fork in 8 KiB pages, an estimate for planning only. */
  readonly pages: number;
}

/** A relation that can be replicated, with the columns that this role may read and what identifies its rows. */
export interface Table {
  readonly name: StreamName;
  readonly oid: number;
  readonly kind: RelationKind;
  /** In the table's order; only columns with SELECT privilege. */
  readonly columns: readonly Column[];
  /** Primary key columns in key order; empty where there is none (or where a key column is not readable). */
  readonly primaryKey: readonly string[];
  readonly replicaIdentity: 'default' | 'index' | 'full' | 'nothing';
  /** `reltuples`; undefined where the table was never analyzed. */
  readonly estimatedRows?: number;
  /** Total bytes of the main forks (leaves added up); 0 for views. */
  readonly bytes: number;
  /** Leaves of a partitioned table, the table itself for a plain table or materialized view, none for views and foreign tables. */
  readonly storage: readonly Storage[];
  /** Whether row-level security hides rows from this role. */
  readonly rowSecurity: boolean;
}

/** A database that was looked into, or that could not be. */
export type DatabaseEntry =
  | { readonly state: 'read'; readonly name: string; readonly tables: readonly Table[] }
  | { readonly state: 'unreachable'; readonly name: string; readonly code: string; readonly message: string };

/** The result of one structure sync. */
export interface Catalog {
  readonly server: ServerInfo;
  readonly databases: readonly DatabaseEntry[];
  /** When the sync was made, ISO 8601. */
  readonly at: string;
}
