import { describe, expect, it } from 'vitest';
import { connectionFinding } from '../../functions/engine/check/connection-findings.ts';
import { inOrder } from '../../functions/engine/check/finding.ts';
import type { Finding } from '../../functions/engine/check/finding.ts';
import { destinationFinding, stateFinding } from '../../functions/engine/check/store-findings.ts';
import { loadConfigText } from '../../functions/engine/config/load.ts';
import { ReplicationError } from '../../functions/engine/model/errors.ts';
import type { ServerFacts } from '../../functions/engine/source/check-facts.ts';
import { databaseFacts, findingsOf, integrationOf, relationFacts, serverFacts, slotFacts } from './facts.ts';

const LOG = ['tables: [{ table: public.orders, method: LOG_BASED }]'];
const KEY = ['tables: [{ table: public.orders, method: INCREMENTAL, replicationKey: at }]'];
const FULL = ['tables: [{ table: public.orders, method: FULL_TABLE }]'];
const PGOUTPUT = ['logBased: { plugin: pgoutput }', ...LOG];

type Given = Omit<Parameters<typeof findingsOf>[0], 'integration'>;
type Case = readonly [code: string, severity: Finding['severity'], lines: readonly string[], given: Given, fix: string];

const settings = (changes: ServerFacts['settings']): Given => ({
  server: { settings: { ...serverFacts().settings, ...changes } },
});
const role = (changes: Partial<ServerFacts['role']>): Given => ({ server: { role: { ...serverFacts().role, ...changes } } });
const transactions = (changes: Partial<ServerFacts['transactions']>): Given => ({
  server: { transactions: { ...serverFacts().transactions, ...changes } },
});
const slot = (changes: Parameters<typeof slotFacts>[0]): Given => ({ server: { slots: [slotFacts(changes)] } });
const relation = (changes: Parameters<typeof relationFacts>[0]): Given => ({ database: { relations: [relationFacts(changes)] } });

