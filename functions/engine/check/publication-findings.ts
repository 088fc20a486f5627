import { insertsPublicationName } from '../plan/slot-name.ts';
import type { PublicationFacts, RelationFacts, ServerFacts } from '../source/check-facts.ts';
import type { Finding } from './finding.ts';
import { some } from './finding.ts';
import type { LogDatabase } from './log-plan.ts';
import { identifier, relationName } from './sql-text.ts';

/** Whether the publication that pgoutput reads through is there and holds every log-based table, or can be made so by the role itself. Pure. */
export function publicationFindings(server: ServerFacts, databases: readonly LogDatabase[]): readonly Finding[] {
  // A slot that is still to be made may turn out to use wal2json, which needs no publication.
  return databases.flatMap((database) =>
    database.plugin === 'wal2json' || server.version < 100_000 ? [] : publicationOf(server, database),
  );
}

function publicationOf(server: ServerFacts, database: LogDatabase): readonly Finding[] {
  const { facts, slotName, streams, plugin } = database;
  const relations = streams.map(({ relation }) => relation).filter((relation) => !relation.isUnlogged);
  const main = facts.publications.find(({ name }) => name === slotName);
  const inserts = facts.publications.find(({ name }) => name === insertsPublicationName(slotName));
  const missing = relations.filter(
    (relation) =>
      ![main, inserts].some((publication) => publication !== undefined && covers(publication, relation, server.version)),
  );
  if (main !== undefined && missing.length === 0) return [];
  const mayChange =
    (main === undefined ? facts.mayCreate : main.isOwned) && (inserts === undefined ? facts.mayCreate : inserts.isOwned);
  if (server.role.isSuperuser || (mayChange && missing.every((relation) => relation.isOwned))) return [];
  const isCertain = plugin === 'pgoutput';
  return [
    {
      severity: isCertain ? 'error' : 'warning',
      code: 'publication-right-missing',
      area: 'log',
      what: `${main === undefined ? `There is no publication "${slotName}"` : `The publication "${slotName}" does not let every change of ${some(missing.map((relation) => `${relation.schema}.${relation.table}`))} through`}, and "${server.role.name}" may not change that.`,
      where: facts.name,
      why: isCertain
        ? 'pgoutput sends only what is published; only the owner of a table, or a superuser, may publish it.'
        : 'If the server cannot load wal2json, pgoutput is used, which sends only what is published.',
      fix: {
        kind: 'sql',
        text: [
          ...publicationSql(
            main ?? slotName,
            missing.filter(({ hasIdentity }) => hasIdentity),
            'all',
            server.version,
          ),
          ...(missing.every(({ hasIdentity }) => hasIdentity)
            ? []
            : publicationSql(
                inserts ?? insertsPublicationName(slotName),
                missing.filter(({ hasIdentity }) => !hasIdentity),
                'inserts',
                server.version,
              )),
        ].join('\n'),
      },
    },
  ];
}

/** Whether everything of a relation that can be told comes through. A partitioned table is published by itself (13+), or by all of its leaves. */
function covers(publication: PublicationFacts, relation: RelationFacts, version: number): boolean {
  const { publishes } = publication;
  const isEnough =
    publishes.insert &&
    (version < 110_000 || publishes.truncate) &&
    (!relation.hasIdentity || (publishes.update && publishes.delete));
  if (!isEnough) return false;
  if (publication.allTables) return true;
  const has = ({ schema, table }: { readonly schema: string; readonly table: string }): boolean =>
    publication.tables.some((published) => published.schema === schema && published.table === table);
  return has(relation) || (relation.leaves.length > 0 && relation.leaves.every(has));
}

/** Statements that make a publication, or one that there is already, let these tables through. Before 13 leaves are published in place of their root. */
function publicationSql(
  known: PublicationFacts | string,
  relations: readonly RelationFacts[],
  kind: 'all' | 'inserts',
  version: number,
): readonly string[] {
  const places = relations.flatMap((relation) =>
    relation.kind === 'partitioned-table' && version < 130_000 ? relation.leaves : [relation],
  );
  const list = places.map(relationName).join(', ');
  const kinds = [
    ...(kind === 'all' ? ['insert', 'update', 'delete'] : ['insert']),
    ...(version >= 110_000 ? ['truncate'] : []),
  ].join(', ');
  if (typeof known === 'string') {
    const settings = [
      `publish = '${kinds}'`,
      ...(version >= 130_000 ? ['publish_via_partition_root = true'] : []),
      ...(version >= 180_000 ? ['publish_generated_columns = stored'] : []),
    ];
    return [`create publication ${identifier(known)}${list === '' ? '' : ` for table ${list}`} with (${settings.join(', ')});`];
  }
  const name = identifier(known.name);
  const isHeld = (place: { readonly schema: string; readonly table: string }): boolean =>
    known.allTables || known.tables.some(({ schema, table }) => schema === place.schema && table === place.table);
  const absent = places.filter((place) => !isHeld(place));
  return [
    ...(absent.length === 0 ? [] : [`alter publication ${name} add table ${absent.map(relationName).join(', ')};`]),
    ...(absent.length === places.length ? [] : [`alter publication ${name} set (publish = '${kinds}');`]),
  ];
}
