import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import type { Connection } from '../../functions/engine/source/postgres/connection.ts';
import type { TlsSettings } from '../../functions/engine/source/postgres/tls.ts';
import { eventually, majors, newestMajor, sharedServer, startServer } from '../support/postgres.ts';
import type { TestServer } from '../support/postgres.ts';
import { startProxy } from '../support/proxy.ts';
import { createAuthority } from './certificates.ts';
import type { Authority, Issued } from './certificates.ts';
import { never, rejection, settingsFor } from './support.ts';

let ours: Authority;
let theirs: Authority;
let localhost: Issued;

beforeAll(async () => {
  [ours, theirs] = await Promise.all([createAuthority(), createAuthority()]);
  localhost = await ours.issue({ commonName: 'db', names: 'IP:127.0.0.1,DNS:db.internal' });
});

afterAll(async () => {
  await ours[Symbol.asyncDispose]();
  await theirs[Symbol.asyncDispose]();
});

async function outcomeOf(server: { host: string; port: number }, tls: TlsSettings, user = 'anyone'): Promise<string> {
  const outcome = await connect(settingsFor(server, { user, tls }), never()).catch((error: unknown) => error);
  if (outcome instanceof Error) return `${'code' in outcome ? String(outcome.code) : ''}: ${outcome.message}`;
  const connection = outcome as Connection;
  const [row] = await connection.query<{ ssl: string }>('select ssl from pg_stat_ssl where pid = pg_backend_pid()', [], never());
  await connection[Symbol.asyncDispose]();
  return row?.ssl === 't' ? 'encrypted' : 'in clear';
}

describe.each(majors)('TLS to PostgreSQL %i', (major) => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer(major, {
      hba: ['hostssl all anyone 127.0.0.1/32 trust', 'hostssl all with_certificate 127.0.0.1/32 cert'],
      ssl: { ...localhost, clientCa: ours.certificate },
    });
    await using db = await server.createDatabase();
    await db.query('create role anyone login; create role with_certificate login');
  });

  afterAll(() => server[Symbol.asyncDispose]());

  it('means by each mode what libpq means', async () => {
    const ca = ours.certificate;
    const outcomes = {
      disable: await outcomeOf(server, { mode: 'disable' }),
      require: await outcomeOf(server, { mode: 'require' }),
      requireCa: await outcomeOf(server, { mode: 'require', ca }),
      requireOtherCa: await outcomeOf(server, { mode: 'require', ca: theirs.certificate }),
      verifyCa: await outcomeOf(server, { mode: 'verify-ca', ca }),
      verifyCaOtherName: await outcomeOf(server, { mode: 'verify-ca', ca, serverName: 'other.internal' }),
      verifyCaOtherCa: await outcomeOf(server, { mode: 'verify-ca', ca: theirs.certificate }),
      verifyCaNoCa: await outcomeOf(server, { mode: 'verify-ca' }),
      verifyFull: await outcomeOf(server, { mode: 'verify-full', ca }),
      verifyFullName: await outcomeOf(server, { mode: 'verify-full', ca, serverName: 'db.internal' }),
      verifyFullOtherName: await outcomeOf(server, { mode: 'verify-full', ca, serverName: 'other.internal' }),
      verifyFullOtherAddress: await outcomeOf(server, { mode: 'verify-full', ca, serverName: '127.0.0.2' }),
      verifyFullNoCa: await outcomeOf(server, { mode: 'verify-full' }),
    };

    expect(outcomes).toEqual({
      disable: expect.stringMatching(/^login-failed: .*28000/),
      require: 'encrypted',
      requireCa: 'encrypted',
      requireOtherCa: expect.stringMatching(/^tls-failed: .*not in ca/),
      verifyCa: 'encrypted',
      verifyCaOtherName: 'encrypted',
      verifyCaOtherCa: expect.stringMatching(/^tls-failed: .*not in ca/),
      verifyCaNoCa: expect.stringMatching(/^tls-failed: .*not in ca/),
      verifyFull: 'encrypted',
      verifyFullName: 'encrypted',
      verifyFullOtherName: expect.stringMatching(/^tls-failed: .*another host name/),
      verifyFullOtherAddress: expect.stringMatching(/^tls-failed: .*another host name/),
      verifyFullNoCa: expect.stringMatching(/^tls-failed: .*not in ca/),
    });
  });

  it('shows a client certificate where it has one', async () => {
    const right = await ours.issue({ commonName: 'with_certificate' });
    const otherName = await ours.issue({ commonName: 'someone' });
    const otherAuthority = await theirs.issue({ commonName: 'with_certificate' });
    const as = (client?: Issued): Promise<string> =>
      outcomeOf(
        server,
        { mode: 'verify-full', ca: ours.certificate, ...(client === undefined ? {} : { client }) },
        'with_certificate',
      );

    expect(await as(right)).toBe('encrypted');
    expect(await as()).toMatch(/^login-failed: .*28000/);
    expect(await as(otherName)).toMatch(/^login-failed: .*28000/);
    expect(await as(otherAuthority)).toMatch(/^(tls-failed|connection-lost): /);
  });

  it('checks the name of the endpoint through a tunnel', async () => {
    await using proxy = await startProxy(server);
    const { connect: dial } = await import('node:net');
    const through = (host: string) =>
      connect(
        {
          ...settingsFor({ host, port: 5432 }, { user: 'anyone', tls: { mode: 'verify-full', ca: ours.certificate } }),
          openSocket: async () => dial(proxy.port, proxy.host),
        },
        never(),
      );

    await using connection = await through('db.internal');
    const refused = await rejection(through('other.internal'));

    expect(await connection.query('select 1 as one', [], never())).toEqual([{ one: '1' }]);
    expect(refused).toMatchObject({ code: 'tls-failed' });
  });

  it('cancels over TLS too', async () => {
    await using connection = await connect(
      settingsFor(server, { user: 'anyone', tls: { mode: 'verify-full', ca: ours.certificate } }),
      never(),
    );
    await using other = await connect(settingsFor(server, { user: 'anyone', tls: { mode: 'require' } }), never());
    const isActive = async (): Promise<boolean> =>
      (
        await other.query(
          `select 1 from pg_stat_activity where query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()`,
          [],
          never(),
        )
      ).length > 0;
    const controller = new AbortController();
    const running = rejection(connection.query('select pg_sleep(60)', [], controller.signal));
    await eventually('the statement runs', isActive);

    controller.abort(new Error('enough'));

    expect(await running).toMatchObject({ message: 'enough' });
    expect(await isActive()).toBe(false);
    expect(await connection.query('select 1 as one', [], never())).toEqual([{ one: '1' }]);
  });
});