describe('a finding', () => {
  const cases: readonly Case[] = [
    // Server
    ['server-unsupported', 'info', FULL, { server: { version: 130_020, versionText: '13.20' } }, 'Upgrade'],
    ['clock-skew', 'warning', FULL, { server: { clockSkewMs: -90_000 } }, 'NTP'],
    ['too-many-connections', 'error', FULL, role({ connectionLimit: 2 }), 'alter role "reader" connection limit 4;'],
    ['transaction-open', 'warning', KEY, transactions({ oldestSeconds: 7300, oldestPid: 42 }), 'pg_terminate_backend(42)'],
    [
      'transaction-prepared',
      'warning',
      LOG,
      transactions({ prepared: 1, oldestPreparedSeconds: 900, oldestPreparedGid: "it's" }),
      "rollback prepared 'it''s';",
    ],
    ['transactions-hidden', 'warning', KEY, role({ readsAllStats: false }), 'grant pg_read_all_stats to "reader";'],
    ['standby-feedback-off', 'warning', FULL, { server: { inRecovery: true } }, "alter system set hot_standby_feedback = 'on';"],
    [
      'standby-feedback-off',
      'warning',
      FULL,
      { server: { inRecovery: true, flavour: 'rds' } },
      'hot_standby_feedback = on in the DB parameter group',
    ],
    // Log
    ['server-too-old', 'error', LOG, { server: { version: 90_303, versionText: '9.3.3' } }, 'INCREMENTAL'],
    ['primary-needed', 'error', LOG, { server: { version: 150_000, inRecovery: true } }, 'connection.host'],
    [
      'wal-level-too-low',
      'error',
      LOG,
      settings({ wal_level: { value: 'replica', unit: null } }),
      'wal_level = logical (in postgresql.conf',
    ],
    ['replication-right-missing', 'error', LOG, role({ hasReplication: false }), 'alter role "reader" replication;'],
    [
      'slots-exhausted',
      'error',
      LOG,
      settings({ max_replication_slots: { value: '0', unit: null } }),
      'max_replication_slots = 6',
    ],
    ['senders-exhausted', 'warning', LOG, { server: { senders: 10 } }, 'max_wal_senders = 15'],
    ['senders-exhausted', 'error', ['logBased: { consume: stream }', ...LOG], { server: { senders: 10 } }, 'max_wal_senders'],
    ['stream-refused', 'warning', LOG, { server: { isPooled: true } }, 'connection: { host'],
    [
      'plugin-not-allowed',
      'error',
      ['logBased: { plugin: wal2json }', ...LOG],
      settings({ output_plugin_libraries: { value: 'pgoutput, test_decoding', unit: null } }),
      "'pgoutput, test_decoding, wal2json'",
    ],
    ['plugin-missing', 'error', PGOUTPUT, { server: { version: 90_603 } }, 'wal2json'],
    ['plugin-unproven', 'info', ['logBased: { plugin: wal2json }', ...LOG], {}, 'auto'],
    [
      'slot-without-limit',
      'warning',
      LOG,
      settings({ max_slot_wal_keep_size: { value: '-1', unit: 'MB' } }),
      'max_slot_wal_keep_size',
    ],
    [
      'slot-idle-timeout',
      'warning',
      LOG,
      settings({ idle_replication_slot_timeout: { value: '86400', unit: 's' } }),
      "idle_replication_slot_timeout = '0'",
    ],
    [
      'slot-idle-timeout',
      'error',
      [...LOG, 'schedule: { every: 24 hours }'],
      settings({ idle_replication_slot_timeout: { value: '3600', unit: 's' } }),
      'idle_replication_slot_timeout',
    ],
    [
      'slot-missing',
      'error',
      ['logBased: { createSlot: false }', ...LOG],
      {},
      "pg_create_logical_replication_slot('backstitch_shop', 'pgoutput')",
    ],
    ['slot-physical', 'error', LOG, slot({ kind: 'physical', plugin: null, database: null }), 'another name'],
    ['slot-of-other-database', 'error', LOG, slot({ database: 'other' }), 'another name'],
    ['slot-of-other-plugin', 'error', ['logBased: { plugin: wal2json }', ...LOG], slot({}), 'plugin: pgoutput'],
    ['slot-temporary', 'error', LOG, slot({ isTemporary: true }), 'another name'],
    [
      'slot-lost',
      'error',
      LOG,
      slot({ walStatus: 'lost', invalidationReason: 'wal_removed' }),
      "pg_drop_replication_slot('backstitch_shop')",
    ],
    ['slot-active', 'warning', LOG, slot({ isActive: true }), 'pg_terminate_backend(active_pid)'],
    ['slot-near-loss', 'warning', LOG, slot({ safeBytes: 1_000_000n }), '102400MB'],
    [
      'publication-right-missing',
      'error',
      PGOUTPUT,
      { database: { publications: [] } },
      'create publication "backstitch_shop" for table "public"."orders" with (publish = \'insert, update, delete, truncate\'',
    ],
    ['publication-right-missing', 'warning', LOG, { database: { publications: [] } }, 'create publication'],
    // Tables
    ['table-unlogged', 'error', LOG, relation({ isUnlogged: true }), 'alter table "public"."orders" set logged;'],
    [
      'replica-identity-missing',
      'error',
      LOG,
      relation({ hasIdentity: false, primaryKey: [] }),
      'alter table "public"."orders" replica identity full;',
    ],
    [
      'replica-identity-missing',
      'warning',
      LOG,
      { database: { relations: [relationFacts({ hasIdentity: false })], publications: [] } },
      'replica identity full',
    ],
    ['toast-values-absent', 'info', LOG, {}, 'replica identity full'],
    ['primary-key-missing', 'info', FULL, relation({ primaryKey: [] }), 'add primary key'],
    ['primary-key-missing', 'warning', KEY, relation({ primaryKey: [] }), 'add primary key'],
    [
      'view-key-missing',
      'info',
      ['tables: [{ view: public.orders, method: FULL_TABLE }]'],
      relation({ kind: 'view', primaryKey: [] }),
      'primaryKey',
    ],
    ['row-security-active', 'warning', FULL, relation({ hidesRows: true }), 'alter role "reader" bypassrls;'],
    ['key-not-indexed', 'warning', KEY, relation({ indexed: ['id'] }), 'create index concurrently on "public"."orders" ("at");'],
    ['key-not-indexed', 'warning', KEY, relation({ indexed: [], kind: 'partitioned-table' }), 'create index on'],
    [
      'key-nulls',
      'warning',
      KEY,
      { database: { nullKeys: [{ schema: 'public', table: 'orders', column: 'at', share: 0.25 }] } },
      'set not null',
    ],
    ['key-nullable', 'info', KEY, { nullable: true }, 'set not null'],
    // Privileges and selection
    [
      'schema-usage-missing',
      'error',
      FULL,
      relation({ mayUseSchema: false, maySelect: false, maySelectAny: false }),
      'grant usage on schema "public" to "reader";\ngrant select on "public"."orders" to "reader";',
    ],
    [
      'select-missing',
      'error',
      FULL,
      relation({ maySelect: false, maySelectAny: false }),
      'grant select on "public"."orders" to "reader";',
    ],
    ['column-select-missing', 'warning', FULL, relation({ maySelect: false, unreadable: ['note'] }), 'grant select ("note") on'],
    ['column-select-missing', 'error', KEY, relation({ maySelect: false, unreadable: ['at'] }), 'grant select ("at") on'],
    ['table-missing', 'error', FULL, { database: { relations: [] } }, 'Correct the name'],
    ['nothing-selected', 'error', ['tables: []'], {}, 'tables:'],
  ];
  it.each(cases)('%s is made (%s)', (code, severity, lines, given, fix) => {
    const found = findingsOf({ ...given, integration: integrationOf(lines) }).filter((finding) => finding.code === code);

    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ severity });
    expect(found[0]?.fix.text).toContain(fix);
    expect(Object.values(found[0] ?? {}).filter((value) => value === '')).toEqual([]);
  });

  it.each([
    ['a full copy', FULL],
    ['a key', KEY],
    ['the log', ['logBased: { plugin: pgoutput }', ...LOG]],
  ])('is not made of a server on which all is well, for %s', (_, lines) => {
    const found = findingsOf({ integration: integrationOf(lines) });

    expect(found.filter(({ severity }) => severity !== 'info')).toEqual([]);
  });

  it('of a table that may not be read stands for what the selection says of it', () => {
    const found = findingsOf({ integration: integrationOf(FULL), ...relation({ maySelect: false, maySelectAny: false }) });

    expect(found.filter(({ severity }) => severity === 'error').map(({ code }) => code)).toEqual(['select-missing']);
  });

  it('is about tables, not columns, where the configuration leaves those out that may not be read', () => {
    const lines = ['tables: [{ table: public.orders, method: FULL_TABLE, columns: { exclude: [note] } }]'];

    expect(
      findingsOf({ integration: integrationOf(lines), ...relation({ maySelect: false, unreadable: ['note'] }) }).map(
        ({ code }) => code,
      ),
    ).not.toContain('column-select-missing');
  });

  it('counts the slots that have to be made against those that are free', () => {
    const slots = Array.from({ length: 10 }, (_, n) => slotFacts({ name: `other_${String(n)}`, database: 'other' }));

    expect(findingsOf({ integration: integrationOf(LOG), server: { slots } }).map(({ code }) => code)).toContain(
      'slots-exhausted',
    );
    const own = [...slots.slice(1), slotFacts()];
    expect(findingsOf({ integration: integrationOf(LOG), server: { slots: own } }).map(({ code }) => code)).not.toContain(
      'slots-exhausted',
    );
  });

  it('of a publication asks for inserts only where a table has no replica identity', () => {
    const given = { relations: [relationFacts({ hasIdentity: false, primaryKey: [] })], publications: [] };
    const found = findingsOf({ integration: integrationOf(PGOUTPUT), database: databaseFacts(given) }).find(
      ({ code }) => code === 'publication-right-missing',
    );

    expect(found?.fix.text.split('\n')).toEqual([
      expect.stringMatching(/^create publication "backstitch_shop" with/),
      expect.stringMatching(
        /^create publication "backstitch_shop_inserts" for table "public"."orders" with \(publish = 'insert, truncate'/,
      ),
    ]);
  });

  it.each([
    ['rds', 'rds.logical_replication = 1 in the DB parameter group'],
    ['aurora', 'rds.logical_replication = 1 in the DB cluster parameter group'],
    ['cloud-sql', 'cloudsql.logical_decoding=on'],
    ['azure', 'wal_level = logical, then restart'],
  ] as const)('of wal_level has the form of %s', (flavour, text) => {
    const server = { flavour, settings: { ...serverFacts().settings, wal_level: { value: 'replica', unit: null } } };
    const found = findingsOf({ integration: integrationOf(LOG), server }).find(({ code }) => code === 'wal-level-too-low');

    expect(found?.fix).toMatchObject({ kind: 'parameter', text: expect.stringContaining(text) as unknown });
  });
});

