import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import type { Connection } from '../../functions/engine/source/postgres/connection.ts';
import { quoteIdentifier } from '../../functions/engine/source/postgres/quote.ts';
import { noLeaks } from '../support/leaks.ts';
import { createDatabase, eventually, majors, newestMajor, startServer } from '../support/postgres.ts';
import { startProxy } from '../support/proxy.ts';
import { activeSessions, never, rejection, settingsFor, show, terminate } from './support.ts';

describe.each(majors)('connecting to PostgreSQL %i', (major) => {
  it('tells apart what a server refuses', async () => {
    await using server = await startServer(major, {
      hba: [
        'host all md5_user 127.0.0.1/32 md5',
        'host all scram_user 127.0.0.1/32 scram-sha-256',
        'host all clear_user 127.0.0.1/32 password',
        'host all rejected_user 127.0.0.1/32 reject',
        'host all limited_user,trusted_user 127.0.0.1/32 trust',
      ],
    });
    await using db = await server.createDatabase();
    await db.query(`
      set password_encryption = 'md5'; create role md5_user login password 'right md5';
      set password_encryption = 'scram-sha-256'; create role scram_user login password 'right ünï';
      create role clear_user login password 'right clear';
      create role rejected_user login; create role limited_user login connection limit 0; create role trusted_user login;
      create role no_login_user`);
    await db.query(`create database closed_db allow_connections false`);
    await db.query(`create database revoked_db`);
    await db.query(`revoke connect on database revoked_db from public`);
    await db.query(`create database full_db connection limit 0`);
    const attempt = async (user: string, password?: string, database = db.database): Promise<string> => {
      const settings = settingsFor(server, {
        user,
        database,
        ...(password === undefined ? {} : { password: async () => password }),
      });
      const outcome = await connect(settings, never()).catch((error: unknown) => error);
      if (outcome instanceof Error) return 'code' in outcome ? String(outcome.code) : outcome.message;
      await (outcome as Connection)[Symbol.asyncDispose]();
      return 'connected';
    };

    const outcomes = {
      md5: await attempt('md5_user', 'right md5'),
      scram: await attempt('scram_user', 'right ünï'),
      clear: await attempt('clear_user', 'right clear'),
      wrongMd5: await attempt('md5_user', 'wrong'),
      wrongScram: await attempt('scram_user', 'wrong'),
      wrongClear: await attempt('clear_user', 'wrong'),
      noMd5: await attempt('md5_user'),
      noScram: await attempt('scram_user'),
      emptyScram: await attempt('scram_user', ''),
      rejected: await attempt('rejected_user'),
      unknownUser: await attempt('stranger', 'x'),
      noDatabase: await attempt('trusted_user', undefined, 'no such "database"'),
      closedDatabase: await attempt('trusted_user', undefined, 'closed_db'),
      revokedDatabase: await attempt('trusted_user', undefined, 'revoked_db'),
      fullDatabase: await attempt('trusted_user', undefined, 'full_db'),
      fullRole: await attempt('limited_user'),
    };

    expect(outcomes).toEqual({
      ...{ md5: 'connected', scram: 'connected', clear: 'connected' },
      ...{ wrongMd5: 'login-failed', wrongScram: 'login-failed', wrongClear: 'login-failed' },
      ...{ noMd5: 'login-failed', noScram: 'login-failed', emptyScram: 'login-failed' },
      ...{ rejected: 'login-failed', unknownUser: 'login-failed' },
      ...{ noDatabase: 'database-missing', closedDatabase: 'database-missing', revokedDatabase: 'database-missing' },
      ...{ fullDatabase: 'too-many-connections', fullRole: 'too-many-connections' },
    });
  });

  it('says that a server is shutting down', async () => {
    await using server = await startServer(major);
    await using db = await server.createDatabase();
    await db.query('select 1');
    const stopping = server.stop('smart');

    const error = await eventually('a connection is refused', async () => {
      const outcome = await connect(settingsFor(db), never()).catch((cause: unknown) => cause);
      if (outcome instanceof Error) return outcome;
      await (outcome as Connection)[Symbol.asyncDispose]();
      return false;
    });

    expect(error).toMatchObject({ code: 'server-not-ready', message: expect.stringContaining('57P03') });
    await db.query('select pg_terminate_backend(pg_backend_pid())').catch(() => undefined);
    await stopping;
    await server.start();
  });
});

