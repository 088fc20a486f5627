import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { objectKey, reportKey, logKey } from '../../functions/engine/plan/key-template.ts';
import { COMMON_CONTEXT } from '../aws/harness/access.ts';
import { readAssembly } from '../aws/harness/assembly.ts';
import { decide, roleStatements } from '../aws/harness/iam.ts';
import type { AccessRequest } from '../aws/harness/iam.ts';
import { isObject, textsAt } from '../aws/harness/json.ts';
import type { JsonObject } from '../aws/harness/json.ts';
import type { Template } from '../aws/harness/template.ts';
import { synthesize } from '../aws/stack/synth.ts';

/** Names that are the beginning, or the end, of another one. */
const NAMES = ['shop', 'shop_eu', 'shop$', 'a_shop'] as const;
const FUNCTIONS = ['Plan', 'Work', 'Report', 'Watch'] as const;
const AT = new Date('2026-11-22T12:00:00Z');
const JOB = '20261122T120000.000Z-000001';

function secretOf(integration: string): string {
  return `prod/${integration.replace('$', '+')}`;
}

function config(prefix: string, keyTemplate: string | undefined): string {
  const template = keyTemplate === undefined ? '' : `, keyTemplate: "${keyTemplate}"`;
  const integrations = NAMES.map(
    (name) => `  - name: ${name}
    connection: { host: db, database: shop, user: backstitch, password: { secret: "${secretOf(name)}" }, ssl: { ca: rds } }
    tables: [{ table: public.orders, method: FULL_TABLE }]
`,
  );
  return `destination: { url: "s3://landing${prefix}"${template} }
state: { url: "dynamodb://ledger" }
integrations:
${integrations.join('')}aws: {}
`;
}

/** The roles of one integration's functions, by function, with what each may do. */
type Roles = ReadonlyMap<string, readonly JsonObject[]>;

function rolesOf(template: Template, integration: string): Roles {
  const policies = template.all('AWS::IAM::Policy');
  const roles = template
    .all('AWS::IAM::Role')
    .map((role) => ({ id: role.id, statements: roleStatements({ ...role, name: role.id }, policies) }));
  return new Map(
    FUNCTIONS.map((name) => {
      const own = roles.filter(
        ({ id, statements }) => id.includes(`${name}Role`) && leadingKeys(statements).includes(integration),
      );
      const [role] = own;
      if (role === undefined || own.length > 1) throw new Error(`${integration} has ${String(own.length)} roles of ${name}`);
      return [name, role.statements] as const;
    }),
  );
}

function leadingKeys(statements: readonly JsonObject[]): readonly string[] {
  return statements.flatMap(({ Condition: conditions }) => {
    const equal = isObject(conditions) ? conditions['ForAllValues:StringEquals'] : undefined;
    return isObject(equal) ? textsAt(equal, 'dynamodb:LeadingKeys') : [];
  });
}

const LAYOUTS = [
  ['the default layout', '/postgres', undefined],
  ['no prefix', '', undefined],
  ['a template of folders', '/lake', '[table_name]/[integration_name]/[table_version]_[timestamp_loaded].jsonl'],
] as const;

