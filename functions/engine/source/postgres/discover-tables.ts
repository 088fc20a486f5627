import type { Column, RelationKind, Storage, Table } from '../../model/catalog.ts';
import { ReplicationError } from '../../model/errors.ts';
import type { Connection } from './connection.ts';
import type { Dialect } from './dialect.ts';
import { columnsSql, descendantsSql, keysSql, pagesSql, relationsSql } from './discover-queries.ts';
import type { ColumnRow, DescendantRow, KeyRow, RelationRow } from './discover-queries.ts';
import { attributesSql, enumLabelsSql, groupBy, typeResolver, typesSql } from './types.ts';
import type { AttributeRow, EnumLabelRow, TypeResolver, TypeRow } from './types.ts';

/** All that was read of one database before it becomes tables. */
interface Found {
  readonly relations: readonly RelationRow[];
  readonly columns: ReadonlyMap<string, readonly ColumnRow[]>;
  readonly keys: ReadonlyMap<string, KeyRow>;
  readonly descendants: ReadonlyMap<string, readonly DescendantRow[]>;
  readonly resolve: TypeResolver;
  /** By oid; absent where the size could not be asked for. */
  readonly pages: ReadonlyMap<string, number>;
  readonly blockBytes: number;
  readonly dialect: Dialect;
}

/**
 * Every relation that the role may read in the database of this connection, in the order of schema and name. At most ten queries, however many tables.
 *
 * A table is what `select ... from` it gives. So a table that others inherit from contains their rows, and they are tables of their own as well;
 * its `storage` then lists itself and all of them, each to be read with ONLY, as it lists the leaves of a partitioned table. `storage` is empty, and the relation
 * can be read only as a whole through its root, where reading the parts by name would be refused or would give other rows: a leaf without SELECT or USAGE of its own,
 * row-level security on root or leaf, a foreign leaf, a TimescaleDB hypertable.
 */
export async function discoverTables(connection: Connection, signal: AbortSignal): Promise<readonly Table[]> {
  const found = await inTransaction(connection, signal, () => readCatalog(connection, signal));
  const stored = [...found.relations, ...[...found.descendants.values()].flat()].filter(
    (row) => row.kind === 'r' || row.kind === 'm',
  );
  const pages = await readPages(connection, [...new Set(stored.map((row) => row.oid))], signal);
  const all = { ...found, pages };
  return found.relations.map((relation) => tableOf(relation, connection.database, all));
}

/** Runs `work` in one snapshot. Does not roll back: who fails disposes of the connection. */
async function inTransaction<T>(connection: Connection, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  await connection.query('begin isolation level repeatable read, read only', [], signal);
  if (connection.transactionSettings !== '') await connection.query(connection.transactionSettings, [], signal);
  const result = await work();
  await connection.query('commit', [], signal);
  return result;
}

async function readCatalog(connection: Connection, signal: AbortSignal): Promise<Omit<Found, 'pages'>> {
  const { dialect, server } = connection;
  const relations = await connection.query<RelationRow>(relationsSql(dialect, server.inRecovery), [], signal);
  const oids = arrayText(relations.map((row) => row.oid));
  const parents = relations.filter((row) => row.has_children === 't');
  const columns = await connection.query<ColumnRow>(
    columnsSql(dialect),
    [oids, arrayText(relations.map((row) => row.whole))],
    signal,
  );
  const keys = await connection.query<KeyRow>(keysSql(dialect), [oids], signal);
  const descendants =
    parents.length === 0
      ? []
      : await connection.query<DescendantRow>(descendantsSql(dialect), [arrayText(parents.map((row) => row.oid))], signal);
  const [block] = await connection.query<{ readonly bytes: string }>(`select current_setting('block_size') as bytes`, [], signal);
  return {
    relations,
    columns: groupBy(columns, (row) => row.relation),
    keys: new Map(keys.map((row) => [row.relation, row])),
    descendants: groupBy(descendants, (row) => row.root),
    resolve: await readTypes(connection, [...new Set(columns.map((row) => row.type))], signal),
    blockBytes: Number(block?.bytes ?? 8192),
    dialect,
  };
}

async function readTypes(connection: Connection, oids: readonly string[], signal: AbortSignal): Promise<TypeResolver> {
  const types = await connection.query<TypeRow>(typesSql, [arrayText(oids)], signal);
  const enums = types.filter((type) => type.kind === 'e').map((type) => type.oid);
  const composites = types.filter((type) => type.kind === 'c').map((type) => type.relation);
  const labels = enums.length === 0 ? [] : await connection.query<EnumLabelRow>(enumLabelsSql, [arrayText(enums)], signal);
  const attributes =
    composites.length === 0 ? [] : await connection.query<AttributeRow>(attributesSql, [arrayText(composites)], signal);
  return typeResolver(types, labels, attributes);
}

