import type { PublishedTable } from '../../log-session.ts';
import { quoteIdentifier, quoteLiteral, quoteRelation } from '../quote.ts';
import type { LogDialect } from './log-dialect.ts';
import type { Publication } from './publication-state.ts';
import type { RelationFacts } from './table-facts.ts';

/** A relation as it has to be in a publication. */
export interface PublishedRelation {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly isPartitioned: boolean;
  /** Only these columns (15+); undefined: all, those that come later included. */
  readonly columns: readonly string[] | undefined;
}

/** What a pair of publications has to hold. */
export interface WantedPublications {
  /** Relations whose updates and deletes can be told. */
  readonly all: readonly PublishedRelation[];
  /** Relations without a replica identity. PostgreSQL refuses their updates and deletes *to everyone* while a publication holds them that publishes such changes. */
  readonly inserts: readonly PublishedRelation[];
}

/** The publication beside `name` for relations that only inserts can be told of. At most 63 bytes, as all names of PostgreSQL. */
export function insertsPublication(name: string): string {
  return `${name.slice(0, 55)}_inserts`;
}

/**
 * What the publications have to hold for these tables. Pure. Partitioned tables by their root, or before 13 by each leaf. Unlogged relations cannot be published, and are left out.
 *
 * Column lists leave out columns only of tables with a primary key: a new column, which a list does not have until the next job, is read again by that key. They hold all
 * columns of the identity, without which the server would refuse updates; under REPLICA IDENTITY FULL that is all columns, so there is none.
 */
export function wantedPublications(
  tables: readonly PublishedTable[],
  facts: ReadonlyMap<number, RelationFacts>,
  dialect: Pick<LogDialect, 'publishesRoots' | 'hasColumnLists'>,
): WantedPublications {
  const all: PublishedRelation[] = [];
  const inserts: PublishedRelation[] = [];
  for (const { table, columns } of tables) {
    const root = facts.get(table.oid);
    if (root === undefined || root.isUnlogged) continue;
    const leaves = table.storage.flatMap(({ oid }) => facts.get(oid) ?? []).filter((leaf) => !leaf.isUnlogged);
    const parts = leaves.length === 0 ? [root] : leaves;
    const named = root.isPartitioned && !dialect.publishesRoots ? leaves : [root];
    for (const relation of named) {
      const holders = relation === root ? parts : [relation];
      const hasIdentity = holders.every((part) => part.identity !== 'nothing');
      const list =
        dialect.hasColumnLists && hasIdentity && table.primaryKey.length > 0 ? columnList(columns, [root, ...parts]) : undefined;
      const { oid, schema, isPartitioned } = relation;
      (hasIdentity ? all : inserts).push({ oid, schema, table: relation.table, isPartitioned, columns: list });
    }
  }
  return { all, inserts };
}

function columnList(selected: readonly string[], relations: readonly RelationFacts[]): readonly string[] | undefined {
  const [root] = relations;
  if (root === undefined || relations.some((relation) => relation.identity === 'full')) return undefined;
  const wanted = new Set([...selected, ...relations.flatMap((relation) => relation.identityColumns)]);
  const list = root.columns.filter((column) => wanted.has(column));
  return list.length === root.columns.length ? undefined : list;
}

/** Statements that give a publication exactly these relations and settings; none where it has them. Pure. */
export function publicationSql(
  name: string,
  kind: keyof WantedPublications,
  wanted: readonly PublishedRelation[],
  now: Publication | undefined,
  dialect: LogDialect,
): readonly string[] {
  const publication = quoteIdentifier(name);
  const settings = settingsOf(kind, dialect);
  const list = wanted.map(relationSql).join(', ');
  if (now === undefined) {
    const tables = list === '' ? '' : ` for table ${list}`;
    return [
      `create publication ${publication}${tables} with (${settings.map(([key, value]) => `${key} = ${value}`).join(', ')})`,
    ];
  }
  const statements: string[] = [];
  const differing = settings.filter(([key, value]) => now.settings.get(key) !== value);
  if (differing.length > 0)
    statements.push(`alter publication ${publication} set (${differing.map(([key, value]) => `${key} = ${value}`).join(', ')})`);
  // All tables are what the database has: nothing can be taken away from that, and nothing is missing.
  if (now.isForAll || isSame(wanted, now)) return statements;
  if (list !== '') return [...statements, `alter publication ${publication} set table ${list}`];
  if (now.relations.length > 0)
    statements.push(`alter publication ${publication} drop table ${now.relations.map(plainSql).join(', ')}`);
  if (now.schemas.length > 0)
    statements.push(`alter publication ${publication} drop tables in schema ${now.schemas.map(quoteIdentifier).join(', ')}`);
  return statements;
}

/**
 * Relations whose changes do not all come through the publications as they are, whoever made them. Pure. A row filter would lose something; a relation that is also published
 * in a way that we would not is no loss. `changes`: a column list loses none of them, whatever it leaves out. `values`: nor does it leave out a column that is wanted.
 */
export function uncovered(
  what: 'changes' | 'values',
  wanted: WantedPublications,
  publications: readonly Publication[],
  dialect: LogDialect,
): readonly PublishedRelation[] {
  const covers = (kind: keyof WantedPublications, relation: PublishedRelation): boolean =>
    publications.some((publication) => {
      const kinds = publication.settings.get('publish') ?? '';
      if (!publishOf(kind, dialect).every((needed) => kinds.includes(needed))) return false;
      if (publication.isForAll || publication.schemas.includes(relation.schema)) return true;
      const held = publication.relations.find(({ oid }) => oid === relation.oid);
      if (held === undefined || held.hasFilter) return false;
      if (what === 'changes') return true;
      return held.columns === undefined || (relation.columns?.every((column) => held.columns?.includes(column)) ?? false);
    });
  return [
    ...wanted.all.filter((relation) => !covers('all', relation)),
    ...wanted.inserts.filter((relation) => !covers('inserts', relation)),
  ];
}

/** The settings as PostgreSQL takes them and as {@link Publication} has them. */
function settingsOf(kind: keyof WantedPublications, dialect: LogDialect): readonly (readonly [key: string, value: string])[] {
  const settings: (readonly [string, string])[] = [['publish', quoteLiteral(publishOf(kind, dialect).join(', '))]];
  if (dialect.publishesRoots) settings.push(['publish_via_partition_root', 'true']);
  if (dialect.publishesGenerated) settings.push(['publish_generated_columns', 'stored']);
  return settings;
}

function publishOf(kind: keyof WantedPublications, dialect: LogDialect): readonly string[] {
  const truncate = dialect.publishesTruncate ? ['truncate'] : [];
  return kind === 'all' ? ['insert', 'update', 'delete', ...truncate] : ['insert', ...truncate];
}

function isSame(wanted: readonly PublishedRelation[], now: Publication): boolean {
  if (now.schemas.length > 0 || now.relations.length !== wanted.length) return false;
  return wanted.every((relation) => {
    const held = now.relations.find(({ oid }) => oid === relation.oid);
    return held !== undefined && !held.hasFilter && sameColumns(relation.columns, held.columns);
  });
}

function sameColumns(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((column) => b.includes(column));
}

function relationSql(relation: PublishedRelation): string {
  const columns = relation.columns === undefined ? '' : ` (${relation.columns.map(quoteIdentifier).join(', ')})`;
  return `${plainSql(relation)}${columns}`;
}

/** Children of a table that is inherited from are tables of their own. */
function plainSql(relation: { readonly schema: string; readonly table: string; readonly isPartitioned: boolean }): string {
  return relation.isPartitioned ? quoteRelation(relation) : `only ${quoteRelation(relation)}`;
}
