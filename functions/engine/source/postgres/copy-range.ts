import type { CopyRange, CopyStart, PagePart } from '../../model/bookmark.ts';
import { ReplicationError } from '../../model/errors.ts';
import { streamId } from '../../model/stream.ts';
import type { RowEncoder } from '../../encode/encode.ts';
import type { BlockWriter, ReadRequest } from '../source.ts';
import type { Connection } from './connection.ts';
import { copyOut } from './copy-out.ts';
import { isNewer, MAX_COPY_XIDS, selectFrom } from './copy-select.ts';
import { beginRead, failureOn } from './copy-transaction.ts';
import { currentStorage } from './cut-storage.ts';
import type { CurrentStorage } from './cut-storage.ts';
import { quoteIdentifier, quoteLiteral, quoteRelation } from './quote.ts';

/** What `SourceSession.copy` is asked for. */
export type CopyRequest = ReadRequest & { readonly range: CopyRange; readonly start: CopyStart };

/** See `SourceSession.copy`. */
export async function copyRange(
  connection: Connection,
  request: CopyRequest,
  encoder: RowEncoder,
  out: BlockWriter,
  signal: AbortSignal,
): Promise<{ readonly rows: number }> {
  // One statement reads a range, so READ COMMITTED gives it one snapshot; and it gives the statement a newer one than those that took the locks, so that
  // a table that was rewritten while we waited for it is seen as it is.
  await using _ = await beginRead(connection, { isolation: 'read committed' }, signal);
  if (request.range.kind === 'whole' && mayBeAlone(request)) return await copyWhole(connection, request, encoder, out, signal);
  const select = await prepare(connection, request, signal);
  if (select === undefined) return { rows: 0 };
  return await copyOut(connection, { sql: `copy (${select}) to stdout`, stream: request.table.name }, encoder, out, signal);
}

/** A table that has all of its rows itself is copied by its name: without a query the server needs up to a fifth less CPU time for narrow rows. */
async function copyWhole(
  connection: Connection,
  request: CopyRequest,
  encoder: RowEncoder,
  out: BlockWriter,
  signal: AbortSignal,
): Promise<{ readonly rows: number }> {
  const { table, columns } = request;
  const select = await prepare(connection, request, signal);
  const isAlone = await hasNoChildren(connection, request, signal);
  const list = columns.map((column) => quoteIdentifier(column)).join(', ');
  const what = isAlone ? `${quoteRelation(table.name)} (${list})` : `(${select})`;
  const copied = await copyOut(connection, { sql: `copy ${what} to stdout`, stream: table.name }, encoder, out, signal);
  // Rows may have gone to a child that was made after the look and before the snapshot of the copy.
  if (isAlone && !(await hasNoChildren(connection, request, signal))) throw rewritten(request);
  return copied;
}

/** COPY of a table takes no generated columns, and needs one of another kind. */
function mayBeAlone({ table, columns }: CopyRequest): boolean {
  const wanted = table.columns.filter(({ name }) => columns.includes(name));
  return table.kind === 'table' && columns.length > 0 && wanted.every(({ generated }) => generated === 'no');
}

/** `relhassubclass` is set before a child can have rows, and may stay when the last one is gone. */
async function hasNoChildren(connection: Connection, { table }: CopyRequest, signal: AbortSignal): Promise<boolean> {
  try {
    const [row] = await connection.query<{ readonly is_alone: string }>(
      `select c.relkind = 'r' and not c.relhassubclass as is_alone from pg_catalog.pg_class c
       where c.oid = ${quoteLiteral(quoteRelation(table.name))}::pg_catalog.regclass`,
      [],
      signal,
    );
    return row?.is_alone === 't';
  } catch (error) {
    throw failureOn(connection, table.name, error);
  }
}

/** Takes the locks, checks that the range is still what was cut, and gives the `select` to copy; undefined where there is nothing to read. */
async function prepare(connection: Connection, request: CopyRequest, signal: AbortSignal): Promise<string | undefined> {
  const { table, columns, range, start } = request;
  const from = quoteRelation(table.name);
  try {
    switch (range.kind) {
      case 'whole':
        await lock(connection, [from], signal);
        return selectFrom(columns, from);
      case 'pages':
        await lock(
          connection,
          range.parts.map((part) => `only ${quoteRelation(part)}`),
          signal,
        );
        await checkPages(connection, request, range.parts, signal);
        return range.parts
          .map((part) => selectFrom(columns, `only ${quoteRelation(part)}`, `${pagesOf(part)} and not ${isNewer(start)}`))
          .join(' union all ');
      case 'keys':
        await lock(connection, [from], signal);
        return selectFrom(columns, from, [...keysOf(range), `not ${isNewer(start)}`].join(' and '));
      case 'catch-up':
        await lock(connection, [from], signal);
        return await prepareCatchUp(connection, request, range.known, signal);
    }
  } catch (error) {
    throw failureOn(connection, table.name, error);
  }
}

