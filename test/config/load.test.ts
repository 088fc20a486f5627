import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig, loadConfigText } from '../../functions/engine/config/load.ts';
import { redacted } from '../../functions/engine/config/redact.ts';
import { EXAMPLE, withIntegration } from './example.ts';

const FILE = '/etc/backstitch.yaml';
const never = new AbortController().signal;

describe('a valid file', () => {
  test('resolves units, paths, names and references', () => {
    const { config, warnings } = loadConfigText(EXAMPLE, FILE);

    expect(warnings).toEqual([]);
    expect(config.destination).toEqual({
      url: 's3://acme-landing/postgres',
      location: { kind: 's3', bucket: 'acme-landing', prefix: 'postgres' },
      compression: 'gzip',
      gzipLevel: 1,
      rotateBytes: 134_217_728,
      jsonColumns: 'string',
      profile: 'default',
    });
    expect(config.state.location).toEqual({ kind: 'dynamodb', table: 'backstitch' });
    const where = (name: string) => `integrations.shop.connection.${name}`;
    expect(config.integrations).toEqual([
      {
        name: 'shop',
        connection: {
          host: 'db.internal',
          port: 5433,
          database: 'shop',
          databases: ['shop', 'billing'],
          user: 'backstitch',
          auth: { kind: 'password', password: { kind: 'env', name: 'SHOP_PASSWORD', where: where('password') } },
          ssl: { mode: 'verify-full', ca: { kind: 'rds' } },
          ssh: {
            host: 'bastion',
            port: 22,
            user: 'tunnel',
            privateKey: { kind: 'secret', id: 'prod/bastion', field: 'privateKey', where: where('ssh.privateKey') },
            passphrase: { kind: 'file', path: '/etc/keys/passphrase', where: where('ssh.passphrase') },
            hostKeys: [`SHA256:${'a'.repeat(43)}`],
          },
        },
        connections: 8,
        defaultReplicationMethod: 'LOG_BASED',
        logBased: { plugin: 'auto', consume: 'auto', slot: 'backstitch_shop', createSlot: true },
        includeSchemaInTableName: true,
        selectAll: true,
        tables: [
          {
            selected: true,
            kind: 'table',
            name: { schema: 'public', table: 'orders' },
            text: 'public.orders',
            method: 'INCREMENTAL',
            replicationKey: 'updated_at',
            lookBack: { kind: 'interval', seconds: 600 },
            columns: { kind: 'all' },
            primaryKey: [],
          },
          {
            selected: true,
            kind: 'table',
            name: { schema: 'public', table: 'users' },
            text: 'public.users',
            method: 'LOG_BASED',
            lookBack: { kind: 'auto' },
            columns: { kind: 'exclude', names: ['ssn'] },
            primaryKey: [],
          },
          { selected: false, kind: 'table', name: { schema: 'public', table: 'audit' }, text: 'public.audit' },
          {
            selected: true,
            kind: 'view',
            name: { schema: 'public', table: 'daily_sales' },
            text: 'public.daily_sales',
            method: 'FULL_TABLE',
            lookBack: { kind: 'auto' },
            columns: { kind: 'all' },
            primaryKey: ['day'],
          },
        ],
        schedule: { kind: 'every', minutes: 360, anchor: '2026-01-01T01:00:00.000Z' },
        statementTimeoutMs: 7_200_000,
        pressure: { kind: 'on', everyMs: 30_000, maxActiveBackends: 24, minFreeConnections: 20, maxReplicaLagMs: 300_000 },
        rangeBytes: 1_073_741_824,
      },
    ]);
  });

  test('fills in defaults', () => {
    const [integration] = loadConfigText(withIntegration('tables: []'), FILE).config.integrations;

    expect(integration).toEqual({
      name: 'shop',
      connection: {
        host: 'db',
        port: 5432,
        database: 'shop',
        user: 'u',
        auth: { kind: 'password' },
        ssl: { mode: 'verify-full', ca: { kind: 'rds' } },
      },
      connections: 4,
      logBased: { plugin: 'auto', consume: 'auto', createSlot: true },
      includeSchemaInTableName: false,
      selectAll: false,
      tables: [],
      statementTimeoutMs: 86_400_000,
      pressure: { kind: 'on', everyMs: 10_000, maxActiveBackends: 'auto', minFreeConnections: 'auto', maxReplicaLagMs: 60_000 },
      rangeBytes: 268_435_456,
    });
  });

  test.each([
    ['file:out', '/etc/out'],
    ['file:./out', '/etc/out'],
    ['file:../out', '/out'],
    ['file:/srv/my out', '/srv/my out'],
    ['file:///srv/out', '/srv/out'],
  ])('takes %s from the folder of the file', (url, folder) => {
    const { config } = loadConfigText(
      EXAMPLE.replace('s3://acme-landing/postgres', url).replace('dynamodb://backstitch', url),
      FILE,
    );

    expect(config.destination.location).toEqual({ kind: 'file', folder });
    expect(config.state.location).toEqual({ kind: 'file', folder });
  });

  test.each([
    ['s3://acme-landing', ''],
    ['s3://acme-landing/', ''],
    ['s3://acme-landing/a/b=c/', 'a/b=c'],
  ])('takes the prefix of %s without slashes around it', (url, prefix) => {
    expect(loadConfigText(EXAMPLE.replace('s3://acme-landing/postgres', url), FILE).config.destination.location).toEqual({
      kind: 's3',
      bucket: 'acme-landing',
      prefix,
    });
  });

  test.each([
    ['{ every: 30 minutes }', { kind: 'every', minutes: 30 }],
    ['{ every: day }', { kind: 'every', minutes: 1440 }],
    ['{ every: 1 hour, anchor: "2026-01-01T02:00Z" }', { kind: 'every', minutes: 60, anchor: '2026-01-01T02:00:00.000Z' }],
    [
      '{ cron: "0 0/15 * ? * MON-FRI", timezone: Europe/Berlin }',
      {
        kind: 'cron',
        expression: '0 0/15 * ? * MON-FRI',
        fields: { minute: '0/15', hour: '*', dayOfMonth: '?', month: '*', dayOfWeek: 'MON-FRI', year: '*' },
        timezone: 'Europe/Berlin',
      },
    ],
  ])('reads the schedule %s', (schedule, expected) => {
    expect(loadConfigText(withIntegration(`schedule: ${schedule}`), FILE).config.integrations[0]?.schedule).toEqual(expected);
  });

  test.each([
    ['5', { kind: 'number', amount: '5' }],
    ['0', { kind: 'number', amount: '0' }],
    ['"00012345678901234567890"', { kind: 'number', amount: '12345678901234567890' }],
    ['1 hour 30 minutes', { kind: 'interval', seconds: 5400 }],
  ])('reads the look-back %s', (lookBack, expected) => {
    const [integration] = loadConfigText(
      withIntegration(`tables: [{ table: t, method: INCREMENTAL, replicationKey: k, lookBack: ${lookBack} }]`),
      FILE,
    ).config.integrations;

    expect(integration?.tables[0]).toMatchObject({ lookBack: expected });
  });

  test('may share settings by anchors and merge keys', () => {
    const text = EXAMPLE.replace('  - name: shop', '  - &shop\n    name: shop').concat(
      '  - { <<: *shop, name: second, logBased: { slot: backstitch_second } }\n',
    );

    expect(loadConfigText(text, FILE).config.integrations.map(({ name, connections }) => [name, connections])).toEqual([
      ['shop', 8],
      ['second', 8],
    ]);
  });

  test.each([
    [
      'a literal password',
      "{ host: h, database: d, user: u, password: 'hunter2', ssl: { ca: rds } }",
      'tables: [{ table: t, method: FULL_TABLE }]',
      'the password stands in the file',
    ],
    [
      'an unchecked certificate',
      '{ host: h, database: d, user: u }',
      'tables: [{ table: t, method: FULL_TABLE }]',
      'certificate is not checked',
    ],
    [
      'no encryption',
      '{ host: h, database: d, user: u, ssl: { mode: disable } }',
      'tables: [{ table: t, method: FULL_TABLE }]',
      'not encrypted',
    ],
    [
      'a key without effect',
      '{ host: /tmp, database: d, user: u }',
      'tables: [{ table: t, method: FULL_TABLE, replicationKey: k }]',
      'has no effect',
    ],
    [
      'nothing selected',
      '{ host: /tmp, database: d, user: u }',
      'tables: [{ table: t, selected: false }]',
      'nothing is selected',
    ],
  ])('is warned of %s', (_, connection, lines, expected) => {
    const { warnings } = loadConfigText(withIntegration(lines, connection), FILE);

    expect(warnings).toEqual([expect.stringContaining(expected)]);
    expect(warnings.join()).not.toContain('hunter2');
  });
});

