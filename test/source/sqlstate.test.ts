import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { ReplicationError } from '../../functions/engine/model/errors.ts';
import { ProtocolFailure } from '../../functions/engine/source/postgres/socket.ts';
import { replicationErrorOf } from '../../functions/engine/source/postgres/sqlstate.ts';
import type { Where } from '../../functions/engine/source/postgres/sqlstate.ts';
import { TlsFailure } from '../../functions/engine/source/postgres/tls.ts';

const where: Where = {
  endpoint: { host: 'db.internal', port: 5432, user: 'reader' },
  database: 'shop',
  phase: 'session',
  stream: { database: 'shop', schema: 'public', table: 'orders' },
};

function server(sqlstate: string): Error {
  return Object.assign(new pg.DatabaseError('text that says something else', 1, 'error'), { code: sqlstate, severity: 'ERROR' });
}

function system(code: string): Error {
  return Object.assign(new Error('text that says something else'), { code });
}

describe('an error while connecting', () => {
  it.each([
    [server('28P01'), 'login-failed'],
    [server('28000'), 'login-failed'],
    [server('3D000'), 'database-missing'],
    [server('42501'), 'database-missing'],
    [server('55000'), 'database-missing'],
    [server('57P03'), 'server-not-ready'],
    [server('57P01'), 'server-not-ready'],
    [server('53300'), 'too-many-connections'],
    [server('08P01'), 'connection-lost'],
    [server('XX000'), 'connection-lost'],
    [system('ECONNREFUSED'), 'host-unreachable'],
    [system('ENOTFOUND'), 'host-unreachable'],
    [system('EAI_AGAIN'), 'host-unreachable'],
    [system('ETIMEDOUT'), 'host-unreachable'],
    [system('EHOSTUNREACH'), 'host-unreachable'],
    [system('ECONNRESET'), 'connection-lost'],
    [system('ERR_TLS_CERT_ALTNAME_INVALID'), 'tls-failed'],
    [system('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'), 'tls-failed'],
    [new TlsFailure('no'), 'tls-failed'],
    [new ProtocolFailure('garbage'), 'protocol-violation'],
  ])('%s is %s', (error, code) => {
    expect(replicationErrorOf(error, { ...where, phase: 'connect' })).toMatchObject({ code, cause: error });
  });
});

describe('an error in a session', () => {
  it.each([
    ['57P01', 'connection-lost'],
    ['57P02', 'connection-lost'],
    ['57P05', 'connection-lost'],
    ['25P03', 'connection-lost'],
    ['08006', 'connection-lost'],
    ['42501', 'privilege-missing'],
    ['40001', 'recovery-conflict'],
    ['57014', 'query-cancelled'],
    ['55P03', 'table-locked'],
    ['42P01', 'structure-changed'],
    ['42703', 'structure-changed'],
    ['3F000', 'structure-changed'],
    ['40P01', 'query-failed'],
    ['53100', 'query-failed'],
    ['22P02', 'query-failed'],
    ['XX001', 'query-failed'],
  ])('%s is %s', (sqlstate, code) => {
    const error = replicationErrorOf(server(sqlstate), where);

    expect(error).toMatchObject({ code });
    expect(error?.message).toContain(sqlstate);
    expect(`${error?.message ?? ''}${error?.remedy ?? ''}`).not.toMatch(/says something else|\{/);
  });

  it('takes a deadlock on a replica for a conflict with recovery', () => {
    expect(replicationErrorOf(server('40P01'), { ...where, inRecovery: true })).toMatchObject({ code: 'recovery-conflict' });
  });

  it.each(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH'])('%s is a lost connection', (code) => {
    expect(replicationErrorOf(system(code), where)).toMatchObject({ code: 'connection-lost' });
  });

  it('names the catalog where no stream was being read', () => {
    const { stream: _, ...noStream } = where;

    expect(replicationErrorOf(server('57014'), noStream)?.message).toContain('the catalog of "shop"');
  });

  it('leaves errors of ours as they are, and does not know others', () => {
    const ours = new ReplicationError('server-too-old', { version: '9.2' });

    expect(replicationErrorOf(ours, where)).toBe(ours);
    expect(replicationErrorOf(new TypeError('a defect'), where)).toBeUndefined();
    expect(replicationErrorOf('text', where)).toBeUndefined();
  });

  // Five capital letters, like a SQLSTATE.
  it('does not take a system code for a SQLSTATE', () => {
    expect(replicationErrorOf(system('EPERM'), { ...where, phase: 'connect' })).toMatchObject({ code: 'host-unreachable' });
  });
});
