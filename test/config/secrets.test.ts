import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { SecretRef } from '../../functions/engine/config/config.ts';
import { loadConfigText } from '../../functions/engine/config/load.ts';
import { literalSecrets, redacted } from '../../functions/engine/config/redact.ts';
import { resolveSecret } from '../../functions/engine/config/secrets.ts';
import type { SecretDeps } from '../../functions/engine/config/secrets.ts';
import { withIntegration } from './example.ts';

const where = 'integrations.shop.connection.password';
const deps = (given: Partial<SecretDeps> = {}): SecretDeps => ({
  env: {},
  readFile: async () => '',
  signal: new AbortController().signal,
  ...given,
});
const inSecret = (content: string): SecretDeps => deps({ fetchSecret: async () => content });
const secret: SecretRef = { kind: 'secret', id: 'prod/shop', field: 'password', where };

describe('a secret', () => {
  test.each<readonly [string, SecretRef, SecretDeps, string]>([
    ['in the environment', { kind: 'env', name: 'SHOP', where }, deps({ env: { SHOP: ' a b ' } }), ' a b '],
    [
      'in a file, without the line break at its end',
      { kind: 'file', path: '/p', where },
      deps({ readFile: async (path) => `${path} x\r\n\n` }),
      '/p x',
    ],
    ['in the configuration', { kind: 'literal', reveal: () => 'x', where }, deps(), 'x'],
    ['in Secrets Manager as text', secret, inSecret('plain'), 'plain'],
    ['in Secrets Manager as text that begins like JSON', secret, inSecret('{not json'), '{not json'],
    ['in Secrets Manager as text that is a JSON number', secret, inSecret('123'), '123'],
    ['in the form of RDS', secret, inSecret('{"username":"u","password":"p\\"w","engine":"postgres"}'), 'p"w'],
    ['in another field', { ...secret, field: 'apiPassword' }, inSecret('{"apiPassword":"y","password":"n"}'), 'y'],
  ])('%s is read', async (_, reference, given, expected) => {
    expect(await resolveSecret(reference, given)).toBe(expected);
  });

  const failing = (error: Error) => async (): Promise<string> => {
    throw error;
  };
  test.each<readonly [string, SecretRef, SecretDeps, string]>([
    ['a variable that is not set', { kind: 'env', name: 'SHOP', where }, deps(), 'the environment variable SHOP is not set'],
    [
      'a variable that is empty',
      { kind: 'env', name: 'SHOP', where },
      deps({ env: { SHOP: '' } }),
      'the environment variable SHOP is empty',
    ],
    ['a file that is empty', { kind: 'file', path: '/p', where }, deps({ readFile: async () => '\n' }), 'the file /p is empty'],
    [
      'a file that is not there',
      { kind: 'file', path: '/p', where },
      deps({ readFile: failing(Object.assign(new Error('hunter2'), { code: 'ENOENT' })) }),
      'the file /p gave ENOENT',
    ],
    ['no Secrets Manager', secret, deps(), 'AWS Secrets Manager cannot be used here'],
    [
      'a secret that is refused',
      secret,
      deps({ fetchSecret: failing(Object.assign(new Error('hunter2'), { name: 'AccessDeniedException' })) }),
      'the secret prod/shop gave AccessDeniedException',
    ],
    ['a secret without the field', secret, inSecret('{"pass":"hunter2"}'), 'without "password"'],
    ['a secret with a number in the field', secret, inSecret('{"password":42}'), 'has no text in "password"'],
    ['a secret that is empty', secret, inSecret(''), 'the secret prod/shop is empty'],
    ['a field of every object', { ...secret, field: 'constructor' }, inSecret('{"password":"hunter2"}'), 'without "constructor"'],
  ])('%s is secret-missing, and names the setting', async (_, reference, given, reason) => {
    const failure = resolveSecret(reference, given);

    await expect(failure).rejects.toMatchObject({ code: 'secret-missing', message: expect.stringContaining(where) });
    await expect(failure).rejects.toMatchObject({ message: expect.stringContaining(reason) });
    await expect(failure).rejects.toMatchObject({ message: expect.not.stringContaining('hunter2') });
  });

  test('is not read once aborted', async () => {
    const reason = new Error('enough');

    await expect(resolveSecret(secret, { ...inSecret('x'), signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

test('a literal password is named, and shown by no way of printing', () => {
  const { config } = loadConfigText(
    withIntegration('tables: []', '{ host: h, database: d, user: u, password: hunter2 }'),
    '/etc/backstitch.yaml',
  );

  expect(literalSecrets(config)).toEqual([where]);
  for (const printed of [
    JSON.stringify(redacted(config)),
    inspect(redacted(config), { depth: 20 }),
    JSON.stringify(config),
    inspect(config, { depth: 20, showHidden: true }),
  ]) {
    expect(printed).toContain('literal');
    expect(printed).not.toContain('hunter2');
  }
});

test('references are printed as they are', () => {
  const { config } = loadConfigText(
    withIntegration('tables: []', '{ host: h, database: d, user: u, password: { secret: prod/shop } }'),
    '/etc/backstitch.yaml',
  );

  expect(literalSecrets(config)).toEqual([]);
  expect(JSON.stringify(redacted(config))).toContain('prod/shop');
});