describe('loadConfig', () => {
  test('reads a file, a byte order mark or not', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'backstitch-config-'));
    try {
      const file = join(folder, 'backstitch.yaml');
      await writeFile(file, `\uFEFF${EXAMPLE.replace('s3://acme-landing/postgres', 'file:out')}`);

      const loaded = await loadConfig(file, never);

      expect(loaded.file).toBe(file);
      expect(loaded.config.destination.location).toEqual({ kind: 'file', folder: join(folder, 'out') });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('says why a file cannot be read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'backstitch-config-'));
    try {
      await writeFile(join(folder, 'latin1'), Buffer.from([0x6e, 0xe9, 0x65]));

      await expect(loadConfig(join(folder, 'none'), never)).rejects.toMatchObject({
        code: 'config-unreadable',
        message: expect.stringContaining('there is no such file'),
      });
      await expect(loadConfig(folder, never)).rejects.toMatchObject({
        code: 'config-unreadable',
        message: expect.stringContaining('it is a folder'),
      });
      await expect(loadConfig(join(folder, 'latin1'), never)).rejects.toMatchObject({
        code: 'config-unreadable',
        message: expect.stringContaining('it is not UTF-8 text'),
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('is aborted by its signal', async () => {
    const reason = new Error('enough');

    await expect(loadConfig(FILE, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

test('a printed configuration is plain JSON', () => {
  expect(JSON.parse(JSON.stringify(redacted(loadConfigText(EXAMPLE, FILE).config)))).toMatchObject({
    integrations: [{ name: 'shop' }],
  });
});
