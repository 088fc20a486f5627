import type { Table } from '../../../model/catalog.ts';
import type { Connection } from '../connection.ts';
import { logDialectOf } from './log-dialect.ts';

/** What of a table, or of a leaf of a partitioned one, decides how it goes through the log. */
export interface RelationFacts {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly isPartitioned: boolean;
  readonly isUnlogged: boolean;
  /** What it comes to: `nothing` also where an index or a primary key is named and there is none. */
  readonly identity: 'key' | 'index' | 'full' | 'nothing';
  /** Columns of the identity, in the order of the table; all of them under `full` are not listed. */
  readonly identityColumns: readonly string[];
  /** Columns that the server can publish, in the order of the table. */
  readonly columns: readonly string[];
}

interface FactsRow {
  readonly oid: string;
  readonly schema: string;
  readonly table: string;
  readonly kind: string;
  readonly persistence: string;
  readonly identity: string;
  readonly identity_columns: string | null;
  readonly columns: string;
}

/** Facts of tables and of all their leaves, by OID. Relations that are gone are left out. */
export async function relationFacts(
  connection: Connection,
  tables: readonly Table[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, RelationFacts>> {
  const oids = tables.flatMap((table) => [table.oid, ...table.storage.map((leaf) => leaf.oid)]);
  const { hasGenerated, publishesGenerated } = logDialectOf(connection.server);
  // Stored ones from 18 on; virtual ones are nowhere to be read from.
  const isPublished = !hasGenerated ? 'true' : publishesGenerated ? `a.attgenerated in ('', 's')` : `a.attgenerated = ''`;
  const rows = await connection.query<FactsRow & Record<string, string | null>>(
    `select c.oid, n.nspname as schema, c.relname as table, c.relkind as kind, c.relpersistence as persistence, c.relreplident as identity,
            (select pg_catalog.json_agg(a.attname order by a.attnum)
             from pg_catalog.pg_index i
             join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
             where i.indrelid = c.oid and i.indimmediate
               and case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident and i.indisvalid else false end) as identity_columns,
            (select pg_catalog.json_agg(a.attname order by a.attnum)
             from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and ${isPublished}) as columns
     from pg_catalog.unnest($1::pg_catalog.oid[]) t(oid)
     join pg_catalog.pg_class c on c.oid = t.oid
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace`,
    [`{${[...new Set(oids)].join(',')}}`],
    signal,
  );
  return new Map(rows.map((row) => [Number(row.oid), factsOf(row)]));
}

function factsOf(row: FactsRow): RelationFacts {
  const identityColumns = namesOf(row.identity_columns);
  return {
    oid: Number(row.oid),
    schema: row.schema,
    table: row.table,
    isPartitioned: row.kind === 'p',
    isUnlogged: row.persistence === 'u',
    identity: identityOf(row.identity, identityColumns),
    identityColumns,
    columns: namesOf(row.columns),
  };
}

function identityOf(identity: string, columns: readonly string[]): RelationFacts['identity'] {
  if (identity === 'f') return 'full';
  if (columns.length === 0) return 'nothing';
  return identity === 'i' ? 'index' : 'key';
}

/** A JSON array of names, or null for none. */
function namesOf(json: string | null): readonly string[] {
  const names: unknown = JSON.parse(json ?? '[]');
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
}
