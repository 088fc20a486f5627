import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toOpenSsh } from '../../functions/engine/source/postgres/openssh-key.ts';
import type { Tunnel, TunnelSettings } from '../../functions/engine/source/postgres/tunnel.ts';
import { activeSessions, never, rejection, terminate } from '../source/support.ts';
import { noLeaks } from '../support/leaks.ts';
import { createDatabase, eventually, newestMajor } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { startProxy } from '../support/proxy.ts';
import { startSshServer } from './ssh-server.ts';
import type { SshServer } from './ssh-server.ts';
import { connectThrough, outcomeOf, tunnelTo } from './support.ts';
import { hasProgram } from '../support/programs.ts';

const { privateKey } = toOpenSsh(generateKeyPairSync('ed25519').privateKey, '');
let db: TestDatabase;

beforeAll(async () => {
  db = await createDatabase(newestMajor);
});

afterAll(() => db[Symbol.asyncDispose]());

function tunnelThrough(
  server: SshServer,
  way: { readonly host: string; readonly port: number } = server,
  changes: Partial<TunnelSettings> = {},
): Tunnel {
  return tunnelTo(db, way, { privateKey, hostKeys: [server.fingerprint], ...changes });
}

describe.skipIf(!hasProgram('ssh-keygen'))('a tunnel', () => {
  it('carries all connections over one login, each with its own bytes, and leaves nothing behind', async () => {
    await using _ = await noLeaks();
    await using server = await startSshServer();
    {
      await using tunnel = tunnelThrough(server);
      const connections = await Promise.all(Array.from({ length: 5 }, () => connectThrough(tunnel, db)));
      const answers = await Promise.all(
        connections.map(async (connection, at) => {
          const rows = await connection.query<{ n: string; text: string }>(
            `select n, repeat('x', 1000) || $1::text as text from generate_series(1, 5000) n`,
            [at],
            never(),
          );
          return (
            rows.every(({ n, text }, index) => n === String(index + 1) && text === 'x'.repeat(1000) + String(at)) &&
            rows.length === 5000
          );
        }),
      );
      expect(answers).toEqual([true, true, true, true, true]);
      expect(server.logins).toBe(1);
      await Promise.all(connections.map((connection) => connection[Symbol.asyncDispose]()));
      await eventually('the channels are closed', () => server.forwarded === 0);
    }
  });

  it('carries cancel requests', async () => {
    await using server = await startSshServer();
    await using tunnel = tunnelThrough(server);
    await using connection = await connectThrough(tunnel, db);
    const controller = new AbortController();
    const running = rejection(connection.query('select pg_sleep(60)', [], controller.signal));
    await eventually('the statement runs', async () => (await activeSessions(db)) === 1);

    controller.abort(new Error('enough'));

    expect(await running).toMatchObject({ message: 'enough' });
    expect(await connection.query('select 1 as one', [], never())).toEqual([{ one: '1' }]);
  });

  it.each<readonly [how: string, fail: (server: SshServer, cut: () => void) => void]>([
    ['reset by the network', (_, cut) => cut()],
    ['ended by the server', (server) => server.disconnect()],
  ])('fails all its sessions when it is %s, and the next ones get a fresh login', async (_, fail) => {
    await using server = await startSshServer();
    await using proxy = await startProxy(server);
    await using tunnel = tunnelThrough(server, proxy);
    await using idle = await connectThrough(tunnel, db);
    await using busy = await connectThrough(tunnel, db);
    const running = rejection(busy.query('select pg_sleep(60)', [], never()));
    await eventually('the statement runs', async () => (await activeSessions(db)) === 1);

    fail(server, () => proxy.cut());

    expect(await running).toMatchObject({ code: 'connection-lost' });
    expect(await rejection(idle.query('select 1', [], never()))).toMatchObject({ code: 'connection-lost' });
    await using fresh = await connectThrough(tunnel, db);
    expect(await fresh.query('select 1 as one', [], never())).toEqual([{ one: '1' }]);
    expect(server.logins).toBe(2);
    await terminate(db);
  });

  it('notices that nothing comes through any more', async () => {
    await using server = await startSshServer();
    await using proxy = await startProxy(server);
    await using tunnel = tunnelThrough(server, proxy, { keepAliveMs: 50 });
    await using connection = await connectThrough(tunnel, db);

    proxy.freeze();
    const error = await rejection(connection.query('select 1', [], never()));

    expect(error).toMatchObject({ code: 'connection-lost' });
    proxy.thaw();
  });

  it('blames the SSH server, not PostgreSQL, for an answer that does not come', async () => {
    await using server = await startSshServer();
    await using proxy = await startProxy(server);
    proxy.freeze();
    await using tunnel = tunnelThrough(server, proxy, { connectTimeoutMs: 200 });

    expect(await outcomeOf(connectThrough(tunnel, db))).toMatch(/^ssh-unreachable: .*no answer within 200 ms/);
  });

  it('blames PostgreSQL for a forwarded connection that is never made', async () => {
    await using server = await startSshServer();
    await using tunnel = tunnelThrough(server);
    server.forwarding('keep-waiting');

    expect(await outcomeOf(connectThrough(tunnel, db, { connectTimeoutMs: 500 }))).toMatch(
      /^host-unreachable: .*no answer within 500 ms/,
    );
  });

  it('fails who waits for a forwarded connection when the server goes away', async () => {
    await using server = await startSshServer();
    await using tunnel = tunnelThrough(server);
    server.forwarding('keep-waiting');
    const waiting = rejection(tunnel.openSocket(never()));
    await eventually('the login is done', () => server.logins === 1);

    server.disconnect();

    expect(await waiting).toMatchObject({ code: 'connection-lost' });
  });

  it('says that what answers is no SSH server', async () => {
    const http = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    }).listen(0, '127.0.0.1');
    await once(http, 'listening');
    const address = http.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await using tunnel = tunnelTo(db, { host: '127.0.0.1', port }, { privateKey, hostKeys: [] });

    expect(await outcomeOf(connectThrough(tunnel, db))).toMatch(/^ssh-handshake-failed: /);
    http.close();
  });

  it('survives those who give up while it is being made', async () => {
    await using _ = await noLeaks();
    await using server = await startSshServer();
    await using tunnel = tunnelThrough(server);
    const controller = new AbortController();
    const impatient = rejection(tunnel.openSocket(controller.signal));
    const patient = connectThrough(tunnel, db);

    controller.abort(new Error('enough'));

    expect(await impatient).toMatchObject({ message: 'enough' });
    expect(await outcomeOf(patient)).toBe('ok');
    expect(server.logins).toBe(1);
  });

  it.each(['before it was used', 'while it logs in', 'with open connections'])('can be disposed of %s', async (when) => {
    await using _ = await noLeaks();
    await using server = await startSshServer();
    const tunnel = tunnelThrough(server);
    const attempt = when === 'before it was used' ? undefined : tunnel.openSocket(never());
    const socket = when === 'with open connections' ? await attempt : undefined;
    const outcome = attempt?.then(
      () => 'opened',
      (error: unknown) => error,
    );

    await tunnel[Symbol.asyncDispose]();

    if (when === 'while it logs in') expect(await outcome).toMatchObject({ code: 'connection-lost' });
    expect(socket?.destroyed ?? true).toBe(true);
    expect(await rejection(tunnel.openSocket(never()))).toMatchObject({ code: 'connection-lost' });
  });

  it('reads its key anew at each login', async () => {
    await using server = await startSshServer();
    let reads = 0;
    const key = async () => {
      reads += 1;
      return { privateKey };
    };
    await using tunnel = tunnelThrough(server, server, { key });
    expect(await outcomeOf(connectThrough(tunnel, db))).toBe('ok');
    expect(await outcomeOf(connectThrough(tunnel, db))).toBe('ok');
    const readBefore = reads;

    server.disconnect();
    await eventually('a session comes through', async () => (await outcomeOf(connectThrough(tunnel, db))) === 'ok');

    expect([readBefore, reads]).toEqual([1, 2]);
  });
});
