import type { IntegrationConfig, QualifiedName } from '../config/config.ts';
import type { DatabaseFacts, ReadDatabase, RelationFacts } from '../source/check-facts.ts';

/** A relation of the server, and the database that it is in. */
export interface Located {
  readonly database: ReadDatabase;
  readonly relation: RelationFacts;
}

/** The databases that could be looked into. */
export function readDatabases(databases: readonly DatabaseFacts[]): readonly ReadDatabase[] {
  return databases.filter((database) => database.state === 'read');
}

/** Finds relations by as many parts as a name has, readable or not. Quick for any number of names. */
export function relationFinder(databases: readonly DatabaseFacts[]): (name: QualifiedName) => readonly Located[] {
  const byTable = new Map<string, Located[]>();
  for (const database of readDatabases(databases)) {
    for (const relation of database.relations) {
      const known = byTable.get(relation.table);
      if (known === undefined) byTable.set(relation.table, [{ database, relation }]);
      else known.push({ database, relation });
    }
  }
  return (name) =>
    (byTable.get(name.table) ?? []).filter(
      ({ database, relation }) =>
        (name.schema === undefined || name.schema === relation.schema) &&
        (name.database === undefined || name.database === database.name),
    );
}

/** Where a name of the configuration most likely points without a look at the server: the database that is connected to first, the schema `public`. */
export function guessedName(name: QualifiedName, { connection }: IntegrationConfig): Required<QualifiedName> {
  const { database, databases } = connection;
  const [only, ...others] = databases ?? [database];
  return {
    database: name.database ?? (others.length === 0 ? only : undefined) ?? database,
    schema: name.schema ?? 'public',
    table: name.table,
  };
}
