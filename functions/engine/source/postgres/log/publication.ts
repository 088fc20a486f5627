import { ReplicationError } from '../../../model/errors.ts';
import { streamId } from '../../../model/stream.ts';
import type { PublishedTable } from '../../log-session.ts';
import type { Connection } from '../connection.ts';
import { quoteIdentifier } from '../quote.ts';
import { sqlstateOf } from './database-error.ts';
import { logDialectOf } from './log-dialect.ts';
import { insertsPublication, publicationSql, uncovered, wantedPublications } from './publication-plan.ts';
import type { PublishedRelation, WantedPublications } from './publication-plan.ts';
import { publicationState } from './publication-state.ts';
import type { RelationFacts } from './table-facts.ts';
import { failpoint } from '../../../runtime/failpoints.ts';

/** The statements for a DBA name at most so many relations; beyond, all tables of the database are as good. */
const MOST_NAMED = 100;
/** How long the end of a failed transaction may take. */
const ROLLBACK_MS = 10_000;

export interface EnsuredPublications {
  /** Streams whose changes did not all come through until now: what was written to them before is not in the log. */
  readonly added: readonly string[];
  /** Whether the publication did not exist: no change from before this moment can be decoded through it. */
  readonly created: boolean;
}

/**
 * Makes the publications hold exactly these tables: two of them, since tables without a replica identity may only be published with their inserts. Runs no DDL where they
 * do already, and leaves one alone that belongs to somebody else and lets everything through. Both are made before a slot is: decoding looks them up as they were at each
 * change. In one transaction, so that no change falls between the two. Throws `publication-right-missing`.
 */
export async function ensurePublications(
  connection: Connection,
  request: {
    readonly publication: string;
    readonly tables: readonly PublishedTable[];
    readonly facts: ReadonlyMap<number, RelationFacts>;
    readonly isNewSlot: boolean;
  },
  signal: AbortSignal,
): Promise<EnsuredPublications> {
  const dialect = logDialectOf(connection.server);
  const { publication, tables, facts } = request;
  const wanted = wantedPublications(tables, facts, dialect);
  const main = await publicationState(connection, publication, signal);
  const inserts = await publicationState(connection, insertsPublication(publication), signal);
  const existing = [main, inserts].flatMap((one) => one ?? []);
  const missing = uncovered('values', wanted, existing, dialect);
  // A column that a list did not have is read again by key; a change that did not come through is lost.
  const added = streamsOf(tables, uncovered('changes', wanted, existing, dialect));
  const ensured = { added, created: main === undefined };
  if (missing.length === 0 && main !== undefined && !main.isOurs) return ensured;

  const needsInserts = inserts !== undefined || wanted.inserts.length > 0 || request.isNewSlot;
  const statements = [
    ...publicationSql(publication, 'all', wanted.all, main, dialect),
    ...(needsInserts ? publicationSql(insertsPublication(publication), 'inserts', wanted.inserts, inserts, dialect) : []),
  ];
  if (statements.length === 0) return ensured;
  try {
    await runInTransaction(connection, statements, signal);
  } catch (error) {
    const sqlstate = sqlstateOf(error);
    if (isTaken(sqlstate) && main === undefined) return ensurePublications(connection, request, signal);
    // insufficient_privilege; read_only_sql_transaction on a replica
    if (sqlstate !== '42501' && sqlstate !== '25006') throw error;
    if (missing.length === 0 && main !== undefined) return ensured;
    const { user } = connection.endpoint;
    const sql = sqlForDba(publication, wanted, statements);
    throw new ReplicationError(
      'publication-right-missing',
      { publication, database: connection.database, user, sqlstate, sql },
      { cause: error },
    );
  }
  return ensured;
}

/** Somebody made it since we looked: duplicate_object, or unique_violation of two at the very same moment. It is there now, so that this comes once. */
function isTaken(sqlstate: string | undefined): boolean {
  return sqlstate === '42710' || sqlstate === '23505';
}

/** The publications of this name that exist; the name itself where there is none, since the server's error is clearer than none. */
export async function publicationNames(
  connection: Connection,
  publication: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const rows = await connection.query<{ readonly name: string }>(
    'select pubname as name from pg_catalog.pg_publication where pubname in ($1, $2) order by pg_catalog.length(pubname::text)',
    [publication, insertsPublication(publication)],
    signal,
  );
  return rows.length === 0 ? [publication] : rows.map((row) => row.name);
}

function streamsOf(tables: readonly PublishedTable[], relations: readonly PublishedRelation[]): readonly string[] {
  const oids = new Set(relations.map(({ oid }) => oid));
  return tables
    .filter(({ table }) => oids.has(table.oid) || table.storage.some(({ oid }) => oids.has(oid)))
    .map(({ table }) => streamId(table.name));
}

async function runInTransaction(connection: Connection, statements: readonly string[], signal: AbortSignal): Promise<void> {
  try {
    await connection.query(
      ['begin read write', connection.transactionSettings].filter((sql) => sql !== '').join('; '),
      [],
      signal,
    );
    for (const statement of statements) await connection.query(statement, [], signal);
    await failpoint('publication.change.before');
    await connection.query('commit', [], signal);
    await failpoint('publication.change.after');
  } catch (error) {
    // A connection that was lost has no transaction any more.
    await connection.query('rollback', [], AbortSignal.timeout(ROLLBACK_MS)).catch(() => undefined);
    throw error;
  }
}

function sqlForDba(publication: string, wanted: WantedPublications, statements: readonly string[]): string {
  if (wanted.all.length + wanted.inserts.length <= MOST_NAMED) return `${statements.join('; ')};`;
  // Without replica identities everywhere, this would make the server refuse updates of the tables that have none.
  const name = quoteIdentifier(publication);
  return `drop publication if exists ${name}; create publication ${name} for all tables; (as superuser, once every table has a primary key or a replica identity)`;
}
