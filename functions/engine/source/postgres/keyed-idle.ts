import type { Table } from '../../model/catalog.ts';
import type { ErrorCode } from '../../model/error-codes.ts';
import { ReplicationError } from '../../model/errors.ts';
import type { IdleStream, KeyedLook } from '../source.ts';
import type { Connection } from './connection.ts';
import { beginRead } from './copy-transaction.ts';
import { boundSql } from './keyed-bound.ts';
import { boundarySql } from './keyed-boundary.ts';
import { isSmallTable, keyColumn, keyId, keyIndexes, keyLiteral, unreadableSql } from './keyed-column.ts';
import type { KeyColumn, KeyIndex } from './keyed-column.ts';
import { highestKeySql, smallSort } from './keyed-window.ts';
import { readHorizon } from './look-back.ts';
import type { Horizon } from './look-back.ts';
import { quoteRelation } from './quote.ts';

/** Tables that one statement looks at. */
const BATCH_TABLES = 50;
/** Tables without an index on their key are read as a whole: no more of them in one statement. */
const BATCH_BYTES = 64 * 1024 * 1024;
/** What a stream may have in rows at its boundary, or without a key, to be looked at here. */
const MOST_ROWS = 10_000n;
/** A look that many wait for does not wait for a table that is locked. */
const LOCK_TIMEOUT_MS = 1_000;

/**
 * Which streams have nothing new. See `SourceSession.idle`.
 *
 * Nothing is decided by this that a later look could not correct: the bookmark of an idle stream stays where it is. So each statement has a snapshot of its own, and tables
 * are not locked first: one that a rewrite hides for a moment is at worst taken for idle once.
 */
export async function idleStreams(
  connection: Connection,
  looks: readonly KeyedLook[],
  signal: AbortSignal,
): Promise<readonly (IdleStream | undefined)[]> {
  const idle: (IdleStream | undefined)[] = looks.map(() => undefined);
  const candidates = looks.flatMap((look, at) => {
    const candidate = candidateOf(connection, look, at);
    return candidate === undefined ? [] : [candidate];
  });
  if (candidates.length === 0) return idle;
  const indexes = await keyIndexes(
    connection,
    candidates.map(({ look }) => look.table),
    signal,
  );
  const indexOf = ({ look, key }: Candidate): KeyIndex | undefined => indexes.get(keyId(look.table, key));
  const cheap = candidates.filter((one) => indexOf(one) !== undefined || isSmallTable(one.look.table));
  const horizons = await readHorizons(connection, cheap, signal);
  for (const batch of cutBatches(cheap, (one) => (indexOf(one) === undefined ? one.look.table.bytes : 0))) {
    for (const { at, found } of await lookAt({ connection, indexOf, horizons, signal }, batch)) idle[at] = found;
  }
  return idle;
}

interface Candidate {
  /** Its place in what was asked for. */
  readonly at: number;
  readonly look: KeyedLook;
  readonly key: KeyColumn;
}

type Horizons = ReadonlyMap<string, Horizon>;

interface Scope {
  readonly connection: Connection;
  readonly indexOf: (candidate: Candidate) => KeyIndex | undefined;
  readonly horizons: Horizons;
  readonly signal: AbortSignal;
}

/** Undefined for streams that cannot be read, which is for their own read to say, and for those that are dear to look at. */
function candidateOf(connection: Connection, look: KeyedLook, at: number): Candidate | undefined {
  const { value, boundary } = look.from;
  // A bookmark without a boundary is not what a read leaves behind.
  if (value !== undefined && (boundary === undefined || BigInt(boundary.rows) > MOST_ROWS)) return undefined;
  try {
    return { at, look, key: keyColumn(connection, look.table, look.from.column) };
  } catch (error) {
    if (error instanceof ReplicationError) return undefined;
    throw error;
  }
}

/** One horizon for all streams that stay as far behind. It comes before the snapshots, as with a read. */
async function readHorizons(connection: Connection, candidates: readonly Candidate[], signal: AbortSignal): Promise<Horizons> {
  const horizons = new Map<string, Horizon>();
  for (const { look, key } of candidates) {
    const id = horizonId(look);
    if (key.family === 'time' && !horizons.has(id)) horizons.set(id, await readHorizon(connection, look.lookBack, signal));
  }
  return horizons;
}

function horizonId({ lookBack }: KeyedLook): string {
  return lookBack.kind === 'interval' ? String(lookBack.seconds) : 'auto';
}

