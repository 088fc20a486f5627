import { quoteLiteral } from '../quote.ts';
import type { Connection } from '../connection.ts';
import type { LogDialect } from './log-dialect.ts';
import { logDialectOf } from './log-dialect.ts';

/** A publication as the server has it. */
export interface Publication {
  readonly name: string;
  readonly isForAll: boolean;
  /** Whether this role owns it (or is a superuser) and so may change it. */
  readonly isOurs: boolean;
  /** `publish`, `publish_via_partition_root`, `publish_generated_columns`, as they are written in SQL. */
  readonly settings: ReadonlyMap<string, string>;
  readonly relations: readonly HeldRelation[];
  /** Schemas that it holds all tables of (15+). */
  readonly schemas: readonly string[];
}

export interface HeldRelation {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly isPartitioned: boolean;
  /** Undefined: all. */
  readonly columns: readonly string[] | undefined;
  readonly hasFilter: boolean;
}

interface PublicationRow {
  readonly oid: string;
  readonly is_for_all: string;
  readonly is_ours: string;
  readonly inserts: string;
  readonly updates: string;
  readonly deletes: string;
  readonly truncates: string | null;
  readonly via_root: string | null;
  readonly generated: string | null;
}

/** The publication of this name in the database of the connection; undefined if there is none. */
export async function publicationState(
  connection: Connection,
  name: string,
  signal: AbortSignal,
): Promise<Publication | undefined> {
  const dialect = logDialectOf(connection.server);
  const [row] = await connection.query<PublicationRow & Record<string, string | null>>(
    `select p.oid, p.puballtables as is_for_all, pg_catalog.pg_has_role(p.pubowner, 'usage') as is_ours,
            p.pubinsert as inserts, p.pubupdate as updates, p.pubdelete as deletes,
            ${dialect.publishesTruncate ? 'p.pubtruncate' : 'null'} as truncates, ${dialect.publishesRoots ? 'p.pubviaroot' : 'null'} as via_root,
            ${dialect.publishesGenerated ? 'p.pubgencols' : 'null'} as generated
     from pg_catalog.pg_publication p where p.pubname = $1`,
    [name],
    signal,
  );
  if (row === undefined) return undefined;
  return {
    name,
    isForAll: row.is_for_all === 't',
    isOurs: row.is_ours === 't',
    settings: settingsOf(row),
    relations: await heldRelations(connection, row.oid, dialect, signal),
    schemas: dialect.hasColumnLists ? await heldSchemas(connection, row.oid, signal) : [],
  };
}

function settingsOf(row: PublicationRow): ReadonlyMap<string, string> {
  const kinds = [
    row.inserts === 't' ? 'insert' : '',
    row.updates === 't' ? 'update' : '',
    row.deletes === 't' ? 'delete' : '',
    row.truncates === 't' ? 'truncate' : '',
  ].filter((kind) => kind !== '');
  const settings = new Map([['publish', quoteLiteral(kinds.join(', '))]]);
  if (row.via_root !== null) settings.set('publish_via_partition_root', row.via_root === 't' ? 'true' : 'false');
  // pg_publication.pubgencols: n(one), s(tored)
  if (row.generated !== null) settings.set('publish_generated_columns', row.generated === 's' ? 'stored' : 'none');
  return settings;
}

async function heldRelations(
  connection: Connection,
  publication: string,
  dialect: LogDialect,
  signal: AbortSignal,
): Promise<readonly HeldRelation[]> {
  const lists = dialect.hasColumnLists
    ? `r.prqual is not null as has_filter,
       (select pg_catalog.json_agg(a.attname order by a.attnum)
        from pg_catalog.pg_attribute a where a.attrelid = r.prrelid and a.attnum = any (r.prattrs)) as columns`
    : 'false as has_filter, null::pg_catalog.json as columns';
  const rows = await connection.query<
    Record<'oid' | 'schema' | 'table' | 'kind' | 'has_filter', string> & { readonly columns: string | null }
  >(
    `select c.oid, n.nspname as schema, c.relname as table, c.relkind as kind, ${lists}
     from pg_catalog.pg_publication_rel r
     join pg_catalog.pg_class c on c.oid = r.prrelid
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where r.prpubid = $1::pg_catalog.oid`,
    [publication],
    signal,
  );
  return rows.map((row) => ({
    oid: Number(row.oid),
    schema: row.schema,
    table: row.table,
    isPartitioned: row.kind === 'p',
    columns: row.columns === null ? undefined : (JSON.parse(row.columns) as readonly string[]),
    hasFilter: row.has_filter === 't',
  }));
}

async function heldSchemas(connection: Connection, publication: string, signal: AbortSignal): Promise<readonly string[]> {
  const rows = await connection.query<{ readonly schema: string }>(
    `select n.nspname as schema from pg_catalog.pg_publication_namespace p
     join pg_catalog.pg_namespace n on n.oid = p.pnnspid where p.pnpubid = $1::pg_catalog.oid`,
    [publication],
    signal,
  );
  return rows.map((row) => row.schema);
}
