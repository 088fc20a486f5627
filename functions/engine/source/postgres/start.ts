import type { CopyStart } from '../../model/bookmark.ts';
import { ReplicationError } from '../../model/errors.ts';
import { parseLsn } from '../../model/lsn.ts';
import type { Connection } from './connection.ts';
import { beginRead } from './copy-transaction.ts';

/** A clock reading as ISO 8601 in UTC. */
export const isoOf = (timestamptz: string): string =>
  `to_char(${timestamptz} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/**
 * What is true just before a copy or a read. The snapshot is older than the WAL position, and both are older than every snapshot taken later:
 * what a later read does not see has a WAL position at or above `sequence`, or belongs to a transaction that is not older than `oldestXid`.
 */
export async function startOfCopy(connection: Connection, signal: AbortSignal): Promise<CopyStart> {
  const { dialect } = connection;
  await using _ = await beginRead(connection, { isolation: 'read committed' }, signal);
  const sql = `
    select ${dialect.currentLsn}::text as lsn,
           ${dialect.snapshotXmin}::text as oldest_xid,
           ${isoOf('clock_timestamp()')} as at`;
  const [row] = await connection.query<{ readonly lsn: string | null; readonly oldest_xid: string; readonly at: string }>(
    sql,
    [],
    signal,
  );
  if (row === undefined) throw new ReplicationError('unexpected', { what: 'no row about the WAL position' });
  return { sequence: sequenceOf(row), oldestXid: row.oldest_xid, at: row.at };
}

/** Services that hide the WAL position get microseconds of the server's clock: as monotonic, if the clock is. */
export function sequenceOf(row: { readonly lsn: string | null; readonly at: string }): string {
  return row.lsn === null ? String(BigInt(Date.parse(row.at)) * 1000n) : String(parseLsn(row.lsn));
}
