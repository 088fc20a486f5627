import { writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { formatTableName } from '../engine/config/table-name.ts';
import type { Catalog } from '../engine/model/catalog.ts';
import type { DemoFolder } from './demo-folder.ts';
import type { SourceAddress } from './source-url.ts';

/** The environment variable that the written configuration takes the password of `--source` from. */
export const PASSWORD_VARIABLE = 'BACKSTITCH_DEMO_PASSWORD';

/** One entry of `tables` as the configuration file has it. */
export type TableEntry = Readonly<Record<string, string | readonly string[]>>;

/** The shop's tables, each by the method that suits it. */
export const SHOP_SELECTION: readonly TableEntry[] = [
  { table: 'public.orders', method: 'INCREMENTAL', replicationKey: 'updated_at' },
  { table: 'public.events', method: 'INCREMENTAL', replicationKey: 'id' },
  { table: 'public.payments', method: 'LOG_BASED' },
  ...['customers', 'products', 'order_items', 'audit_log', 'type_gallery', 'Weird "Name"'].map((table) => ({
    table: formatTableName({ schema: 'public', table }),
  })),
  { view: 'public.daily_sales', primaryKey: ['day'] },
];

/** Writes a configuration for a folder as destination and a folder for the state; paths in it are relative, so that the folder can be moved. */
export async function writeDemoConfig(
  folder: DemoFolder,
  options: {
    readonly name: string;
    readonly source: SourceAddress;
    readonly tables: readonly TableEntry[];
    readonly includeSchemaInTableName: boolean;
  },
): Promise<void> {
  const { name, source, tables, includeSchemaInTableName } = options;
  const { host, port, database, user, password, ssl } = source;
  const connection = {
    host,
    port,
    database,
    databases: [database],
    user,
    ...(password === undefined ? {} : { password: { env: PASSWORD_VARIABLE } }),
    // PostgreSQL has no TLS on sockets, and no setting for it there.
    ...(host.startsWith('/') ? {} : { ssl }),
  };
  const config = {
    destination: { url: 'file:./out' },
    state: { url: 'file:./state' },
    integrations: [{ name, connection, defaultReplicationMethod: 'FULL_TABLE', includeSchemaInTableName, tables }],
  };
  await writeFile(folder.configPath, `# Written by "backstitch demo".\n${stringify(config, { lineWidth: 120 })}`);
}

/** What is replicated of a database that the demo knows nothing about: its tables, small ones first, up to a total size. */
export interface SourceSelection {
  readonly tables: readonly TableEntry[];
  readonly totalBytes: number;
  /** Tables that were left out since they are too large, as written in configurations. */
  readonly leftOut: readonly string[];
}

/** Chooses tables of the user's own database by size, so that a first look stays a matter of minutes. Views are left out: nobody knows what they cost. */
export function selectBySize(catalog: Catalog, limits: { readonly bytes: number; readonly tables: number }): SourceSelection {
  const known = catalog.databases
    .flatMap((database) => (database.state === 'read' ? database.tables : []))
    .filter(({ kind }) => kind === 'table' || kind === 'partitioned-table')
    .toSorted((a, b) => a.bytes - b.bytes);
  const tables: TableEntry[] = [];
  const leftOut: string[] = [];
  let totalBytes = 0;
  for (const { name, bytes } of known) {
    const text = formatTableName({ schema: name.schema, table: name.table });
    if (tables.length === limits.tables || totalBytes + bytes > limits.bytes) {
      leftOut.push(text);
      continue;
    }
    totalBytes += bytes;
    tables.push({ table: text });
  }
  return { tables, totalBytes, leftOut };
}
