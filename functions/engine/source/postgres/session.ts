import type { SourceSession } from '../source.ts';
import type { Connection } from './connection.ts';
import { copyRange } from './copy-range.ts';
import { cut } from './cut.ts';
import { keyedRead } from './keyed.ts';
import { idleStreams } from './keyed-idle.ts';
import { lookAtPressure } from './pressure-look.ts';
import { startOfCopy } from './start.ts';

/** A session over a connection, which it disposes of at its end. */
export function openSession(connection: Connection): SourceSession {
  return {
    database: connection.database,
    server: connection.server,
    startOfCopy: (signal) => startOfCopy(connection, signal),
    lookAtPressure: (signal) => lookAtPressure(connection, signal),
    cut: (table, rangeBytes, signal) => cut(connection, table, rangeBytes, signal),
    copy: (request, encoder, out, signal) => copyRange(connection, request, encoder, out, signal),
    keyed: (request, signal) => keyedRead(connection, request, signal),
    idle: (looks, signal) => idleStreams(connection, looks, signal),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}
