import type { AwsConfig, IntegrationAwsConfig } from './config-aws.ts';
import type { ReplicationMethod } from '../model/stream.ts';

/** A configuration file after validation: defaults filled in, units resolved, paths absolute, secrets still references. */
export interface Config {
  readonly destination: DestinationConfig;
  readonly state: StateConfig;
  readonly integrations: readonly IntegrationConfig[];
  /** For the AWS app alone. */
  readonly aws?: AwsConfig;
}

/** Where objects go and what they look like. */
export interface DestinationConfig {
  /** As written, for messages. */
  readonly url: string;
  /** `prefix` has no slash at either end and may be empty; `folder` is absolute. */
  readonly location:
    | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string }
    | { readonly kind: 'file'; readonly folder: string };
  readonly compression: Compression;
  /** 1 (fastest) to 9 (smallest); for gzip only. */
  readonly gzipLevel: number;
  /** JSON bytes after which a new object is begun. */
  readonly rotateBytes: number;
  /** In Stitch's tokens; absent: the default layout. */
  readonly keyTemplate?: string;
  readonly jsonColumns: 'string' | 'nested';
  readonly profile: 'default' | 'stitch';
}

export type Compression = 'gzip' | 'zstd' | 'none';

/** Where the ledger is kept. */
export interface StateConfig {
  /** As written, for messages. */
  readonly url: string;
  /** `folder` is absolute. */
  readonly location: { readonly kind: 'dynamodb'; readonly table: string } | { readonly kind: 'file'; readonly folder: string };
}

/** One PostgreSQL server entry point with its selection and schedule. */
export interface IntegrationConfig {
  /** `[a-z_][a-z0-9_$]{0,48}`, unique in the file. */
  readonly name: string;
  readonly connection: ConnectionConfig;
  /** Most connections to the server at a time, and so the number of workers: 1 to 100. */
  readonly connections: number;
  readonly defaultReplicationMethod?: ReplicationMethod;
  readonly logBased: LogBasedConfig;
  readonly includeSchemaInTableName: boolean;
  readonly selectAll: boolean;
  readonly tables: readonly TableSetting[];
  /** Absent: runs only when started by hand. */
  readonly schedule?: ScheduleConfig;
  /** PostgreSQL's `statement_timeout`; 0: none. */
  readonly statementTimeoutMs: number;
  /** When parallel reads give way to the other work of the server. */
  readonly pressure: PressureConfig;
  /** Size of one range of a table copy. */
  readonly rangeBytes: number;
  /** For the AWS app alone. */
  readonly aws?: IntegrationAwsConfig;
}

/** The same shape as `PressureSettings` of jobs. */
export type PressureConfig =
  | { readonly kind: 'off' }
  | {
      readonly kind: 'on';
      readonly everyMs: number;
      readonly maxActiveBackends: number | 'auto' | 'none';
      readonly minFreeConnections: number | 'auto';
      readonly maxReplicaLagMs: number | 'none';
    };

export interface ConnectionConfig {
  /** Host name, address, or an absolute path of a socket folder. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** Databases to look into; absent: all that the role may connect to. */
  readonly databases?: readonly string[];
  readonly user: string;
  readonly auth: { readonly kind: 'password'; readonly password?: SecretRef } | { readonly kind: 'iam' };
  readonly ssl: SslConfig;
  readonly ssh?: SshConfig;
}

export interface SslConfig {
  readonly mode: 'disable' | 'require' | 'verify-ca' | 'verify-full';
  /** Absent: the authorities that the runtime trusts. */
  readonly ca?: { readonly kind: 'rds' } | SecretRef;
  /** Client certificate and key; both or neither. */
  readonly cert?: SecretRef;
  readonly key?: SecretRef;
}

export interface SshConfig {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly privateKey: SecretRef;
  readonly passphrase?: SecretRef;
  /** Accepted fingerprints, `SHA256:` and base64 without padding. Empty: no host key is accepted, and the error names the one that was offered. */
  readonly hostKeys: readonly string[];
}

/**
 * Where a secret is. `where` names the setting for messages. A literal is behind a function, so that printing a configuration by
 * JSON or `util.inspect` cannot show it.
 */
export type SecretRef =
  | { readonly kind: 'env'; readonly name: string; readonly where: string }
  | { readonly kind: 'file'; readonly path: string; readonly where: string }
  /** `field` is the key to take if the secret is a JSON object, such as RDS's `{"username", "password", ...}`. */
  | { readonly kind: 'secret'; readonly id: string; readonly field: string; readonly where: string }
  | { readonly kind: 'literal'; readonly reveal: () => string; readonly where: string };

export interface LogBasedConfig {
  readonly plugin: 'auto' | 'wal2json' | 'pgoutput';
  readonly consume: 'auto' | 'stream' | 'peek';
  /** Absent: `backstitch_<database>`. */
  readonly slot?: string;
  readonly createSlot: boolean;
}

/** One entry of `tables`, as the file names it; `text` is the name as written. */
export type TableSetting = DeselectedTable | SelectedTable;

export interface DeselectedTable {
  readonly selected: false;
  readonly kind: 'table' | 'view';
  readonly name: QualifiedName;
  readonly text: string;
}

export interface SelectedTable {
  readonly selected: true;
  readonly kind: 'table' | 'view';
  readonly name: QualifiedName;
  readonly text: string;
  readonly method: ReplicationMethod;
  readonly replicationKey?: string;
  readonly lookBack: LookBack;
  readonly columns: ColumnFilter;
  /** Of a view; empty: none. Always empty for tables, which have their own. */
  readonly primaryKey: readonly string[];
  /** Name in the destination in place of the one made from schema and table. */
  readonly destinationTable?: string;
}

/** A table name with as many parts as the user gave. */
export interface QualifiedName {
  readonly database?: string;
  readonly schema?: string;
  readonly table: string;
}

export type ColumnFilter =
  | { readonly kind: 'all' }
  | { readonly kind: 'include'; readonly names: readonly string[] }
  | { readonly kind: 'exclude'; readonly names: readonly string[] };

/** How far a key-based stream's bookmark stays behind the highest key. The same shape as `LookBack` of the source. */
export type LookBack =
  | { readonly kind: 'auto' }
  | { readonly kind: 'interval'; readonly seconds: number }
  | { readonly kind: 'number'; readonly amount: string };

export type ScheduleConfig =
  /** `anchor` is ISO 8601 in UTC; with it `minutes` is at least 60. */
  { readonly kind: 'every'; readonly minutes: number; readonly anchor?: string } | CronSchedule;

export interface CronSchedule {
  readonly kind: 'cron';
  /** As written. */
  readonly expression: string;
  readonly fields: CronFields;
  /** IANA name. */
  readonly timezone: string;
}

/** Fields of a cron expression in EventBridge's order, in capitals; Quartz's seconds are always 0 and left out. `?` is in exactly one of the day fields. */
export interface CronFields {
  readonly minute: string;
  readonly hour: string;
  readonly dayOfMonth: string;
  readonly month: string;
  readonly dayOfWeek: string;
  readonly year: string;
}
