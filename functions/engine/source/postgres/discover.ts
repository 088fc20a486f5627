import type { Catalog, DatabaseEntry, ServerInfo, Table } from '../../model/catalog.ts';
import { ReplicationError, asUnexpected } from '../../model/errors.ts';
import type { Connection } from './connection.ts';
import { databasesSql } from './discover-queries.ts';
import { discoverTables } from './discover-tables.ts';
import type { Endpoint } from './sqlstate.ts';

export interface DiscoverRequest {
  readonly endpoint: Endpoint;
  /** Where to connect first. */
  readonly database: string;
  /** The only databases to look into. @default all that the role may connect to, but for templates and those of cloud services */
  readonly databases?: readonly string[];
  /** Opens a connection within the budget. */
  readonly open: (database: string, signal: AbortSignal) => Promise<Connection>;
  readonly now: () => Date;
}

/** Databases that managed services keep for themselves: RDS, Cloud SQL, AlloyDB, Azure, DigitalOcean. */
const SERVICE_DATABASES: readonly string[] = [
  'rdsadmin',
  'cloudsqladmin',
  'alloydbadmin',
  'alloydbmetadata',
  'azure_maintenance',
  'azure_sys',
  '_dodb',
];

/**
 * Structure sync of a server. A database that cannot be looked into becomes an `unreachable` entry, one that was asked for and does not exist included.
 * Throws what connecting throws where no database could be read, and `nothing-discovered` where none has a table for this role.
 */
export async function discover(request: DiscoverRequest, signal: AbortSignal): Promise<Catalog> {
  const at = request.now().toISOString();
  const { server, names } = await listDatabases(request, signal);
  const looks = await Promise.all(names.map((name) => look(name, request, signal)));
  const failed = looks.filter((entry) => 'error' in entry);
  const read = looks.filter((entry) => 'tables' in entry);
  if (read.length === 0 && failed[0] !== undefined) throw failed[0].error;
  if (read.every((entry) => entry.tables.length === 0)) {
    const databases = looks.map((entry) => `"${entry.name}"${'error' in entry ? ` (${entry.error.code})` : ''}`).join(', ');
    throw new ReplicationError('nothing-discovered', { databases, user: request.endpoint.user });
  }
  return { server, databases: looks.map(entryOf), at };
}

type Look =
  { readonly name: string; readonly tables: readonly Table[] } | { readonly name: string; readonly error: ReplicationError };

async function listDatabases(
  request: DiscoverRequest,
  signal: AbortSignal,
): Promise<{ readonly server: ServerInfo; readonly names: readonly string[] }> {
  await using connection = await request.open(request.database, signal);
  return { server: connection.server, names: await databaseNames(connection, request.databases, signal) };
}

/** The databases to look into: those asked for, else all that the role may connect to, but for templates and those of cloud services. */
export async function databaseNames(
  connection: Connection,
  asked: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (asked !== undefined) return [...new Set(asked)];
  const rows = await connection.query<{ readonly name: string; readonly may_connect: string; readonly is_template: string }>(
    databasesSql,
    [],
    signal,
  );
  const isWanted = (row: (typeof rows)[number]): boolean =>
    row.may_connect === 't' && row.is_template === 'f' && !SERVICE_DATABASES.includes(row.name);
  return rows.filter(isWanted).map((row) => row.name);
}

async function look(name: string, request: DiscoverRequest, signal: AbortSignal): Promise<Look> {
  try {
    await using connection = await request.open(name, signal);
    return { name, tables: await discoverTables(connection, signal) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ReplicationError)) throw error;
    return { name, error: asUnexpected(error) };
  }
}

function entryOf(entry: Look): DatabaseEntry {
  return 'error' in entry
    ? { state: 'unreachable', name: entry.name, code: entry.error.code, message: entry.error.message }
    : { state: 'read', name: entry.name, tables: entry.tables };
}
