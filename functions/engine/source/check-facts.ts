import type { ServerInfo } from '../model/catalog.ts';

/** Who runs the server, as far as its roles and functions tell. Decides the form of a fix. */
export type ServerFlavour = 'self-hosted' | 'rds' | 'aurora' | 'cloud-sql' | 'heroku' | 'azure';

/** What a preflight looks at. */
export interface InspectRequest {
  /** Names of the replication keys of the configuration: how many of their values are NULL is looked up. */
  readonly keyColumns: readonly string[];
}

/** Everything about a source that can stop a job or hurt the server, read without writing. */
export interface SourceFacts {
  readonly server: ServerFacts;
  /** Those that the configuration names, or all that are not templates or a service's own. */
  readonly databases: readonly DatabaseFacts[];
}

export interface ServerFacts extends ServerInfo {
  /** `server_version`, as the server prints it. */
  readonly versionText: string;
  readonly flavour: ServerFlavour;
  /** Whether a pooler stands before it (PgBouncer, RDS Proxy): sessions are not ours, and there is no replication protocol. */
  readonly isPooled: boolean;
  /** By name, as `pg_settings` has them, in `unit`; only those that this version has and this role may see. */
  readonly settings: Readonly<Record<string, ServerSetting>>;
  readonly role: RoleFacts;
  /** Of the whole server. */
  readonly slots: readonly SlotSummary[];
  /** Replication connections that are open now. */
  readonly senders: number;
  readonly transactions: TransactionFacts;
  /** The server's clock less the one here, in milliseconds; exact to half of `roundTripMs`. */
  readonly clockSkewMs: number;
  readonly roundTripMs: number;
}

export interface ServerSetting {
  readonly value: string;
  /** `ms`, `s`, `MB`, `8kB`, ...; null for plain numbers and texts. */
  readonly unit: string | null;
}

export interface RoleFacts {
  readonly name: string;
  readonly isSuperuser: boolean;
  /** The `REPLICATION` attribute. */
  readonly hasReplication: boolean;
  /** Member of `rds_replication` or `rds_superuser`. */
  readonly hasRdsReplication: boolean;
  /** Member of `pg_read_all_stats` (10+): sees the transactions of others. */
  readonly readsAllStats: boolean;
  /** Member of `pg_read_all_data` (14+): reads every table, new ones included. */
  readonly readsAllData: boolean;
  /** `rolconnlimit`; -1: none. */
  readonly connectionLimit: number;
}

export interface SlotSummary {
  readonly name: string;
  readonly kind: 'logical' | 'physical';
  readonly plugin: string | null;
  readonly database: string | null;
  readonly isActive: boolean;
  readonly isTemporary: boolean;
  /** Kept in step with the primary's by a replica (17+). */
  readonly isSynced: boolean;
  readonly walStatus: string | null;
  readonly invalidationReason: string | null;
  readonly retainedBytes: bigint | null;
  readonly safeBytes: bigint | null;
}

export interface TransactionFacts {
  /** Of the transactions that this role may see, our own left out; null: none is open. */
  readonly oldestSeconds: number | null;
  readonly oldestPid: number | null;
  /** Sessions whose transactions this role may not see. */
  readonly hidden: number;
  readonly prepared: number;
  readonly oldestPreparedSeconds: number | null;
  readonly oldestPreparedGid: string | null;
}

export type DatabaseFacts =
  ReadDatabase | { readonly state: 'unreachable'; readonly name: string; readonly code: string; readonly message: string };

export interface ReadDatabase {
  readonly state: 'read';
  readonly name: string;
  readonly encoding: string;
  /** CREATE on the database: publications can be made. */
  readonly mayCreate: boolean;
  /** Tables, views and foreign tables outside of PostgreSQL's own schemas, readable or not; partitions included. */
  readonly relations: readonly RelationFacts[];
  readonly publications: readonly PublicationFacts[];
  /** Owners of tables whose future tables this role will not be able to read, with the schemas that they own tables in. */
  readonly closedOwners: readonly { readonly owner: string; readonly schemas: readonly string[] }[];
  /** From the statistics: columns named in the request that hold NULLs. */
  readonly nullKeys: readonly {
    readonly schema: string;
    readonly table: string;
    readonly column: string;
    readonly share: number;
  }[];
}

export interface RelationFacts {
  readonly schema: string;
  readonly table: string;
  readonly oid: number;
  readonly kind: 'table' | 'partitioned-table' | 'view' | 'materialized-view' | 'foreign-table';
  readonly isPartition: boolean;
  readonly isUnlogged: boolean;
  /** Whether this role owns it, or is a member of the role that does. */
  readonly isOwned: boolean;
  readonly mayUseSchema: boolean;
  /** SELECT on the whole relation. */
  readonly maySelect: boolean;
  /** Columns without SELECT; empty where `maySelect`, or where no column may be read. */
  readonly unreadable: readonly string[];
  /** SELECT on at least one column. */
  readonly maySelectAny: boolean;
  /** Row-level security hides rows from this role. */
  readonly hidesRows: boolean;
  /** Columns of the primary key, readable or not. */
  readonly primaryKey: readonly string[];
  readonly replicaIdentity: 'default' | 'index' | 'full' | 'nothing';
  /** Whether updates and deletes are logged with something that identifies the row; of a partitioned table, in all of its leaves. */
  readonly hasIdentity: boolean;
  /** Of a partitioned table, at any depth. */
  readonly leaves: readonly { readonly schema: string; readonly table: string; readonly hasIdentity: boolean }[];
  /** First columns of valid indexes that cover the whole table. */
  readonly indexed: readonly string[];
}

export interface PublicationFacts {
  readonly name: string;
  readonly allTables: boolean;
  readonly publishes: {
    readonly insert: boolean;
    readonly update: boolean;
    readonly delete: boolean;
    readonly truncate: boolean;
  };
  /** Whether this role owns it and may change it. */
  readonly isOwned: boolean;
  /** `pg_publication_tables`, as `schema` and `table`. */
  readonly tables: readonly { readonly schema: string; readonly table: string }[];
}