/** Longest wait for sizes; the statistics do instead. Services that keep tables on the network take a millisecond per table. */
const SIZES_TIMEOUT_MS = 5_000;

async function readPages(
  connection: Connection,
  oids: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  try {
    const rows = await inTransaction(connection, signal, async () => {
      await connection.query(`set local lock_timeout = 500; set local statement_timeout = ${SIZES_TIMEOUT_MS}`, [], signal);
      return connection.query<{ readonly oid: string; readonly pages: string | null }>(pagesSql, [arrayText(oids)], signal);
    });
    // NULL: dropped since.
    return new Map(rows.flatMap((row) => (row.pages === null ? [] : [[row.oid, Number(row.pages)] as const])));
  } catch (error) {
    const isOverdue = error instanceof ReplicationError && (error.code === 'table-locked' || error.code === 'query-cancelled');
    if (!isOverdue) throw error;
    await connection.query('rollback', [], signal);
    return new Map();
  }
}

function tableOf(relation: RelationRow, database: string, found: Found): Table {
  const kind = KINDS[relation.kind] ?? 'table';
  const columns = (found.columns.get(relation.oid) ?? []).map((row) => columnOf(row, kind, found.resolve));
  const below = found.descendants.get(relation.oid) ?? [];
  const parts =
    kind === 'table' || kind === 'materialized-view' ? [relation, ...below] : kind === 'partitioned-table' ? below : [];
  const isRowSecure = relation.row_security === 't';
  const isReadByParts = below.length === 0 || (!isRowSecure && below.every((part) => part.readable === 't'));
  const estimatedRows = rowsOf(kind === 'foreign-table' ? [relation] : parts, found.dialect);
  return {
    name: { database, schema: relation.schema, table: relation.table },
    oid: Number(relation.oid),
    kind,
    columns,
    primaryKey: keyOf(found.keys.get(relation.oid), columns),
    replicaIdentity: IDENTITIES[relation.replica_identity] ?? 'default',
    ...(estimatedRows === undefined ? {} : { estimatedRows }),
    bytes: parts.reduce((bytes, part) => bytes + pagesOf(part, found) * found.blockBytes, 0),
    storage: isReadByParts ? parts.map((part) => storageOf(part, found)) : [],
    rowSecurity: isRowSecure,
  };
}

function columnOf(row: ColumnRow, kind: RelationKind, resolve: TypeResolver): Column {
  const generated = GENERATED[row.generated] ?? 'no';
  const isStored = kind !== 'view' && kind !== 'foreign-table' && generated !== 'virtual';
  return {
    name: row.name,
    position: Number(row.position),
    type: resolve(row.type, Number(row.modifier)),
    sqlType: row.sql_type,
    ...(row.domain === null ? {} : { domain: row.domain }),
    nullable: row.not_null !== 't',
    generated,
    identity: row.identity === 't',
    toastable: isStored && row.toastable === 't',
  };
}

function keyOf(row: KeyRow | undefined, columns: readonly Column[]): readonly string[] {
  if (row === undefined) return [];
  const positions = row.positions.split(' ').slice(0, Number(row.length)).map(Number);
  const names = positions.map((position) => columns.find((column) => column.position === position)?.name);
  // Half a key identifies nothing.
  return names.every((name) => name !== undefined) ? names : [];
}

function storageOf(part: RelationRow | DescendantRow, found: Found): Storage {
  return { schema: part.schema, table: part.table, oid: Number(part.oid), pages: pagesOf(part, found) };
}

function pagesOf(part: RelationRow | DescendantRow, found: Found): number {
  return part.kind === 'f' ? 0 : (found.pages.get(part.oid) ?? Number(part.pages));
}

function rowsOf(parts: readonly (RelationRow | DescendantRow)[], dialect: Dialect): number | undefined {
  const isKnown = (part: RelationRow | DescendantRow): boolean =>
    dialect.marksNeverAnalyzed ? Number(part.estimated_rows) >= 0 : Number(part.estimated_rows) > 0 || Number(part.pages) > 0;
  if (parts.length === 0 || !parts.every(isKnown)) return undefined;
  return parts.reduce((rows, part) => rows + Number(part.estimated_rows), 0);
}

function arrayText(oids: readonly string[]): string {
  return `{${oids.join(',')}}`;
}

const KINDS: Readonly<Record<string, RelationKind>> = {
  r: 'table',
  p: 'partitioned-table',
  v: 'view',
  m: 'materialized-view',
  f: 'foreign-table',
};
const IDENTITIES: Readonly<Record<string, Table['replicaIdentity']>> = { d: 'default', i: 'index', f: 'full', n: 'nothing' };
const GENERATED: Readonly<Record<string, Column['generated']>> = { s: 'stored', v: 'virtual' };
