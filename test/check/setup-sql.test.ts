import { describe, expect, it } from 'vitest';
import { setupSql } from '../../functions/engine/check/setup-sql.ts';
import type { SetupRequest } from '../../functions/engine/check/setup-targets.ts';
import { databaseFacts, integrationOf, relationFacts, serverFacts, slotFacts } from './facts.ts';

const LOG = [
  'tables: [{ table: public.orders, method: LOG_BASED }, { table: crm.public.people, method: INCREMENTAL, replicationKey: at }]',
];
const script = (lines: readonly string[], request: Partial<SetupRequest> = {}): string =>
  setupSql(integrationOf(lines, 'ssl: { mode: verify-full }'), { direction: 'grant', password: 'variable', ...request });
const statements = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('--'))
    .join('\n');

describe('setup-sql', () => {
  it('goes to each database that the configuration names', () => {
    const text = script(LOG);

    expect(text.match(/^\\connect .*$/gm)).toEqual(['\\connect shop', '\\connect crm']);
    expect(text).toContain(
      'grant connect on database "crm" to "reader";\n\ngrant usage on schema "public" to "reader";\n\ngrant select on "public"."people" to "reader";',
    );
    expect(statements(text.slice(text.indexOf('\\connect crm')))).not.toContain('publication');
  });

  it('holds no password: psql is given it, or a person puts it in', () => {
    expect(script(LOG)).toContain(`\\if :{?password}\nalter role "reader" login password :'password';\n\\endif`);
    expect(script(LOG, { password: 'placeholder' })).toContain(`password '<put the password here>'`);
    expect(script(LOG, { password: 'placeholder' })).not.toContain(":'");
  });

  it.each([
    ['self-hosted', 'alter role "reader" replication;', '  hostssl  "shop"  "reader"  <address>/32  scram-sha-256'],
    ['rds', 'grant rds_replication to "reader";', 'DB parameter group of the instance'],
    ['aurora', 'grant rds_replication to "reader";', 'DB cluster parameter group'],
    ['cloud-sql', 'alter role "reader" replication;', 'cloudsql.logical_decoding=on'],
    ['azure', 'alter role "reader" replication;', '--name wal_level --value logical'],
    ['heroku', 'grant select on "public"."orders" to "reader";', 'heroku pg:credentials:create'],
  ] as const)('has the forms of %s', (flavour, right, note) => {
    const text = script(LOG, { flavour });

    expect(text).toContain(right);
    expect(text).toContain(note);
    expect(text.includes('create role')).toBe(flavour !== 'heroku');
  });

  it('gives no right to replicate where nothing is log-based', () => {
    const text = script(['tables: [{ table: public.orders, method: FULL_TABLE }]']);

    expect(text).not.toMatch(/replication|publication|slot|pg_read_all_stats|wal_level/);
  });

  it('makes the slot only where jobs may not', () => {
    expect(statements(script(LOG))).not.toContain('pg_create_logical_replication_slot');
    expect(statements(script(['logBased: { createSlot: false }', ...LOG]))).toContain(
      "pg_create_logical_replication_slot('backstitch_shop', 'pgoutput')\nwhere not exists",
    );
  });

  it('makes no publication for wal2json, be it configured or that of the slot', () => {
    const facts = { server: serverFacts({ slots: [slotFacts({ plugin: 'wal2json' })] }), databases: [databaseFacts()] };

    expect(statements(script(['logBased: { plugin: wal2json }', ...LOG]))).not.toContain('publication');
    expect(statements(script(LOG, { facts }))).not.toContain('publication');
  });

  it('looks names up where it was connected', () => {
    const facts = {
      server: serverFacts({ flavour: 'aurora' }),
      databases: [databaseFacts({ relations: [relationFacts({ schema: 'sales' })] })],
    };
    const text = script(['tables: [{ table: orders, method: LOG_BASED }]'], { facts });

    expect(text).toContain('grant select on "sales"."orders" to "reader";');
    expect(text).toContain('rds_replication');
  });

  it('lets no name out of its place', () => {
    const evil = `a"; drop table x; --\\n\\\\! ls\\n$backstitch$ '`;
    const text = script([
      `tables: [{ table: "public.\\"${evil.replaceAll('"', '\\"\\"')}\\"", method: LOG_BASED, columns: { exclude: [${JSON.stringify(`it's "x"`)}] } }]`,
    ]);

    expect(text).not.toMatch(/^\\!/m);
    expect(text).toContain('$backstitch1$');
    expect(text).toContain(`array['it''s "x"']::text[]`);
  });

  it('connects to databases of any name', () => {
    const text = script([`tables: [{ table: '"it''s a \\ ""name""".public.t', method: FULL_TABLE }]`]);

    expect(text).toContain(String.raw`\connect -reuse-previous=on "dbname='it\'s a \\ ""name""'"`);
  });

  it('has a twin that undoes it, in the opposite order', () => {
    const text = statements(script(LOG, { direction: 'revoke' }));
    const order = [
      '\\connect crm',
      'drop owned by "reader"',
      '\\connect shop',
      'pg_drop_replication_slot',
      'drop publication if exists',
      'drop owned by "reader"',
      'drop role if exists "reader";',
    ];
    let from = 0;
    for (const part of order) {
      const at = text.indexOf(part, from);
      expect(at, part).toBeGreaterThanOrEqual(from);
      from = at + part.length;
    }
  });
});
