import pg from 'pg';
import { ReplicationError } from '../../../model/errors.ts';

/** PostgreSQL's own answer behind an error, if there is one. */
export function databaseErrorOf(error: unknown): pg.DatabaseError | undefined {
  if (error instanceof pg.DatabaseError) return error;
  return error instanceof ReplicationError && error.cause instanceof pg.DatabaseError ? error.cause : undefined;
}

/** SQLSTATE of an error: https://www.postgresql.org/docs/current/errcodes-appendix.html. Undefined if PostgreSQL did not answer it. */
export function sqlstateOf(error: unknown): string | undefined {
  return databaseErrorOf(error)?.code;
}