/** Bars rewriting (and every other change of structure) until the transaction ends. Unlike LOCK TABLE it works for views, and with rights on some columns only. */
async function lock(connection: Connection, relations: readonly string[], signal: AbortSignal): Promise<void> {
  await connection.query(relations.map((relation) => `select 1 from ${relation} limit 0`).join('; '), [], signal);
}

async function checkPages(
  connection: Connection,
  request: CopyRequest,
  parts: readonly PagePart[],
  signal: AbortSignal,
): Promise<void> {
  const filenodes = parts.map(
    (part, index) => `pg_relation_filenode(${quoteLiteral(quoteRelation(part))}::pg_catalog.regclass) as f${index}`,
  );
  const [row] = await connection.query<Record<string, string | null>>(`select ${filenodes.join(', ')}`, [], signal);
  if (parts.some(({ filenode }, index) => row?.[`f${index}`] !== filenode)) throw rewritten(request);
  // Without this a planner with old statistics might read the whole table for its last range.
  await connection.query('set local enable_seqscan = off', [], signal);
}

function pagesOf({ from, to }: PagePart): string {
  const upper = to === undefined ? '' : ` and ctid < '(${to},0)'::pg_catalog.tid`;
  return `ctid >= '(${from},0)'::pg_catalog.tid${upper}`;
}

function keysOf({ column, type, from, to }: Extract<CopyRange, { kind: 'keys' }>): readonly string[] {
  const name = quoteIdentifier(column);
  return [
    ...(from === undefined ? [] : [`${name} >= ${quoteLiteral(from)}::${type}`]),
    ...(to === undefined ? [] : [`${name} < ${quoteLiteral(to)}::${type}`]),
  ];
}

async function prepareCatchUp(
  connection: Connection,
  request: CopyRequest,
  known: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const { table, columns, start } = request;
  const from = quoteRelation(table.name);
  const identities = new Map(known.map((identity) => [oidOf(identity), identity]));
  const now = await currentStorage(connection, table, signal);
  const isKnown = (identity: string): boolean => identities.get(oidOf(identity)) === identity;
  const isAttachedSince = ({ identity, isLeaf }: CurrentStorage): boolean => isLeaf && !identities.has(oidOf(identity));
  if (!now.every((one) => isKnown(one.identity) || isAttachedSince(one))) throw rewritten(request);
  await checkAge(connection, request, signal);
  if (table.kind === 'materialized-view') {
    await checkUnchanged(connection, request, signal);
    return undefined;
  }
  return selectFrom(columns, from, `${isNewer(start)} or ${isElsewhere([...identities.keys()])}`);
}

/** Asked of every row, and not of a list of leaves made before, since one may be attached at this very moment. A long list is hashed. */
function isElsewhere(oids: readonly string[]): string {
  const list = `'{${oids.join(',')}}'::pg_catalog.oid[]`;
  return oids.length <= 8 ? `tableoid <> all (${list})` : `tableoid not in (select unnest(${list}))`;
}

/** A copy that took too long cannot tell old row versions from new ones any more. */
async function checkAge(connection: Connection, request: CopyRequest, signal: AbortSignal): Promise<void> {
  const sql = `select txid_snapshot_xmax(txid_current_snapshot()) - $1::int8 < ${MAX_COPY_XIDS} as is_young`;
  const [row] = await connection.query<{ readonly is_young: string }>(sql, [request.start.oldestXid], signal);
  if (row?.is_young !== 't') throw rewritten(request);
}

/** A materialized view has no key by which a new version would replace the old one: after a concurrent refresh its copy begins anew. */
async function checkUnchanged(connection: Connection, request: CopyRequest, signal: AbortSignal): Promise<void> {
  const sql = `select exists (select 1 from ${quoteRelation(request.table.name)} where ${isNewer(request.start)}) as is_changed`;
  const [row] = await connection.query<{ readonly is_changed: string }>(sql, [], signal);
  if (row?.is_changed !== 'f') throw rewritten(request);
}

function oidOf(identity: string): string {
  return identity.slice(0, identity.indexOf(':'));
}

function rewritten({ table }: CopyRequest): ReplicationError {
  return new ReplicationError('table-rewritten', { stream: streamId(table.name) });
}