describe('a failed connection', () => {
  const cause = (code: string): Error => Object.assign(new Error('x'), { code });
  const at = { host: 'db.internal', port: 5432, user: 'reader' };
  const cases: readonly (readonly [string, ReplicationError, string, string])[] = [
    [
      'a name that is unknown',
      new ReplicationError('host-unreachable', { ...at, reason: 'x' }, { cause: cause('ENOTFOUND') }),
      'host-unknown',
      'config',
    ],
    [
      'a name that cannot be resolved now',
      new ReplicationError('host-unreachable', { ...at, reason: 'x' }, { cause: cause('EAI_AGAIN') }),
      'host-unknown',
      'command',
    ],
    [
      'no answer',
      new ReplicationError('host-unreachable', { ...at, reason: 'x' }, { cause: cause('ETIMEDOUT') }),
      'host-unreachable',
      'command',
    ],
    ['a certificate', new ReplicationError('tls-failed', { ...at, reason: 'x' }), 'tls-failed', 'config'],
    [
      'a password',
      new ReplicationError('login-failed', { ...at, sqlstate: '28P01' }, { cause: cause('28P01') }),
      'login-failed',
      'sql',
    ],
    [
      'pg_hba.conf',
      new ReplicationError('login-failed', { ...at, sqlstate: '28000' }, { cause: cause('28000') }),
      'login-failed',
      'parameter',
    ],
  ];
  it.each(cases)('is told apart: %s', (_, error, code, kind) => {
    expect(connectionFinding(error, integrationOf(FULL))).toMatchObject({
      severity: 'error',
      code,
      fix: { kind },
    });
  });

  it('with IAM names the statement of the policy', () => {
    const error = new ReplicationError('login-failed', { ...at, sqlstate: '28000' }, { cause: cause('28000') });
    const integration = {
      ...integrationOf(FULL),
      connection: { ...integrationOf(FULL).connection, auth: { kind: 'iam' } as const },
    };

    expect(connectionFinding(error as ReplicationError, integration).fix).toMatchObject({
      kind: 'iam',
      text: expect.stringContaining('rds-db:connect') as unknown,
    });
  });

  it.each([
    ['ssl: { mode: require }', ['tls-unverified']],
    ['ssl: { mode: disable }', ['tls-off']],
    ['ssl: { mode: verify-full }', []],
  ])('and one that works but is open to others is a warning: %s', (ssl, codes) => {
    expect(
      findingsOf({ integration: integrationOf(FULL, ssl) })
        .filter(({ area }) => area === 'connection')
        .map(({ code }) => code),
    ).toEqual(codes);
  });
});

