import type { IntegrationConfig, QualifiedName } from '../config/config.ts';
import { suggest } from '../config/suggest.ts';
import { formatTableName } from '../config/table-name.ts';
import type { Catalog, Table } from '../model/catalog.ts';
import { ReplicationError } from '../model/errors.ts';
import { streamId } from '../model/stream.ts';

/** What a name of the configuration stands for. */
export type NamedRelation =
  | { readonly kind: 'found'; readonly table: Table }
  /** A partition of a root that is a stream. */
  | { readonly kind: 'partition'; readonly id: string; readonly root: Table }
  | { readonly kind: 'missing'; readonly id: string; readonly error: ReplicationError };

export interface NameIndex {
  /** Finds the relation that an entry means. `kind` is what the entry calls it. */
  find(name: QualifiedName, kind: 'table' | 'view'): NamedRelation;
}

/** So many missing names get a hint; looking for near names takes time when thousands are wrong. */
const MAX_HINTS = 20;

/** Looks up relations by as many parts as the user gave, whatever the size of the catalog. */
export function indexNames(catalog: Catalog, integration: IntegrationConfig): NameIndex {
  const tables = catalog.databases.flatMap((database) => (database.state === 'read' ? database.tables : []));
  const byName = new Map<string, Table[]>();
  const leaves = new Map<string, { readonly id: string; readonly root: Table }>();
  for (const table of tables) {
    for (const name of shorterNames(table.name)) push(byName, name, table);
    if (table.kind !== 'partitioned-table') continue;
    for (const { schema, table: leaf } of table.storage) {
      const name = { database: table.name.database, schema, table: leaf };
      for (const shorter of shorterNames(name)) leaves.set(shorter, { id: streamId(name), root: table });
    }
  }
  let hints = 0;
  const nearest = (name: QualifiedName): string => {
    hints += 1;
    // In as many parts as the name has.
    const form = name.database === undefined ? (name.schema === undefined ? 2 : 1) : 0;
    const meant =
      hints > MAX_HINTS
        ? undefined
        : suggest(formatTableName(name), new Set(tables.map((table) => shorterNames(table.name)[form] ?? '')));
    return meant === undefined ? '' : `; did you mean ${meant}?`;
  };

  return {
    find: (name, kind) => {
      const text = formatTableName(name);
      const all = byName.get(text) ?? [];
      // Where a bare name is both a table and a view, the entry says which one is meant.
      const fitting = all.filter((table) => isView(table) === (kind === 'view'));
      const [table, second] = fitting;
      if (table !== undefined && second === undefined) return { kind: 'found', table };
      if (second !== undefined)
        return { kind: 'missing', id: guessedId(name, catalog, integration), error: ambiguous(text, fitting) };

      const leaf = leaves.get(text);
      if (leaf !== undefined) return { kind: 'partition', ...leaf };
      const [other] = all;
      const hint =
        other === undefined
          ? nearest(name)
          : `; it is a ${words(other.kind)}: write ${isView(other) ? 'view' : 'table'}: ${text}`;
      return { kind: 'missing', id: guessedId(name, catalog, integration), error: missing(name, catalog, integration, hint) };
    },
  };
}

/** `view` in the configuration means views and materialized views. */
export function isView(table: Table): boolean {
  return table.kind === 'view' || table.kind === 'materialized-view';
}

/** A kind of relation in words. */
export function words(kind: Table['kind']): string {
  return kind.replace('-', ' ');
}

function missing(name: QualifiedName, catalog: Catalog, integration: IntegrationConfig, hint: string): ReplicationError {
  const { host, port, user } = integration.connection;
  const away = catalog.databases.find((entry) => entry.state === 'unreachable' && entry.name === name.database);
  if (away?.state === 'unreachable')
    return new ReplicationError('database-missing', { database: away.name, host, port, user, sqlstate: away.code });
  const databases = catalog.databases.map((entry) =>
    entry.state === 'read' ? entry.name : `${entry.name} (which could not be reached)`,
  );
  const { schema = 'public', table } = name;
  return new ReplicationError('table-missing', {
    table: formatTableName(name),
    databases: name.database ?? (databases.length === 0 ? 'any database' : databases.join(', ')),
    user,
    schema: sqlName(schema),
    relation: `${sqlName(schema)}.${sqlName(table)}`,
    hint,
  });
}

function ambiguous(text: string, tables: readonly Table[]): ReplicationError {
  const ids = tables.map((table) => streamId(table.name));
  const shown = ids.length > 5 ? [...ids.slice(0, 5), `${ids.length - 5} more`] : ids;
  return new ReplicationError('table-ambiguous', { table: text, databases: shown.join(', '), example: ids[0] ?? text });
}

/** The id that the state of a stream most likely has, so that one that was dropped at its source is told from a name that never was. */
function guessedId(name: QualifiedName, catalog: Catalog, integration: IntegrationConfig): string {
  const [only, ...others] = catalog.databases;
  const database = name.database ?? (others.length === 0 ? only?.name : undefined) ?? integration.connection.database;
  return streamId({ database, schema: name.schema ?? 'public', table: name.table });
}

function shorterNames(name: Table['name']): readonly string[] {
  const { schema, table } = name;
  return [formatTableName(name), formatTableName({ schema, table }), formatTableName({ table })];
}

function push(map: Map<string, Table[]>, key: string, table: Table): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [table]);
  else list.push(table);
}

/** An identifier as SQL needs it. */
function sqlName(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
