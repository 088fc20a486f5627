import pg from 'pg';
import { ReplicationError } from '../../model/errors.ts';
import type { StreamName } from '../../model/stream.ts';
import type { Connection } from './connection.ts';

/** How long the end of a transaction may take; then its connection is given up, which ends it too. */
const END_MS = 10_000;

/** A read-only transaction; disposing of it ends it, whatever state it is in. Never throws at its end. */
export interface ReadTransaction extends AsyncDisposable {
  readonly connection: Connection;
}

/**
 * Begins a read-only transaction. `lock` is a statement that runs before anything that takes a snapshot: at REPEATABLE READ the snapshot is
 * taken by the first query, and one that is older than the lock sees a table that was rewritten in between as empty
 * (https://www.postgresql.org/docs/current/mvcc-caveats.html).
 */
export async function beginRead(
  connection: Connection,
  options: { readonly isolation: 'read committed' | 'repeatable read'; readonly lock?: string },
  signal: AbortSignal,
): Promise<ReadTransaction> {
  const transaction: ReadTransaction = { connection, [Symbol.asyncDispose]: () => end(connection) };
  const statements = [
    `begin transaction isolation level ${options.isolation}, read only`,
    options.lock ?? '',
    connection.transactionSettings,
  ];
  try {
    await connection.query(statements.filter((statement) => statement !== '').join('; '), [], signal);
  } catch (error) {
    await transaction[Symbol.asyncDispose]();
    throw error;
  }
  return transaction;
}

/** What `Connection.query` threw, with the stream that it was about. Anything that is not PostgreSQL's answer comes back as it is. */
export function failureOn(connection: Connection, stream: StreamName, error: unknown): unknown {
  return error instanceof ReplicationError && error.cause instanceof pg.DatabaseError
    ? connection.fail(error.cause, stream)
    : error;
}

async function end(connection: Connection): Promise<void> {
  try {
    // In a failed transaction this is a rollback.
    await connection.query('commit', [], AbortSignal.timeout(END_MS));
  } catch {
    // The connection is gone, and the transaction with it. Whoever uses the connection next is told so.
  }
}
