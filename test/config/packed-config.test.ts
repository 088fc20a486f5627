import { describe, expect, test } from 'vitest';
import { loadConfigText } from '../../functions/engine/config/load.ts';
import { packConfig, unpackConfig } from '../../functions/engine/config/packed-config.ts';

const FILE = '/somewhere/backstitch.yaml';

function configOf(connection: readonly string[], top: readonly string[] = []) {
  const text = [
    'destination: { url: "s3://landing/postgres" }',
    'state: { url: "dynamodb://ledger" }',
    ...top,
    'integrations:',
    '  - name: other',
    '    connection: { host: other.internal, database: other, user: backstitch, password: { secret: prod/other } }',
    '    tables: [{ table: public.a, method: FULL_TABLE }]',
    '  - name: shop',
    '    connection:',
    '      host: db.internal',
    '      database: shop',
    '      user: backstitch',
    ...connection.map((line) => `      ${line}`),
    '    schedule: { every: 30 minutes }',
    '    tables: [{ table: public.orders, method: FULL_TABLE }]',
    '',
  ].join('\n');
  return loadConfigText(text, FILE).config;
}

describe('a packed configuration', () => {
  test('arrives as it was, of the one integration', () => {
    const config = configOf(['password: { secret: prod/shop, field: pw }', 'ssl: { ca: rds }']);

    const { json, files } = packConfig(config, 'shop');
    const { config: arrived, integration } = unpackConfig(json, '/var/task');

    expect(files).toEqual([]);
    expect(integration).toEqual(config.integrations[1]);
    expect(arrived).toEqual({ destination: config.destination, state: config.state, integrations: [integration] });
    expect(json).not.toContain('other');
  });

  test('brings certificates with it, and finds them where it arrives', () => {
    const config = configOf(['auth: iam', 'ssl: { ca: certs/ca.pem, cert: /etc/client.crt, key: { secret: prod/client-key } }']);

    const { json, files } = packConfig(config, 'shop');
    const { integration } = unpackConfig(json, '/var/task');

    expect(files).toEqual([
      { name: 'ca.pem', path: '/somewhere/certs/ca.pem' },
      { name: 'client-certificate.crt', path: '/etc/client.crt' },
    ]);
    expect(json).not.toContain('/somewhere');
    expect(integration.connection.ssl).toMatchObject({
      ca: { kind: 'file', path: '/var/task/ca.pem' },
      cert: { kind: 'file', path: '/var/task/client-certificate.crt' },
      key: { kind: 'secret', id: 'prod/client-key' },
    });
  });

  test('is the same whatever folder and whatever machine it is made on, and whatever the account is like', () => {
    const connection = ['auth: iam'];
    const config = configOf(connection);
    const local = {
      ...config,
      destination: { ...config.destination, url: 'file:./out', location: { kind: 'file', folder: '/home/me/out' } as const },
    };
    const elsewhere = {
      ...local,
      destination: { ...local.destination, location: { kind: 'file', folder: '/build/out' } as const },
    };

    expect(packConfig(local, 'shop')).toEqual(packConfig(elsewhere, 'shop'));
    const [other, shop] = config.integrations;
    if (other === undefined || shop === undefined) throw new Error('two integrations were expected');
    const withAws = { ...config, integrations: [other, { ...shop, aws: {} as NonNullable<(typeof shop)['aws']> }] };
    expect(packConfig(withAws, 'shop')).toEqual(packConfig(config, 'shop'));
  });

  test.each<readonly [what: string, connection: readonly string[], where: string]>([
    ['a literal password', ['password: hunter2-literal'], 'password'],
    ['a password of the environment', ['password: { env: SHOP_PASSWORD }'], 'password'],
    ['a password in a file', ['password: { file: ./pw.txt }'], 'password'],
    ['a private key in a file', ['auth: iam', 'ssl: { ca: rds, cert: c.pem, key: k.pem }'], 'key'],
    ['an authority of the environment', ['auth: iam', 'ssl: { ca: { env: CA } }'], 'ca'],
    ['an SSH key in a file', ['auth: iam', 'ssh: { host: bastion, user: tunnel, privateKey: { file: ./id } }'], 'privateKey'],
    [
      'a passphrase of the environment',
      ['auth: iam', 'ssh: { host: bastion, user: tunnel, privateKey: { secret: id }, passphrase: { env: PASS } }'],
      'passphrase',
    ],
  ])('is not made of %s', (_, connection, where) => {
    const attempt = (): unknown => packConfig(configOf(connection), 'shop');

    expect(attempt).toThrow(expect.objectContaining({ code: 'secret-not-for-aws' }) as Error);
    expect(attempt).toThrow(new RegExp(`shop.*${where}`));
    expect(attempt).not.toThrow(/hunter2/);
  });

  test('does not carry the secrets of other integrations into the question', () => {
    const config = configOf(['password: hunter2-literal']);

    expect(packConfig(config, 'other').json).not.toContain('hunter2');
  });

  test('of an integration that is not there is refused', () => {
    expect(() => packConfig(configOf(['auth: iam']), 'nobody')).toThrow(
      expect.objectContaining({ code: 'integration-unknown' }) as Error,
    );
  });

  test.each([
    '',
    'text',
    '{}',
    '{"format":2,"config":{}}',
    '{"format":1,"config":{"destination":{},"state":{},"integrations":[]}}',
  ])('that cannot be read is an error that says where: %j', (json) => {
    expect(() => unpackConfig(json, '/var/task')).toThrow(expect.objectContaining({ code: 'packed-config-unreadable' }) as Error);
    expect(() => unpackConfig(json, '/var/task')).toThrow(/\/var\/task/);
  });
});
