import type { PublicationFacts, ReadDatabase, RelationFacts } from '../check-facts.ts';
import {
  closedOwnersSql,
  databaseSql,
  indexSql,
  nullKeysSql,
  partitionsSql,
  publicationsSql,
  publishedTablesSql,
  relationFactsSql,
  unreadableColumnsSql,
} from './check-queries.ts';
import type {
  DatabaseRow,
  IndexRow,
  NullKeyRow,
  OwnerRow,
  ParentRow,
  PublicationRow,
  PublishedRow,
  RelationFactsRow,
  UnreadableRow,
} from './check-queries.ts';
import type { Connection } from './connection.ts';
import { logDialectOf } from './log/log-dialect.ts';
import { groupBy } from './types.ts';

/** What a preflight needs to know of one database: nine queries, however many tables. Who fails disposes of the connection. */
export async function databaseFacts(
  connection: Connection,
  keyColumns: readonly string[],
  signal: AbortSignal,
): Promise<ReadDatabase> {
  const { dialect, server } = connection;
  const { hasPublications } = logDialectOf(server);
  await connection.query('begin isolation level repeatable read, read only', [], signal);
  if (connection.transactionSettings !== '') await connection.query(connection.transactionSettings, [], signal);
  const [database] = await connection.query<DatabaseRow & Row>(databaseSql, [], signal);
  const relations = await connection.query<RelationFactsRow & Row>(relationFactsSql(dialect), [], signal);
  const partly = relations.filter((row) => row.may_select === 'f' && row.may_select_any === 't').map((row) => row.oid);
  const unreadable =
    partly.length === 0 ? [] : await connection.query<UnreadableRow & Row>(unreadableColumnsSql, [arrayText(partly)], signal);
  const indexes = await connection.query<IndexRow & Row>(indexSql(dialect), [], signal);
  const parents = dialect.hasPartitions ? await connection.query<ParentRow & Row>(partitionsSql, [], signal) : [];
  const publications = hasPublications
    ? await connection.query<PublicationRow & Row>(publicationsSql(server.version), [], signal)
    : [];
  const published = await publishedTables(connection, publications, signal);
  const owners = await connection.query<OwnerRow & Row>(closedOwnersSql, [], signal);
  const nulls =
    keyColumns.length === 0 ? [] : await connection.query<NullKeyRow & Row>(nullKeysSql, [textArray(keyColumns)], signal);
  await connection.query('commit', [], signal);

  const leavesOf = leavesByRoot(relations, parents);
  const columnsOf = groupBy(unreadable, (row) => row.relation);
  const indexesOf = groupBy(indexes, (row) => row.relation);
  return {
    state: 'read',
    name: connection.database,
    encoding: database?.encoding ?? 'UTF8',
    mayCreate: database?.may_create === 't',
    relations: relations.map((row) =>
      relationOf(row, { unreadable: columnsOf.get(row.oid), indexes: indexesOf.get(row.oid), leaves: leavesOf.get(row.oid) }),
    ),
    publications: publications.map((row) => publicationOf(row, published)),
    closedOwners: [...groupBy(owners, (row) => row.owner)].map(([owner, rows]) => ({
      owner,
      schemas: rows.map((row) => row.schema),
    })),
    nullKeys: nulls.map(({ schema, table, column, share }) => ({ schema, table, column, share: Number(share) })),
  };
}

type Row = Record<string, string | null>;

/** Publications of all tables are left out: what they hold is known, and may be long. */
async function publishedTables(
  connection: Connection,
  publications: readonly PublicationRow[],
  signal: AbortSignal,
): Promise<readonly PublishedRow[]> {
  const named = publications.filter((row) => row.all_tables === 'f').map((row) => row.name);
  if (named.length === 0) return [];
  return connection.query<PublishedRow & Row>(publishedTablesSql, [textArray(named)], signal);
}

function relationOf(
  row: RelationFactsRow,
  more: {
    readonly unreadable: readonly UnreadableRow[] | undefined;
    readonly indexes: readonly IndexRow[] | undefined;
    readonly leaves: readonly RelationFactsRow[] | undefined;
  },
): RelationFacts {
  const { unreadable = [], indexes = [], leaves = [] } = more;
  return {
    schema: row.schema,
    table: row.table,
    oid: Number(row.oid),
    kind: KINDS[row.kind] ?? 'table',
    isPartition: row.is_partition === 't',
    isUnlogged: row.is_unlogged === 't',
    isOwned: row.is_owned === 't',
    mayUseSchema: row.may_use_schema === 't',
    maySelect: row.may_select === 't',
    maySelectAny: row.may_select_any === 't',
    unreadable: unreadable.map(({ column }) => column),
    hidesRows: row.hides_rows === 't',
    primaryKey: indexes.filter((index) => index.key_place !== null).map((index) => index.column),
    replicaIdentity: IDENTITIES[row.replica_identity] ?? 'default',
    hasIdentity: row.kind === 'p' ? leaves.every((leaf) => leaf.has_identity === 't') : row.has_identity === 't',
    leaves: leaves.map((leaf) => ({ schema: leaf.schema, table: leaf.table, hasIdentity: leaf.has_identity === 't' })),
    indexed: [
      ...new Set(indexes.filter((index) => index.key_place === null || index.key_place === '0').map((index) => index.column)),
    ],
  };
}

function publicationOf(row: PublicationRow, published: readonly PublishedRow[]): PublicationFacts {
  return {
    name: row.name,
    allTables: row.all_tables === 't',
    publishes: {
      insert: row.publishes_insert === 't',
      update: row.publishes_update === 't',
      delete: row.publishes_delete === 't',
      truncate: row.publishes_truncate === 't',
    },
    isOwned: row.is_owned === 't',
    tables: published.filter((table) => table.publication === row.name).map(({ schema, table }) => ({ schema, table })),
  };
}

/** Leaves of each partitioned table at any depth, by its oid. */
function leavesByRoot(
  relations: readonly RelationFactsRow[],
  parents: readonly ParentRow[],
): ReadonlyMap<string, readonly RelationFactsRow[]> {
  const parentOf = new Map(parents.map(({ child, parent }) => [child, parent]));
  const leaves = new Map<string, RelationFactsRow[]>();
  for (const row of relations) {
    if (row.is_partition !== 't' || row.kind !== 'r') continue;
    for (let above = parentOf.get(row.oid); above !== undefined; above = parentOf.get(above)) {
      const known = leaves.get(above);
      if (known === undefined) leaves.set(above, [row]);
      else known.push(row);
    }
  }
  return leaves;
}

function arrayText(oids: readonly string[]): string {
  return `{${oids.join(',')}}`;
}

/** Names as an array literal. https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
function textArray(names: readonly string[]): string {
  return `{${names.map((name) => `"${name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(',')}}`;
}

const KINDS: Readonly<Record<string, RelationFacts['kind']>> = {
  r: 'table',
  p: 'partitioned-table',
  v: 'view',
  m: 'materialized-view',
  f: 'foreign-table',
};
const IDENTITIES: Readonly<Record<string, RelationFacts['replicaIdentity']>> = {
  d: 'default',
  i: 'index',
  f: 'full',
  n: 'nothing',
};
