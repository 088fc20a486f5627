import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toOpenSsh } from '../../functions/engine/source/postgres/openssh-key.ts';
import { createAuthority } from '../source/certificates.ts';
import { never } from '../source/support.ts';
import { createDatabase, newestMajor, startServer } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { makeKeyPair } from './ssh-keys.ts';
import type { KeyKind, KeyPair } from './ssh-keys.ts';
import { freePort, startSshd } from './sshd.ts';
import type { Sshd } from './sshd.ts';
import { connectThrough, outcomeOf, tunnelTo } from './support.ts';
import { hasProgram } from '../support/programs.ts';

let db: TestDatabase;
let sshd: Sshd;
let key: KeyPair;

beforeAll(async () => {
  [db, sshd] = await Promise.all([createDatabase(newestMajor), startSshd({ hostKeys: ['rsa', 'ecdsa', 'ed25519'] })]);
  key = await makeKeyPair(sshd.folder, 'user', { type: 'ed25519' });
  await sshd.authorize(key.publicLine);
});

afterAll(async () => {
  await sshd[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

const accepted = (): { readonly hostKeys: readonly string[] } => ({
  hostKeys: sshd.hostKeys.map(({ fingerprint }) => fingerprint),
});

describe.skipIf(!(hasProgram('sshd') && hasProgram('ssh-keygen')))('a tunnel through sshd', () => {
  it.each<readonly [name: string, kind: KeyKind]>([
    ['ed25519', { type: 'ed25519' }],
    ['ed25519 with a passphrase', { type: 'ed25519', passphrase: 'ünï 1' }],
    ['RSA', { type: 'rsa' }],
    ['RSA with a passphrase', { type: 'rsa', passphrase: 'passw0rd' }],
    ['RSA as PEM', { type: 'rsa', format: 'PEM' }],
    ['RSA as PEM with a passphrase', { type: 'rsa', format: 'PEM', passphrase: 'passw0rd' }],
    ['RSA as PKCS#8', { type: 'rsa', format: 'PKCS8' }],
    ['RSA as PKCS#8 with a passphrase', { type: 'rsa', format: 'PKCS8', passphrase: 'passw0rd' }],
    ['ECDSA', { type: 'ecdsa' }],
    ['ECDSA as PEM', { type: 'ecdsa', format: 'PEM' }],
    ['ECDSA as PKCS#8', { type: 'ecdsa', format: 'PKCS8' }],
  ])('logs in with a key of the kind %s', async (name, kind) => {
    const pair = await makeKeyPair(sshd.folder, name.replaceAll(/\W/g, '-'), kind);
    await sshd.authorize(pair.publicLine);
    const { passphrase } = kind;
    await using tunnel = tunnelTo(db, sshd, {
      privateKey: pair.privateKey,
      ...(passphrase === undefined ? {} : { passphrase }),
      ...accepted(),
    });

    expect(await outcomeOf(connectThrough(tunnel, db))).toBe('ok');
    if (passphrase === undefined) return;
    await using locked = tunnelTo(db, sshd, { privateKey: pair.privateKey, ...accepted() });
    await using wrong = tunnelTo(db, sshd, { privateKey: pair.privateKey, passphrase: 'wrong', ...accepted() });
    expect(await outcomeOf(connectThrough(locked, db))).toMatch(/^ssh-key-unreadable: .*encrypted, and there is no passphrase/);
    expect(await outcomeOf(connectThrough(wrong, db))).toMatch(/^ssh-key-unreadable: .*the passphrase is wrong/);
  });

  it('logs in with keys of our own making, in both forms that an ed25519 key has', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const ours = toOpenSsh(privateKey, 'ours');
    await sshd.authorize(ours.publicLine);
    for (const form of [ours.privateKey, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()]) {
      await using tunnel = tunnelTo(db, sshd, { privateKey: form, ...accepted() });
      expect(await outcomeOf(connectThrough(tunnel, db))).toBe('ok');
    }
  });

  it.each([0, 1, 2])('accepts any host key of a server that has several (number %i)', async (index) => {
    await using tunnel = tunnelTo(db, sshd, { privateKey: key.privateKey, hostKeys: [sshd.hostKeys[index]?.fingerprint ?? ''] });

    expect(await outcomeOf(connectThrough(tunnel, db))).toBe('ok');
  });

  it('refuses a host key that nobody has confirmed, and says which one it is', async () => {
    await using tunnel = tunnelTo(db, sshd, { privateKey: key.privateKey, hostKeys: [] });

    const outcome = await outcomeOf(connectThrough(tunnel, db));

    const fingerprint = /SHA256:[A-Za-z0-9+/]{43}/.exec(outcome)?.[0] ?? '';
    expect(outcome).toMatch(/^ssh-host-key-unknown: /);
    expect(accepted().hostKeys).toContain(fingerprint);
    await using second = tunnelTo(db, sshd, { privateKey: key.privateKey, hostKeys: [fingerprint] });
    expect(await outcomeOf(connectThrough(second, db))).toBe('ok');
  });

  it('refuses a server whose host key is another, before it shows its own key', async () => {
    const before = (await sshd.log()).length;
    await using tunnel = tunnelTo(db, sshd, { privateKey: key.privateKey, hostKeys: [key.fingerprint] });

    const outcome = await outcomeOf(connectThrough(tunnel, db));

    expect(outcome).toMatch(/^ssh-host-key-changed: .*SHA256:/);
    expect((await sshd.log()).slice(before)).not.toContain('Accepted publickey');
  });

  it('says that a login was refused, with the line that is missing on the server', async () => {
    const stranger = await makeKeyPair(sshd.folder, 'stranger', { type: 'ed25519' });
    await using tunnel = tunnelTo(db, sshd, { privateKey: stranger.privateKey, ...accepted() });
    // Not the preferred kind of host key: the refusal must not be taken for one of that.
    await using pinned = tunnelTo(db, sshd, { privateKey: stranger.privateKey, hostKeys: [sshd.hostKeys[0]?.fingerprint ?? ''] });

    const error = await tunnel.openSocket(never()).catch((cause: unknown) => cause);

    expect(error).toMatchObject({
      code: 'ssh-login-failed',
      remedy: expect.stringContaining(stranger.publicLine.split(' ')[1] ?? '-'),
    });
    expect(await outcomeOf(connectThrough(pinned, db))).toMatch(/^ssh-login-failed: /);
  });

  it('refuses what is no private key', async () => {
    for (const privateKey of ['', 'nonsense', key.publicLine, key.privateKey.replace(/b3Bl/, 'AAAA')]) {
      await using tunnel = tunnelTo(db, sshd, { privateKey, ...accepted() });
      expect(await outcomeOf(connectThrough(tunnel, db))).toMatch(/^ssh-key-unreadable: /);
    }
  });

  it('says that nothing listens behind the SSH server, and not that the tunnel failed', async () => {
    await using tunnel = tunnelTo({ host: '127.0.0.1', port: await freePort() }, sshd, {
      privateKey: key.privateKey,
      ...accepted(),
    });

    expect(await outcomeOf(connectThrough(tunnel, db))).toMatch(
      /^host-unreachable: .*the SSH server 127.0.0.1:\d+ cannot connect to it/,
    );
  });

  it.each(['AllowTcpForwarding no', 'PermitOpen 127.0.0.1:1', 'AllowTcpForwarding remote', 'DisableForwarding yes'])(
    'says that the server forbids forwarding by "%s"',
    async (line) => {
      await using strict = await startSshd({ config: [line] });
      await strict.authorize(key.publicLine);
      await using tunnel = tunnelTo(db, strict, {
        privateKey: key.privateKey,
        hostKeys: [strict.hostKeys[0]?.fingerprint ?? ''],
      });

      expect(await outcomeOf(connectThrough(tunnel, db))).toMatch(
        new RegExp(`^ssh-forwarding-refused: .*to 127.0.0.1:${String(db.port)}: administratively prohibited`),
      );
    },
  );

  it('reaches exactly what the server permits', async () => {
    await using strict = await startSshd({ config: [`PermitOpen 127.0.0.1:${String(db.port)}`] });
    await strict.authorize(`restrict,port-forwarding ${key.publicLine}`);
    await using tunnel = tunnelTo(db, strict, { privateKey: key.privateKey, hostKeys: [strict.hostKeys[0]?.fingerprint ?? ''] });

    expect(await outcomeOf(connectThrough(tunnel, db))).toBe('ok');
  });

  it('says that the SSH server cannot be reached', async () => {
    await using tunnel = tunnelTo(
      db,
      { host: '127.0.0.1', port: await freePort() },
      { privateKey: key.privateKey, ...accepted() },
    );
    await using unknown = tunnelTo(db, { host: 'bastion.invalid', port: 22 }, { privateKey: key.privateKey, ...accepted() });

    expect(await outcomeOf(connectThrough(tunnel, db))).toMatch(/^ssh-unreachable: .*connection refused/);
    expect(await outcomeOf(connectThrough(unknown, db))).toMatch(/^ssh-unreachable: .*host name/);
  });

  it('checks the name of the database server, not of the SSH server, through the tunnel', async () => {
    await using authority = await createAuthority();
    await using server = await startServer(newestMajor, {
      ssl: await authority.issue({ commonName: 'db', names: 'DNS:localhost' }),
    });
    const tls = { mode: 'verify-full', ca: authority.certificate } as const;
    const named = { host: 'localhost', port: server.port };
    await using byName = tunnelTo(named, sshd, { privateKey: key.privateKey, ...accepted() });
    await using byAddress = tunnelTo(server, sshd, { privateKey: key.privateKey, ...accepted() });

    await using connection = await connectThrough(byName, named, { tls });
    const [row] = await connection.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()', [], never());

    expect(row).toEqual({ ssl: 't' });
    expect(await outcomeOf(connectThrough(byAddress, server, { tls }))).toMatch(/^tls-failed: .*another host name/);
  });
});
