import type { RowEncoder } from '../../encode/encode.ts';
import { ReplicationError } from '../../model/errors.ts';
import type { StreamName } from '../../model/stream.ts';
import type { BlockWriter } from '../source.ts';
import type { Connection } from './connection.ts';
import { FrameViolation } from './copy-frames.ts';
import { CopyReader } from './copy-reader.ts';

/** How long a cancelled COPY may take to end before its connection is cut. */
const GRACE_MS = 5_000;

/** A `COPY (select ...) TO STDOUT` in text format, and which stream it reads, for errors. */
export interface CopyStatement {
  readonly sql: string;
  readonly stream?: StreamName;
}

/**
 * Runs a COPY and encodes its rows, block by block: no more is read from the socket while a block is being written. Returns the rows that the
 * server says it sent, after the last block is written.
 * When anything fails, the statement has been cancelled and the session is free again (a transaction that was open is still open, and failed);
 * or, where that could not be done within a few seconds, or the connection was lost, it is closed. Rejects with `signal.reason`, what the encoder
 * or the writer threw, `protocol-violation`, or as `Connection.fail` says. A write that was going on then may still be going on.
 */
export async function copyOut(
  connection: Connection,
  statement: CopyStatement,
  encoder: RowEncoder,
  out: BlockWriter,
  signal: AbortSignal,
): Promise<{ readonly rows: number }> {
  signal.throwIfAborted();
  let stopping: Promise<void> | undefined;
  const failures: unknown[] = [];
  const stop = (error: unknown): void => {
    failures.push(error);
    stopping ??= cancel(connection, reader);
  };
  const reader = new CopyReader(statement.sql, encoder, out, stop);
  const onAbort = (): void => stop(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    connection.client.query(reader);
    await reader.ended;
    // Nothing is left to cancel: a request now would hit what runs here next.
    signal.removeEventListener('abort', onAbort);
    // The request to cancel must have been served before anything else runs here, or it would cancel that.
    await stopping;
    if (failures.length > 0) throw clientFailure(failures[0], connection);
    if (reader.serverError !== undefined) throw connection.fail(reader.serverError, statement.stream);
    if (reader.rowsSent !== reader.rowsArrived) throw violation('another number of rows than it says', connection);
    if (encoder.pendingBytes > 0) await unlessAborted(out.write(encoder.take()), signal);
    return { rows: reader.rowsArrived };
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function cancel(connection: Connection, reader: CopyReader): Promise<void> {
  reader.discard();
  await connection.cancel();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, GRACE_MS)));
  await Promise.race([reader.ended, late.then(() => reader.destroy())]);
  clearTimeout(timer);
}

function clientFailure(error: unknown, connection: Connection): unknown {
  return error instanceof FrameViolation ? violation(error.message, connection, error) : error;
}

function violation(what: string, connection: Connection, cause?: Error): Error {
  return new ReplicationError('protocol-violation', { ...connection.endpoint, what }, { cause });
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
