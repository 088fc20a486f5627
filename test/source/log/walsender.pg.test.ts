import { expect, it } from 'vitest';
import { ReplicationError } from '../../../functions/engine/model/errors.ts';
import type { ConnectionSettings } from '../../../functions/engine/source/postgres/connection.ts';
import { logDialectOf } from '../../../functions/engine/source/postgres/log/log-dialect.ts';
import { openWalsender } from '../../../functions/engine/source/postgres/log/walsender.ts';
import { newestMajor, onServer, startServer } from '../../support/postgres.ts';
import { never, rejection, settingsFor } from '../support.ts';

function openIt(settings: ConnectionSettings): Promise<unknown> {
  const dialect = logDialectOf({ version: newestMajor * 10_000 });
  return openWalsender(settings, { dialect, log: { senderTimeoutMs: 60_000, maxSenders: 10 } }, never());
}

it('a session of the replication protocol that cannot be says what hindered it: the way there, the login, or the protocol', async () => {
  await using server = await startServer(newestMajor, {
    hba: ['host all reader 127.0.0.1/32 scram-sha-256', 'host all local 127.0.0.1/32 trust'],
  });
  await onServer(server, (admin) =>
    admin.query(`create role reader login replication password 'right'; create role local login replication`),
  );
  const ssh = new ReplicationError('ssh-unreachable', { host: 'bastion', port: 22, reason: 'refused' });
  const reader = settingsFor(server, { user: 'reader' });

  // The way through a tunnel failed: not a matter of replication.
  expect(await rejection(openIt({ ...reader, openSocket: () => Promise.reject(ssh) }))).toBe(ssh);
  expect(await rejection(openIt({ ...reader, password: async () => 'wrong' }))).toMatchObject({ code: 'login-failed' });
  expect(await rejection(openIt({ ...reader, database: 'no such database', password: async () => 'right' }))).toMatchObject({
    code: 'stream-refused',
    message: expect.stringContaining('3D000'),
  });
  await onServer(server, (admin) => admin.query('alter role local noreplication'));
  expect(await rejection(openIt(settingsFor(server, { user: 'local' })))).toMatchObject({ code: 'replication-right-missing' });
});
