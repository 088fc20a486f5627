import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** One row as PostgreSQL's text; SQL NULL is null. */
export type TextRow = Readonly<Record<string, string | null>>;

/** How to reach a test server as its superuser; there is no password. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** A database of its own on a server that it shares with other tests. Disposing it drops it with its slots. */
export interface TestDatabase extends ServerAddress, AsyncDisposable {
  readonly major: number;
  readonly user: 'postgres';
  readonly database: string;
  /** `postgres://postgres@127.0.0.1:<port>/<database>` */
  readonly url: string;
  /** Runs SQL on the database's own session and gives the rows of the last statement; every value is PostgreSQL's text. */
  query(sql: string, params?: readonly unknown[]): Promise<readonly TextRow[]>;
  /** Another session, ended at dispose if the test has not ended it. `application_name` is `test`. */
  connect(settings?: pg.ClientConfig): Promise<pg.Client>;
  /** Ends what `connect` opened and rolls back what was prepared. After each test of a file that shares its database, or one that fails holds up all behind it. */
  endTransactions(): Promise<void>;
}

export interface DatabaseOptions {
  /** What follows `create database ... template template0`, such as `lc_collate 'C.UTF-8'`. */
  readonly sql?: string;
  /** `none` (default): disposing throws if sessions remain that this object did not open. `any`: it ends them quietly. */
  readonly sessionsAtEnd?: 'none' | 'any';
}

const SESSION_DEADLINE_MS = 2_000;
const textOnly: pg.CustomTypesConfig = { getTypeParser: () => (value: string | Buffer) => value.toString() };

/** Creates an empty database on any server. */
export async function createDatabaseOn(
  server: ServerAddress,
  major: number,
  options: DatabaseOptions = {},
): Promise<TestDatabase> {
  const { host, port } = server;
  const database = `test_${randomBytes(6).toString('hex')}`;
  await onServer(server, (admin) => admin.query(`create database ${database} template template0 ${options.sql ?? ''}`));
  const clients = new Set<pg.Client>();
  const open = async (settings: pg.ClientConfig): Promise<pg.Client> => {
    const client = new pg.Client({ host, port, database, user: 'postgres', application_name: 'test', ...settings });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  let own: Promise<pg.Client> | undefined;
  const endOpened = async (): Promise<void> => {
    const opened = [...clients];
    clients.clear();
    await Promise.all(opened.map((client) => client.end()));
  };
  const ownSession = (): Promise<pg.Client> => (own ??= open({ application_name: 'test own session', types: textOnly }));
  return {
    host,
    port,
    major,
    user: 'postgres',
    database,
    url: `postgres://postgres@${host}:${port}/${database}`,
    connect: async (settings = {}) => {
      const client = await open(settings);
      clients.add(client);
      return client;
    },
    endTransactions: async () => {
      await endOpened();
      await rollbackPrepared(await ownSession());
    },
    query: async (sql, params) => rowsOf(await (await ownSession()).query(sql, params === undefined ? undefined : [...params])),
    [Symbol.asyncDispose]: async () => {
      await endOpened();
      await (await own)?.end();
      await onServer(server, (admin) => drop(server, admin, database, options.sessionsAtEnd ?? 'none'));
    },
  };
}

/** Runs `use` with a session in the database `postgres`, or in another one. */
export async function onServer<T>(
  server: ServerAddress,
  use: (admin: pg.Client) => Promise<T>,
  database = 'postgres',
): Promise<T> {
  const admin = new pg.Client({
    host: server.host,
    port: server.port,
    database,
    user: 'postgres',
    application_name: 'test admin',
    types: textOnly,
  });
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.end();
  }
}

/** Waits until `condition` gives something else than undefined or false. Throws with `what` when that takes longer than `deadlineMs`. */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  deadlineMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`Waited ${deadlineMs} ms in vain: ${what}`);
    await delay(20);
  }
}

async function drop(server: ServerAddress, admin: pg.Client, database: string, sessionsAtEnd: 'none' | 'any'): Promise<void> {
  let leaked = await sessionsOf(admin, database);
  // A session ends a moment after its client has said goodbye.
  for (
    const deadline = Date.now() + SESSION_DEADLINE_MS;
    sessionsAtEnd === 'none' && leaked.length > 0 && Date.now() < deadline;
    leaked = await sessionsOf(admin, database)
  )
    await delay(20);
  await onServer(server, rollbackPrepared, database);
  await eventually(`the sessions of ${database} end`, async () => {
    await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()`, [
      database,
    ]);
    await admin.query(`select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = $1 and not active`, [
      database,
    ]);
    const { rows } = await admin.query<TextRow>(
      `select 1 from pg_stat_activity where datname = $1 and pid <> pg_backend_pid() union all select 1 from pg_replication_slots where database = $1`,
      [database],
    );
    return rows.length === 0;
  });
  await admin.query(`drop database ${database}`);
  if (sessionsAtEnd === 'none' && leaked.length > 0) throw new Error(`Sessions left open in ${database}:\n${leaked.join('\n')}`);
}

async function sessionsOf(admin: pg.Client, database: string): Promise<readonly string[]> {
  const { rows } = await admin.query<TextRow>(
    `select pid, application_name, state, left(query, 200) as query from pg_stat_activity
     where datname = $1 and pid <> pg_backend_pid() and backend_type in ('client backend', 'walsender')`,
    [database],
  );
  return rows.map((row) => `${row.pid ?? ''} ${row.application_name ?? ''} [${row.state ?? ''}] ${row.query ?? ''}`);
}

/** A prepared transaction can be ended in its own database only. */
async function rollbackPrepared(session: pg.Client): Promise<void> {
  const { rows } = await session.query<TextRow>(`select gid from pg_prepared_xacts where database = current_database()`);
  for (const { gid } of rows) await session.query(`rollback prepared ${pg.escapeLiteral(gid ?? '')}`);
}

function rowsOf(result: pg.QueryResult<TextRow> | pg.QueryResult<TextRow>[]): readonly TextRow[] {
  return Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows;
}