describe.each(LAYOUTS)('roles of integrations with names alike, with %s', (_, prefix, keyTemplate) => {
  const folder = mkdtempSync(join(tmpdir(), 'backstitch-access-'));
  let template: Template;
  beforeAll(async () => {
    const { directory } = await synthesize(config(prefix, keyTemplate), { outdir: folder, code: 'stub', now: AT });
    ({ template } = readAssembly(directory));
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  const below = prefix === '' ? '' : `${prefix.slice(1)}/`;
  /** One key of each kind that an integration's jobs make. */
  const keysOf = (integration: string): readonly string[] =>
    [
      objectKey({
        template: keyTemplate,
        integration,
        table: 'orders',
        version: 1,
        at: AT,
        extension: '.jsonl.gz',
        unit: { kind: 'log' },
        batch: 1,
        fence: 1,
        part: 0,
      }),
      reportKey({ integration, job: JOB, startedAt: AT }),
      logKey({ integration, job: JOB, writer: 'w0', piece: 0 }),
      `${integration}/_jobs/${JOB}.json`,
      `${integration}/orders/1/_table.json`,
    ].map((key) => `arn:aws:s3:::landing/${below}${key}`);
  const objects = ['GetObject', 'PutObject', 'DeleteObject', 'AbortMultipartUpload', 'PutObjectAcl', 'GetObjectVersion'];
  const items = [
    'GetItem',
    'BatchGetItem',
    'Query',
    'PutItem',
    'UpdateItem',
    'DeleteItem',
    'BatchWriteItem',
    'TransactWriteItems',
  ];
  const table = 'arn:aws:dynamodb:eu-central-1:123456789012:table/ledger';

  const may = (
    statements: readonly JsonObject[],
    action: string,
    resource: string,
    context: AccessRequest['context'] = {},
  ): boolean => decide(statements, { action, resource, context: { ...COMMON_CONTEXT, ...context } }) === 'allowed';

  test('may do their own work', () => {
    for (const name of NAMES) {
      const roles = rolesOf(template, name);
      for (const key of keysOf(name)) {
        expect(may(roles.get('Work') ?? [], 's3:PutObject', key), key).toBe(true);
        expect(may(roles.get('Plan') ?? [], 's3:DeleteObject', key), key).toBe(true);
      }
      for (const [, statements] of roles)
        expect(may(statements, 'dynamodb:Query', table, { 'dynamodb:leadingkeys': [name] })).toBe(true);
      const secret = `arn:aws:secretsmanager:eu-central-1:123456789012:secret:${secretOf(name)}-AbCdEf`;
      expect(may(roles.get('Work') ?? [], 'secretsmanager:GetSecretValue', secret)).toBe(true);
    }
  });

  test("may neither read nor write nor remove another one's objects", () => {
    for (const name of NAMES)
      for (const [role, statements] of rolesOf(template, name))
        for (const other of NAMES.filter((one) => one !== name))
          for (const key of keysOf(other))
            for (const action of objects)
              expect(may(statements, `s3:${action}`, key), `${name} ${role}: ${action} ${key}`).toBe(false);
  });

  test("may not list another one's keys", () => {
    for (const name of NAMES)
      for (const [role, statements] of rolesOf(template, name))
        for (const other of NAMES.filter((one) => one !== name))
          for (const listed of [`${other}/`, `${other}/orders/1/`, `${other}/_reports/`, other])
            expect(
              may(statements, 's3:ListBucket', 'arn:aws:s3:::landing', { 's3:prefix': [`${below}${listed}`] }),
              `${name} ${role}: ${listed}`,
            ).toBe(false);
  });

  test("may not touch another one's items of the ledger, alone or beside their own, nor scan the table", () => {
    for (const name of NAMES)
      for (const [role, statements] of rolesOf(template, name)) {
        for (const action of ['Scan', 'DeleteTable', 'UpdateTable', 'PartiQLSelect', 'ExportTableToPointInTime'])
          expect(may(statements, `dynamodb:${action}`, table), `${name} ${role}: ${action}`).toBe(false);
        for (const other of NAMES.filter((one) => one !== name))
          for (const action of items)
            for (const leading of [[other], [name, other]])
              expect(
                may(statements, `dynamodb:${action}`, table, { 'dynamodb:leadingkeys': leading }),
                `${name} ${role}: ${action} ${leading.join(' ')}`,
              ).toBe(false);
      }
  });

  test("may not read another one's secrets", () => {
    for (const name of NAMES)
      for (const [role, statements] of rolesOf(template, name))
        for (const other of NAMES.filter((one) => one !== name))
          expect(
            may(
              statements,
              'secretsmanager:GetSecretValue',
              `arn:aws:secretsmanager:eu-central-1:123456789012:secret:${secretOf(other)}-AbCdEf`,
            ),
            `${name} ${role}: ${other}`,
          ).toBe(false);
  });
});