function* cutBatches(
  candidates: readonly Candidate[],
  bytesOf: (candidate: Candidate) => number,
): Iterable<readonly Candidate[]> {
  let batch: Candidate[] = [];
  let bytes = 0;
  for (const candidate of candidates) {
    const more = bytesOf(candidate);
    if (batch.length === BATCH_TABLES || (batch.length > 0 && bytes + more > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(candidate);
    bytes += more;
  }
  if (batch.length > 0) yield batch;
}

interface Looked {
  readonly at: number;
  readonly found: IdleStream | undefined;
}

/** Where one table spoils the statement, both halves are looked at alone, down to that table. Whatever else fails says nothing of any of them: their own reads will tell. */
async function lookAt(scope: Scope, batch: readonly Candidate[]): Promise<readonly Looked[]> {
  try {
    return await lookAtOnce(scope, batch);
  } catch (error) {
    scope.signal.throwIfAborted();
    if (!(error instanceof ReplicationError)) throw error;
    const { code } = error as ReplicationError;
    if (batch.length === 1 || !isAboutTable(code)) return [];
    const middle = Math.ceil(batch.length / 2);
    return [...(await lookAt(scope, batch.slice(0, middle))), ...(await lookAt(scope, batch.slice(middle)))];
  }
}

/** Not a lock or a time limit: there each half would wait as long again. */
function isAboutTable(code: ErrorCode): boolean {
  return code === 'privilege-missing' || code === 'structure-changed' || code === 'query-failed';
}

interface LookRow {
  readonly at: string;
  readonly highest: string | null;
  readonly rows: string | null;
  readonly digest: string | null;
  readonly bound: string | null;
  readonly unreadable: string;
}

async function lookAtOnce(scope: Scope, batch: readonly Candidate[]): Promise<readonly Looked[]> {
  const { connection, horizons, signal } = scope;
  const looks = batch.map((candidate) => lookSql(scope, candidate)).join('\n    union all');
  await using _ = await beginRead(connection, { isolation: 'read committed' }, signal);
  const sql = `set local lock_timeout = ${String(LOCK_TIMEOUT_MS)}; ${smallSort(connection)}${looks}`;
  const rows = new Map((await connection.query<LookRow>(sql, [], signal)).map((row) => [Number(row.at), row]));
  return batch.flatMap((candidate) => {
    const row = rows.get(candidate.at);
    if (row === undefined || BigInt(row.unreadable) > MOST_ROWS || !isUnchanged(candidate, row)) return [];
    const warnings = horizons.get(horizonId(candidate.look))?.warnings ?? [];
    const found = { nullKeys: Number(row.unreadable), warnings: candidate.key.family === 'time' ? warnings : [] };
    return [{ at: candidate.at, found }];
  });
}

/** What a read looks at, one after the other, before it knows that there is nothing: the highest key, the rows at the boundary, where the bookmark would come to lie. */
function lookSql({ connection, indexOf, horizons }: Scope, candidate: Candidate): string {
  const { at, look, key } = candidate;
  const { table, columns, from, lookBack } = look;
  const relation = quoteRelation(table.name);
  const { value, sentUpTo = value, boundary } = from;
  const horizon = key.family === 'time' ? horizons.get(horizonId(look)) : undefined;
  const isNew = value === undefined || sentUpTo === undefined;
  const bound = isNew
    ? undefined
    : boundSql({ key, lookBack, last: sentUpTo, highest: sentUpTo, from: value, ...(horizon === undefined ? {} : { horizon }) });
  const rows = isNew
    ? `select null::text as rows, null::text as digest`
    : boundarySql(connection, {
        from: relation,
        columns,
        where: `${key.name} >= ${keyLiteral(key, value)} and ${key.name} <= ${keyLiteral(key, sentUpTo)}`,
        // One more than there were is a change already.
        limit: BigInt(boundary?.rows ?? '0') + 1n,
      });
  return `
    select ${String(at)}::text as at, (${highestKeySql({ from: relation, key, index: indexOf(candidate) }, value)}) as highest,
           b.rows::text as rows, b.digest::text as digest, ${bound ?? 'null::text'} as bound,
           (${unreadableCount(table, key)})::text as unreadable
      from (${rows}) as b`;
}

function unreadableCount(table: Table, key: KeyColumn): string {
  const limit = String(MOST_ROWS + 1n);
  const counts = unreadableSql(key).map(
    (condition) =>
      `(select count(*) from (select 1 from ${quoteRelation(table.name)} where ${condition} limit ${limit}) as unreadable)`,
  );
  return ['0', ...counts].join(' + ');
}

/** Whether a read would find no rows, and leave the bookmark as it is. */
function isUnchanged({ look }: Candidate, row: LookRow): boolean {
  const { value, sentUpTo, boundary } = look.from;
  if (value === undefined) return row.highest === null;
  if (row.rows !== boundary?.rows || row.digest !== boundary.digest) return false;
  // All that was sent was deleted, some time before the last look.
  if (row.highest === null) return sentUpTo === undefined;
  return row.highest === (sentUpTo ?? value) && (row.bound ?? row.highest) === value;
}
