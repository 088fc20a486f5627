import pg from 'pg';
import type { ServerAddress, TextRow } from '../../support/postgres.ts';

/** Runs SQL in a session of its own, which a server that goes away does not leave behind; rows of the last statement, as PostgreSQL's text. */
export async function sql(server: ServerAddress, database: string, text: string): Promise<readonly TextRow[]> {
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    database,
    user: 'postgres',
    types: { getTypeParser: () => (value: string | Buffer) => value.toString() },
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const result: pg.QueryResult<TextRow> | pg.QueryResult<TextRow>[] = await client.query<TextRow>(text);
    return Array.isArray(result) ? ((result as pg.QueryResult<TextRow>[]).at(-1)?.rows ?? []) : result.rows;
  } finally {
    await client.end();
  }
}
