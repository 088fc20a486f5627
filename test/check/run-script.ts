import pg from 'pg';
import { onServer } from '../support/postgres.ts';
import type { ServerAddress } from '../support/postgres.ts';

/** Runs a script of `setup-sql` as psql would, as the superuser: one block after the other, in the database that it connected to last. Gives what was noticed. */
export async function runScript(
  server: ServerAddress,
  script: string,
  options: { readonly password?: string } = {},
): Promise<readonly string[]> {
  const notices: string[] = [];
  let client = await connect(server, 'postgres', notices);
  try {
    for (const block of script.split('\n\n')) {
      const target = connectTarget(block);
      if (target !== undefined) {
        await client.end();
        client = await connect(server, target, notices);
        continue;
      }
      if (block.startsWith('\\if') && options.password === undefined) continue;
      const lines = block.split('\n').filter((line) => !line.startsWith('\\') && !line.startsWith('--'));
      const sql = lines.join('\n').replaceAll(":'password'", () => pg.escapeLiteral(options.password ?? ''));
      if (sql.trim() !== '') await client.query(sql);
    }
  } finally {
    await client.end();
  }
  return notices;
}

/** Runs the SQL of a fix in a database, one statement a line. */
export async function applyFix(server: ServerAddress, database: string, sql: string): Promise<void> {
  const client = await connect(server, database, []);
  try {
    for (const line of sql.split('\n')) await client.query(line);
  } finally {
    await client.end();
  }
}

/** One row of text per fact about a role or what was made for it; empty when nothing is left. */
export async function tracesOf(server: ServerAddress, role: string, database: string): Promise<readonly string[]> {
  return onServer(server, async () => {
    const client = await connect(server, database, []);
    try {
      const { rows } = await client.query<{ trace: string }>(
        `select 'role ' || rolname as trace from pg_roles where rolname = $1
         union all select 'slot ' || slot_name from pg_replication_slots where database = current_database()
         union all select 'publication ' || pubname from pg_publication
         union all select 'default ' || defaclrole::regrole from pg_default_acl where defaclacl::text like '%' || $1 || '%'
         union all select 'schema ' || nspname from pg_namespace where nspacl::text like '%' || $1 || '%'
         union all select 'table ' || relname from pg_class where relacl::text like '%' || $1 || '%'
         union all select 'column ' || attname from pg_attribute where attacl::text like '%' || $1 || '%'
         union all select 'database ' || datname from pg_database where datacl::text like '%' || $1 || '%'`,
        [role],
      );
      return rows.map(({ trace }) => trace).sort();
    } finally {
      await client.end();
    }
  });
}

async function connect({ host, port }: ServerAddress, database: string, notices: string[]): Promise<pg.Client> {
  const client = new pg.Client({ host, port, database, user: 'postgres', application_name: 'test script' });
  client.on('notice', ({ message }) => notices.push(message ?? ''));
  await client.connect();
  return client;
}

function connectTarget(block: string): string | undefined {
  const plain = /^\\connect (\w+)$/.exec(block)?.[1];
  if (plain !== undefined) return plain;
  const quoted = /^\\connect -reuse-previous=on "dbname='(.*)'"$/.exec(block)?.[1];
  return quoted?.replaceAll('""', '"').replaceAll(/\\(.)/g, '$1');
}
