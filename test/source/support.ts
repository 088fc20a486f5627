import type { Column, DatabaseEntry, Table } from '../../functions/engine/model/catalog.ts';
import type { Connection, ConnectionSettings } from '../../functions/engine/source/postgres/connection.ts';
import type { ServerAddress, TestDatabase } from '../support/postgres.ts';

/** Settings for a test server, as its superuser unless told otherwise. */
export function settingsFor(
  server: ServerAddress & { readonly database?: string },
  changes: Partial<ConnectionSettings> & { readonly user?: string } = {},
): ConnectionSettings {
  const { user = 'postgres', ...rest } = changes;
  return {
    endpoint: { host: server.host, port: server.port, user },
    database: server.database ?? 'postgres',
    tls: { mode: 'disable' },
    applicationName: 'backstitch test',
    connectTimeoutMs: 20_000,
    maxConnections: 2,
    ...rest,
  };
}

/** A signal that nobody aborts. */
export function never(): AbortSignal {
  return new AbortController().signal;
}

/** What a promise rejects with; throws if it does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('nothing was thrown');
    },
    (error: unknown) => error,
  );
}

export function tablesOf(entry: DatabaseEntry | undefined): readonly Table[] {
  if (entry?.state !== 'read') throw new Error(`the database was not read: ${JSON.stringify(entry)}`);
  return entry.tables;
}

export function tableNamed(tables: readonly Table[], table: string, schema = 'public'): Table {
  const found = tables.find((candidate) => candidate.name.table === table && candidate.name.schema === schema);
  if (found === undefined) throw new Error(`no ${schema}.${table} among ${tables.map((one) => one.name.table).join(', ')}`);
  return found;
}

export function columnNamed(table: Table, name: string): Column {
  const found = table.columns.find((column) => column.name === name);
  if (found === undefined) throw new Error(`no column ${name} in ${table.name.table}`);
  return found;
}

/** The value of a setting in this session. */
export async function show(connection: Connection, setting: string): Promise<string | undefined> {
  const rows = await connection.query<{ value: string }>(`select pg_catalog.current_setting($1) as value`, [setting], never());
  return rows[0]?.value;
}

/** Ends the sessions of ours in this database. */
export async function terminate(db: TestDatabase): Promise<void> {
  await db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'backstitch test' and datname = current_database()`,
  );
}

/** Sessions of ours in this database that do something. */
export async function activeSessions(db: TestDatabase): Promise<number> {
  const rows = await db.query(
    `select 1 from pg_stat_activity
     where datname = current_database() and application_name = 'backstitch test' and state <> 'idle'`,
  );
  return rows.length;
}
