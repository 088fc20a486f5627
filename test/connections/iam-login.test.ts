import { once } from 'node:events';
import { createServer } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterEach, expect, test, vi } from 'vitest';
import { loadConfigText } from '../../functions/engine/config/load.ts';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import { iamTokens } from '../../functions/iam-token.ts';
import { openSource } from '../../functions/open-source.ts';
import { createAuthority } from '../source/certificates.ts';
import type { Issued } from '../source/certificates.ts';
import { never, rejection, settingsFor } from '../source/support.ts';
import { withEnvironment } from './secrets-manager.ts';

const CREDENTIALS = {
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'secret',
  AWS_SESSION_TOKEN: undefined,
  AWS_REGION: 'eu-west-1',
};

afterEach(() => {
  vi.useRealTimers();
});

test('every login gets a token of its own, and only through TLS', async () => {
  await using authority = await createAuthority();
  await using server = await startPasswordCollector(await authority.issue({ commonName: 'db', names: 'IP:127.0.0.1' }));
  const restore = withEnvironment(CREDENTIALS);
  const password = iamTokens({ host: server.host, port: server.port, user: 'reader' }, process.env);
  const settings = settingsFor(server, { user: 'reader', password, tls: { mode: 'verify-full', ca: authority.certificate } });
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-22T10:00:00Z') });

  const first = await rejection(connect(settings, never()));
  vi.setSystemTime(new Date('2026-11-22T10:20:00Z'));
  await rejection(connect(settings, never()));
  restore();

  expect(first).toMatchObject({ code: 'login-failed', message: expect.stringContaining('28000') });
  const dates = server.passwords.map((token) => new URL(`https://${token}`).searchParams.get('X-Amz-Date'));
  expect(dates).toEqual(['20261122T100000Z', '20261122T102000Z']);
});

test('the configuration chooses it, and its region may come from the environment', async () => {
  await using authority = await createAuthority();
  await using server = await startPasswordCollector(await authority.issue({ commonName: 'db', names: 'IP:127.0.0.1' }));
  const restore = withEnvironment(CREDENTIALS);
  const { config } = loadConfigText(configuration(server, 'require'), '/tmp/backstitch.yaml');
  const [integration] = config.integrations;
  if (integration === undefined) throw new Error('there is one');

  await using source = await openSource(integration, {
    job: 'job-1',
    readSecret: () => Promise.reject(new Error('there is no secret')),
  });
  const error = await rejection(source.info(never()));
  restore();

  expect(error).toMatchObject({ code: 'login-failed' });
  expect(server.passwords).toEqual([
    expect.stringMatching(new RegExp(`^127\\.0\\.0\\.1:${String(server.port)}/\\?Action=connect&DBUser=reader&`)),
  ]);
});

test('without TLS it is an error of the configuration', () => {
  expect(() => loadConfigText(configuration({ host: 'db', port: 5432 }, 'disable'), 'backstitch.yaml')).toThrow(
    /no encryption with auth: iam/,
  );
});

function configuration({ host, port }: { readonly host: string; readonly port: number }, mode: string): string {
  return [
    'destination: { url: file:./out }',
    'state: { url: file:./state }',
    'integrations:',
    '  - name: shop',
    `    connection: { host: ${host}, port: ${String(port)}, database: shop, user: reader, auth: iam, ssl: { mode: ${mode} } }`,
    '    tables: [{ table: public.items, method: FULL_TABLE }]',
    '',
  ].join('\n');
}

/** What RDS does with IAM users, but that nobody gets in: asks for the password in clear, inside TLS, and refuses it as PAM does. */
async function startPasswordCollector(issued: Issued) {
  const passwords: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write('S');
      const secure = new TLSSocket(socket, { isServer: true, cert: issued.certificate, key: issued.key });
      secure.on('error', () => undefined);
      secure.once('data', () => {
        // AuthenticationCleartextPassword
        secure.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
        secure.once('data', (message: Buffer) => {
          passwords.push(message.subarray(5, -1).toString());
          const fields = Buffer.from('SFATAL\0VFATAL\0C28000\0MPAM authentication failed\0\0');
          const head = Buffer.alloc(5, 'E');
          head.writeInt32BE(fields.length + 4, 1);
          secure.end(Buffer.concat([head, fields]));
        });
      });
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  return {
    host: '127.0.0.1',
    port: address.port,
    passwords,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}
