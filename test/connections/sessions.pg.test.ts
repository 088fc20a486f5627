import { readFile } from 'node:fs/promises';
import { connect as dial } from 'node:net';
import { expect, test } from 'vitest';
import { openServerSocket } from '../../functions/engine/source/postgres/socket.ts';
import { never } from '../source/support.ts';
import { createDatabase, newestMajor, onServer, sharedServer, startServer } from '../support/postgres.ts';
import { openTestWorkspace } from '../support/workspace.ts';

test('a parallel copy never has more sessions than its budget, each named after integration and job and unable to write', async () => {
  await using db = await createDatabase(newestMajor);
  await db.query(`
    create table items (id bigint primary key, label text not null);
    insert into items select n, repeat('x', 200) from generate_series(1, 60000) n;
    analyze items`);
  const lines = ['connections: 3', 'rangeBytes: 262144', 'tables:', '  - { table: public.items, method: FULL_TABLE }'];
  await using ws = await openTestWorkspace(db, { lines });
  const counts: number[] = [];
  const names = new Set<string>();
  const state = { running: true };
  const watching = onServer(db, async (admin) => {
    while (state.running) {
      const { rows } = await admin.query<{ name: string }>(
        `select application_name as name from pg_stat_activity where datname = $1 and application_name like 'backstitch%' and backend_type = 'client backend'`,
        [db.database],
      );
      counts.push(rows.length);
      for (const { name } of rows) names.add(name);
    }
  });

  const report = await ws.run();
  state.running = false;
  await watching;

  expect(report.state).toBe('complete');
  expect(Math.max(...counts)).toBe(3);
  expect([...names]).toEqual([`backstitch shop ${report.job}`]);
});

test('one connection is enough for a job with every method', async () => {
  await using server = await startServer(newestMajor, { conf: { wal_level: 'logical' } });
  await using db = await server.createDatabase({ sessionsAtEnd: 'any' });
  await db.query(`
    create table full_items (id bigint primary key); insert into full_items select generate_series(1, 100);
    create table keyed_items (id bigint primary key); insert into keyed_items select generate_series(1, 100);
    create table logged_items (id bigint primary key); insert into logged_items select generate_series(1, 100)`);
  const lines = [
    'connections: 1',
    'tables:',
    '  - { table: public.full_items, method: FULL_TABLE }',
    '  - { table: public.keyed_items, method: INCREMENTAL, replicationKey: id }',
    '  - { table: public.logged_items, method: LOG_BASED }',
  ];
  await using ws = await openTestWorkspace(db, { lines });

  const first = await ws.run();
  await db.query('insert into logged_items values (101)');
  const second = await ws.run();

  expect([first.state, second.state]).toEqual(['complete', 'complete']);
});

test('a connection asks the system to keep it alive', async () => {
  const { host, port } = await sharedServer(newestMajor);
  const socket = await openServerSocket({ endpoint: { host, port }, tls: { mode: 'disable' } }, never());
  const plain = dial({ host, port });
  await new Promise((resolve) => plain.once('connect', resolve));
  // Column "tr" of /proc/net/tcp: 02 is the keep-alive timer (Documentation/networking/proc_net_tcp.rst of Linux).
  const timerOf = async (localPort: number): Promise<string | undefined> => {
    const hex = localPort.toString(16).toUpperCase().padStart(4, '0');
    const line = (await readFile('/proc/net/tcp', 'utf8'))
      .split('\n')
      .map((one) => one.trim().split(/\s+/))
      // Established: an older one of the same port may still be going away.
      .find(([, local, , state]) => local?.endsWith(`:${hex}`) === true && state === '01');
    return line?.[5]?.slice(0, 2);
  };

  const ours = 'localPort' in socket && typeof socket.localPort === 'number' ? await timerOf(socket.localPort) : undefined;
  const theirs = await timerOf(plain.localPort ?? 0);
  socket.destroy();
  plain.destroy();

  expect([ours, theirs]).toEqual(['02', '00']);
});

test.each([
  ['require', {}, /certificate is not checked/],
  ['disable', { host: 'db.example.com' }, /not encrypted/],
] as const)('mode %s is remarked upon', async (mode, changes, text) => {
  const { connectionWarnings } = await import('../../functions/connection-warnings.ts');
  const connection = {
    host: '10.0.0.1',
    port: 5432,
    database: 'd',
    user: 'u',
    auth: { kind: 'password' },
    ssl: { mode },
    ...changes,
  } as const;

  expect(connectionWarnings(connection)).toEqual([expect.stringMatching(text)]);
  expect(connectionWarnings({ ...connection, ssl: { mode: 'verify-full', ca: { kind: 'rds' } } })).toEqual([]);
  expect(connectionWarnings({ ...connection, host: '/var/run/postgresql', ssl: { mode: 'disable' } })).toEqual([]);
});