describe('TLS', () => {
  it('is refused for a certificate that has expired', async () => {
    const expired = await ours.issue({ commonName: 'db', names: 'IP:127.0.0.1', days: -1 });
    await using server = await startServer(newestMajor, { ssl: expired });

    expect(await outcomeOf(server, { mode: 'verify-full', ca: ours.certificate }, 'postgres')).toMatch(
      /^tls-failed: .*has expired/,
    );
    expect(await outcomeOf(server, { mode: 'require' }, 'postgres')).toBe('encrypted');
  });

  it('is refused by a server that does not offer it', async () => {
    expect(await outcomeOf(await sharedServer(newestMajor), { mode: 'require' }, 'postgres')).toMatch(
      /^tls-failed: .*does not offer TLS/,
    );
  });

  it.each([
    ['an authority', { ca: '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n' }],
    ['a client key', { client: { certificate: 'nonsense', key: 'nonsense' } }],
  ])('is refused with %s that is no PEM', async (_, parts) => {
    await using server = await startServer(newestMajor, { ssl: localhost });

    expect(await outcomeOf(server, { mode: 'verify-full', ...parts }, 'postgres')).toMatch(/^tls-failed: /);
  });

  it.each([
    ['bytes in clear after the answer', Buffer.from('Sunencrypted'), /man in the middle/],
    ['another protocol', Buffer.from('HTTP/1.1 400'), /not PostgreSQL/],
    ['an error', Buffer.from('Efatal'), /error instead of TLS/],
    ['an answer that is no handshake', Buffer.from('S'), /tls-failed|connection-lost/],
  ])('is refused for %s', async (_, answer, expected) => {
    const { createServer } = await import('node:net');
    const fake = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.write(answer);
        socket.once('data', () => socket.end('what?'));
      });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => fake.once('listening', resolve));
    const address = fake.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;

    const outcome = await outcomeOf({ host: '127.0.0.1', port }, { mode: 'require' });
    fake.close();

    expect(outcome).toMatch(expected);
  });
});