describe('stores', () => {
  const { destination, state } = loadConfigText(
    'destination: { url: "s3://bucket/prefix" }\nstate: { url: "dynamodb://state" }\nintegrations: [{ name: a, connection: { host: h, database: d, user: u, password: { env: P } }, tables: [] }]\n',
    '/tmp/backstitch.yaml',
  ).config;

  it('that refuse name the IAM statement', () => {
    const sink = new ReplicationError('sink-forbidden', {
      url: 's3://bucket/prefix',
      operation: 'PutObject',
      reason: 'AccessDenied',
    });
    const ledger = new ReplicationError('ledger-forbidden', {
      url: 'dynamodb://state',
      operation: 'PutItem',
      reason: 'AccessDenied',
    });

    expect(destinationFinding(sink as ReplicationError, destination).fix).toMatchObject({
      kind: 'iam',
      text: expect.stringContaining('arn:aws:s3:::bucket/prefix/*') as unknown,
    });
    expect(stateFinding(ledger as ReplicationError, state).fix).toMatchObject({
      kind: 'iam',
      text: expect.stringContaining('dynamodb:PutItem') as unknown,
    });
  });

  it('that are missing name the command that makes them', () => {
    const sink = new ReplicationError('sink-missing', { url: 'file:./out' });
    const folder = { ...destination, location: { kind: 'file', folder: "/data/it's" } as const };

    expect(destinationFinding(sink as ReplicationError, folder).fix).toEqual({
      kind: 'command',
      text: String.raw`mkdir -p '/data/it'\''s'`,
    });
  });
});

it('stands in the order of areas, the worst first', () => {
  const finding = (area: Finding['area'], severity: Finding['severity']): Finding => ({
    area,
    severity,
    code: 'x',
    what: 'x',
    where: 'x',
    why: 'x',
    fix: { kind: 'sql', text: 'x' },
  });
  const sorted = inOrder([
    finding('state', 'error'),
    finding('log', 'info'),
    finding('log', 'error'),
    finding('connection', 'warning'),
  ]);

  expect(sorted.map(({ area, severity }) => `${area} ${severity}`)).toEqual([
    'connection warning',
    'log error',
    'log info',
    'state error',
  ]);
});
