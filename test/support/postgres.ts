import { inject } from 'vitest';
import { createDatabaseOn, type DatabaseOptions, type ServerAddress, type TestDatabase } from './test-database.ts';

export { startServer, startStandby, type ServerOptions, type TestServer } from './private-server.ts';
export {
  createDatabaseOn,
  eventually,
  onServer,
  type DatabaseOptions,
  type ServerAddress,
  type TestDatabase,
  type TextRow,
} from './test-database.ts';

const provided = inject('postgres');

/** The PostgreSQL majors of this run: use `describe.each(majors)('PostgreSQL %i', (major) => ...)`. */
export const majors: readonly number[] = provided.majors;
/** The newest major of this run, for tests that need just a server. */
export const newestMajor: number = Math.max(...majors);

/** The shared server of one major, started on first demand. */
export async function sharedServer(major: number): Promise<ServerAddress> {
  const response = await fetch(`${provided.url}/${major}`);
  const body = await response.text();
  if (!response.ok) throw new Error(`PostgreSQL ${major} did not start: ${body}`);
  return JSON.parse(body) as ServerAddress;
}

/** Creates an empty database on the shared server of `major`. */
export async function createDatabase(major: number, options: DatabaseOptions = {}): Promise<TestDatabase> {
  return createDatabaseOn(await sharedServer(major), major, options);
}