describe('connecting', () => {
  it('passes on what reading the password throws', async () => {
    await using server = await startServer(newestMajor, { hba: ['host all other 127.0.0.1/32 scram-sha-256'] });
    await using db = await server.createDatabase();
    await db.query(`create role other login password 'x'`);
    const failure = new Error('the secret is gone');

    const error = await rejection(
      connect(settingsFor(server, { user: 'other', password: () => Promise.reject(failure) }), never()),
    );

    expect(error).toBe(failure);
  });

  it('takes no password and no settings from the environment of the process', async () => {
    await using server = await startServer(newestMajor, { hba: ['host all other 127.0.0.1/32 scram-sha-256'] });
    await using db = await server.createDatabase();
    await db.query(`create role other login password 'x'`);
    process.env['PGPASSWORD'] = 'x';

    const error = await rejection(connect(settingsFor(server, { user: 'other' }), never()));
    delete process.env['PGPASSWORD'];

    expect(error).toMatchObject({ code: 'login-failed' });
  });

  it('says that nothing listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    server.close();
    await once(server, 'close');

    const error = await rejection(connect(settingsFor({ host: '127.0.0.1', port }), never()));

    expect(error).toMatchObject({ code: 'host-unreachable', message: expect.stringContaining('connection refused') });
  });

  it('gives up on a server that does not answer', async () => {
    await using db = await createDatabase(newestMajor);
    await using proxy = await startProxy(db);
    proxy.freeze();

    const error = await rejection(connect(settingsFor({ ...proxy, database: db.database }, { connectTimeoutMs: 200 }), never()));

    expect(error).toMatchObject({ code: 'host-unreachable', message: expect.stringContaining('no answer within 200 ms') });
  });

  it('leaves nothing behind when it is aborted, at whatever point', async () => {
    await using db = await createDatabase(newestMajor);
    await using _ = await noLeaks();
    for (let bytes = 1; bytes < 700; bytes += 70) {
      await using proxy = await startProxy(db);
      const controller = new AbortController();
      const attempt = rejection(connect(settingsFor({ ...proxy, database: db.database }), controller.signal));
      proxy.shape({ chunkBytes: 1 });
      await eventually('bytes arrive', () => proxy.bytes.toClient >= bytes);
      proxy.freeze();
      controller.abort(new Error('enough'));

      expect(await attempt).toMatchObject({ message: 'enough' });
    }
  });

  it('names a connection that breaks while it is made', async () => {
    await using db = await createDatabase(newestMajor);
    await using proxy = await startProxy(db);
    proxy.refuse();

    const error = await rejection(connect(settingsFor({ ...proxy, database: db.database }), never()));

    expect(error).toMatchObject({ code: 'connection-lost' });
  });

  it('names a connection that breaks in a query', async () => {
    await using db = await createDatabase(newestMajor);
    await using proxy = await startProxy(db);
    await using connection = await connect(settingsFor({ ...proxy, database: db.database }), never());
    const running = rejection(connection.query('select pg_sleep(60)', [], never()));
    await eventually('the statement runs', async () => (await activeSessions(db)) === 1);

    proxy.cut();

    expect(await running).toMatchObject({ code: 'connection-lost' });
    await terminate(db);
  });

  it('cuts the connection off where a cancel request gets nowhere', async () => {
    await using db = await createDatabase(newestMajor);
    await using proxy = await startProxy(db);
    await using connection = await connect(settingsFor({ ...proxy, database: db.database }), never());
    const controller = new AbortController();
    const running = rejection(connection.query('select pg_sleep(60)', [], controller.signal));
    await eventually('the statement runs', async () => (await activeSessions(db)) === 1);

    proxy.refuse();
    controller.abort(new Error('enough'));

    expect(await running).toMatchObject({ message: 'enough' });
    await terminate(db);
  });

  it.each([
    // AuthenticationGSS, which pg does not know
    ['an unknown way of authentication', Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 7]), 'protocol-violation'],
    ['another protocol', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'protocol-violation'],
    ['nothing but the end', Buffer.alloc(0), 'connection-lost'],
  ])('is refused cleanly by a server that answers with %s', async (_, answer, code) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(answer));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;

    const error = await rejection(connect(settingsFor({ host: '127.0.0.1', port }), never()));
    server.close();

    expect(error).toMatchObject({ code });
  });

  it('reaches a server through a stream that it is given', async () => {
    await using db = await createDatabase(newestMajor);
    await using proxy = await startProxy(db);
    const { connect: dial } = await import('node:net');
    const openSocket = async () => {
      const socket = dial(proxy.port, proxy.host);
      await once(socket, 'connect');
      return socket;
    };

    await using connection = await connect(
      settingsFor({ host: 'db.internal', port: 1, database: db.database }, { openSocket }),
      never(),
    );

    expect(await connection.query('select 1 as one', [], never())).toEqual([{ one: '1' }]);
    expect(proxy.accepted).toBe(1);
    expect(connection.endpoint.host).toBe('db.internal');
  });

  it('changes no setting of a session that it shares with others through a pooler', async () => {
    await using db = await createDatabase(newestMajor);
    await using pooler = await startKeyChangingProxy(db);

    await using connection = await connect(settingsFor({ ...pooler, database: db.database }), never());

    expect(await show(connection, 'search_path')).toBe('"$user", public');
    expect(await show(connection, 'default_transaction_read_only')).toBe('off');
    await connection.query('begin', [], never());
    await connection.query(connection.transactionSettings, [], never());
    expect(await show(connection, 'search_path')).toBe('');
    expect(await show(connection, 'IntervalStyle')).toBe('iso_8601');
    await connection.query('commit', [], never());
    expect(await show(connection, 'search_path')).toBe('"$user", public');
  });

  it('keeps names with quotes in databases and users', async () => {
    await using db = await createDatabase(newestMajor);
    const name = `Weird "${db.database}" 'x' ünï`;
    await db.query(`create role ${quoteIdentifier(name)} login`);
    await db.query(`create database ${quoteIdentifier(name)}`);

    const connection = await connect(settingsFor(db, { user: name, database: name }), never());
    const rows = await connection.query('select current_user as u, current_database() as d', [], never());
    await connection[Symbol.asyncDispose]();

    expect(rows).toEqual([{ u: name, d: name }]);
    await eventually('the session ends', () =>
      db.query(`drop database ${quoteIdentifier(name)}`).then(
        () => true,
        () => false,
      ),
    );
    await db.query(`drop role ${quoteIdentifier(name)}`);
  });
});

/** What a pooler does to the backend key: its clients get one of its own making. */
async function startKeyChangingProxy(target: { readonly host: string; readonly port: number }) {
  const { connect: dial } = await import('node:net');
  const server = createServer((client) => {
    const upstream = dial(target.port, target.host);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => {
      const at = chunk.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
      if (at >= 0) chunk.writeInt32BE(1, at + 5);
      client.write(chunk);
    });
    upstream.on('end', () => client.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    host: '127.0.0.1',
    port: typeof address === 'object' && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}
