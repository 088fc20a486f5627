import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Match } from 'aws-cdk-lib/assertions';
import type { Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { handlers } from '../../../functions/contract.ts';
import { anchorOf } from '../../../lib/integration-alarms.ts';
import { configuration, EXAMPLE, FULL } from './configurations.ts';
import { synthesize } from './synth.ts';

const folder = mkdtempSync(join(tmpdir(), 'backstitch-stack-'));
let count = 0;
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function templateOf(yaml: string, context: Readonly<Record<string, unknown>> = {}): Promise<Template> {
  count += 1;
  const { template } = await synthesize(yaml, {
    outdir: join(folder, String(count)),
    code: 'stub',
    context,
    now: new Date('2026-11-22T12:00:00Z'),
  });
  return template;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- templates have no types, and every use is an assertion
type Loose = Readonly<Record<string, any>>;

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

/** What the role of a function may do, one line a statement: actions, then resources. Network and log rights, which all have, are left out. */
function rightsOf(template: Template, handler: string): readonly string[] {
  const roles = template.findResources('AWS::IAM::Role');
  const [, role] = Object.entries(roles).find(([id]) => id.startsWith(`Integrationshop${handler}Role`)) ?? [];
  const policies = role?.['Properties'].Policies as readonly {
    PolicyName: string;
    PolicyDocument: { Statement: readonly Statement[] };
  }[];
  return policies
    .filter(({ PolicyName }) => !['Network', 'Log'].includes(PolicyName))
    .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
    .map(
      ({ Action, Resource, Condition }) =>
        `${[Action].flat().join(' ')} on ${textOf(Resource)}${Condition === undefined ? '' : ` if ${textOf(Condition)}`}`,
    );
}

/** A value of a template as text: joins joined, references by their kind. */
function textOf(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll(/\{"Fn::Join":\["",\[(.*?)\]\]\}/g, (_, parts: string) =>
      parts.replaceAll(
        /","|"?,?\{"(?:Ref|Fn::GetAtt)":("[^"]*"|\[[^\]]*\])\},?"?/g,
        (_match, name: string | undefined) => name ?? '',
      ),
    )
    .replaceAll(/"|Fn::GetAtt|\\/g, '');
}

describe('who may do what', () => {
  let template: Template;
  beforeAll(async () => {
    template = await templateOf(FULL['everything'] ?? '');
  });

  test('only plan removes rows, and no function has rights on the keys of another integration', () => {
    const rights = Object.fromEntries(['Plan', 'Work', 'Report', 'Watch'].map((name) => [name, rightsOf(template, name)]));

    expect(rights['Plan']?.some((right) => right.startsWith('s3:DeleteObject on') && right.includes('/postgres/shop/*'))).toBe(
      true,
    );
    expect(rights['Work']?.some((right) => right.includes('Delete') && right.startsWith('s3:'))).toBe(false);
    expect(rights['Report']?.filter((right) => right.startsWith('s3:DeleteObject'))).toEqual([
      expect.stringMatching(/\/postgres\/shop\/_jobs\/\*$/),
    ]);
    expect(rights['Report']?.find((right) => right.includes('s3:PutObject'))).toMatch(/\/postgres\/shop\/_\*$/);
    expect(rights['Watch']?.some((right) => right.startsWith('s3:'))).toBe(false);
    for (const right of Object.values(rights)
      .flat()
      .filter((line) => line.startsWith('s3:') && line.includes('Object')))
      expect(right).toMatch(/\/postgres\/(shop|_check)\/|ListBucket/);
  });

  test('the ledger is reached by the key of the integration only, and the watchdog reads only', () => {
    const ledger = (name: string): string | undefined => rightsOf(template, name).find((right) => right.startsWith('dynamodb:'));

    for (const name of ['Work', 'Report', 'Watch'])
      expect(ledger(name)).toMatch(/ForAllValues:StringEquals:\{dynamodb:LeadingKeys:\[shop\]\}/);
    expect(ledger('Plan')).toMatch(/LeadingKeys:\[shop,#check\]/);
    expect(ledger('Work')).toMatch(
      /^dynamodb:GetItem dynamodb:BatchGetItem dynamodb:Query dynamodb:PutItem dynamodb:DeleteItem on/,
    );
    expect(ledger('Watch')).toMatch(/^dynamodb:GetItem dynamodb:BatchGetItem dynamodb:Query on/);
  });

  test('secrets are read by their names, and their keys are used by way of Secrets Manager', () => {
    const secrets = rightsOf(template, 'Work').filter((right) => right.includes('secretsmanager'));

    expect(secrets[0]).toMatch(/^secretsmanager:GetSecretValue on .*:secret:prod\/shop-\?{6}.*:secret:prod\/bastion-\?{6}/);
    expect(secrets[1]).toMatch(/^kms:Decrypt on arn:aws:kms:.* if \{StringEquals:\{kms:ViaService/);
  });

  test.each([
    ['any database', '{}', 'dbuser:*/backstitch'],
    ['one database', '{ databaseResourceId: db-ABCDEF123 }', 'dbuser:db-ABCDEF123/backstitch'],
  ])('IAM authentication is for the user of %s', async (_, own, resource) => {
    const rights = rightsOf(await templateOf(configuration({ more: `aws: ${own}` })), 'Work');

    expect(rights.filter((right) => right.startsWith('rds-db:connect'))).toEqual([expect.stringContaining(resource)]);
    expect(rights.some((right) => right.startsWith('secretsmanager'))).toBe(false);
  });

  test('keys of a template are told by what comes before and after the name', async () => {
    const destination =
      '{ url: "s3://landing", keyTemplate: "lake/[table_name]/[integration_name]/[table_version]_[timestamp_loaded].jsonl" }';

    const rights = rightsOf(await templateOf(configuration({ destination })), 'Plan');

    expect(rights[0]).toContain('/lake/*/shop/*_*');
    expect(rights.find((right) => right.startsWith('s3:ListBucket on'))).toContain('lake/*/shop/*');
  });

  test('only the state machine calls plan, work and report, and only this machine ends them', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.states'],
        detail: { status: ['ABORTED', 'TIMED_OUT', 'FAILED'], stateMachineArn: [Match.anyValue()] },
      },
    });
  });
});

describe('functions', () => {
  test('run on Node 24 and arm64, in the VPC, with the handlers of the contract and their places', async () => {
    const template = await templateOf(EXAMPLE);
    const functions = Object.values(template.findResources('AWS::Lambda::Function')).map(({ Properties }) => Properties as Loose);

    expect(new Set(functions.map(({ Handler }) => String(Handler)))).toEqual(new Set(Object.values(handlers)));
    for (const properties of functions) {
      expect(properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        LoggingConfig: { LogFormat: 'JSON' },
        VpcConfig: { SubnetIds: ['subnet-0a1b2c3d4e5f60718', 'subnet-0a1b2c3d4e5f60719'] },
      });
      expect(Object.keys(properties['Environment'].Variables as object)).toEqual(['BACKSTITCH_DESTINATION', 'BACKSTITCH_STATE']);
      expect(properties.ReservedConcurrentExecutions).toBeUndefined();
    }
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 60 });
  });

  test('have the configuration of their own integration beside them, without the account', async () => {
    const { codeFolder } = await synthesize(EXAMPLE, { outdir: join(folder, 'code'), code: 'stub' });
    const packed = JSON.parse(readFileSync(join(codeFolder('billing'), 'backstitch.json'), 'utf8'));

    expect(packed.config.integrations).toMatchObject([{ name: 'billing' }]);
    expect(JSON.stringify(packed)).not.toContain('alarmEmail');
  });

  test('a password in the file is refused', async () => {
    const connection = '{ host: db, database: shop, user: u, password: hunter2, ssl: { ca: rds } }';

    await expect(templateOf(configuration({ connection }))).rejects.toMatchObject({ code: 'secret-not-for-aws' });
  });
});

describe('data', () => {
  const kept = { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' };

  test.each([
    ['without any switch', '{ createBucket: true }', {}, kept],
    ['with the setting alone', '{ createBucket: true, removeDataOnDestroy: true }', {}, kept],
    ['with the context alone', '{ createBucket: true }', { removeDataOnDestroy: 'true' }, kept],
    [
      'unless both switches agree',
      '{ createBucket: true, removeDataOnDestroy: true }',
      { removeDataOnDestroy: 'true' },
      { DeletionPolicy: 'Delete' },
    ],
  ])('is retained %s', async (_, aws, context, policy) => {
    const template = await templateOf(configuration({ aws }), context);

    template.hasResource('AWS::S3::Bucket', policy);
    template.hasResource('AWS::DynamoDB::Table', policy);
    template.hasResourceProperties('AWS::DynamoDB::Table', { DeletionProtectionEnabled: policy === kept });
  });

  test('a bucket is private, encrypted, taken by TLS only, and forgets broken uploads and old reports', async () => {
    const template = await templateOf(configuration({ aws: '{ createBucket: true, reportRetentionDays: 30 }' }));

    template.hasResourceProperties('AWS::S3::Bucket', {
      BucketName: 'landing',
      BucketEncryption: Match.anyValue(),
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      LifecycleConfiguration: {
        Rules: [
          { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 }, Id: 'abandoned-uploads', Status: 'Enabled' },
          ...['_reports', '_logs', '_jobs'].map((kind) => ({
            ExpirationInDays: 30,
            Prefix: `postgres/shop/${kind}/`,
            Status: 'Enabled',
          })),
        ],
      },
    });
    template.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ]),
      },
    });
  });

  test('the ledger has the keys that the store asks for, and can be recovered', async () => {
    (await templateOf(configuration())).hasResourceProperties('AWS::DynamoDB::Table', {
      TableName: 'ledger',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    });
  });

  test('an existing bucket and table are left alone', async () => {
    const template = await templateOf(configuration({ aws: '{ createTable: false }' }));

    template.resourceCountIs('AWS::S3::Bucket', 0);
    template.resourceCountIs('AWS::DynamoDB::Table', 0);
  });
});

describe('ids', () => {
  test('stay the same whatever settings change', async () => {
    const before = await templateOf(configuration({ more: 'schedule: { every: 1 hour }', aws: '{ createBucket: true }' }));
    const after = await templateOf(
      configuration({
        more: 'schedule: { every: 1 day }\nconnections: 9\naws: { databaseSecurityGroup: sg-0a1b2c3d4e5f60718 }',
        aws: '{ createBucket: true, stackName: other, memoryMB: 3008, ephemeralStorageMB: 4096, tracing: true, logRetentionDays: 14, deploymentPaused: true, alarmEmail: a@b.example }',
      }),
    );
    const ids = (template: Template): readonly string[] => Object.keys(template.toJSON()['Resources'] as object);

    // A paused integration is not overdue.
    expect(ids(before).filter((id) => !ids(after).includes(id))).toEqual([expect.stringContaining('AlarmsOverdue')]);
  });
});

describe('schedules', () => {
  test('start jobs in their zone, without a window, with retries and dead letters, and the watchdog by itself', async () => {
    const template = await templateOf(EXAMPLE);

    template.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'cron(15 6 ? * MON-FRI *)',
      ScheduleExpressionTimezone: 'Europe/Berlin',
      FlexibleTimeWindow: { Mode: 'OFF' },
      State: 'ENABLED',
      Target: { Input: '{"trigger":"schedule"}', DeadLetterConfig: Match.anyValue(), RetryPolicy: Match.anyValue() },
    });
    template.hasResourceProperties('AWS::Scheduler::Schedule', { ScheduleExpression: 'rate(5 minutes)', State: 'ENABLED' });
  });

  test('that are paused by deployment start no jobs, and the watchdog looks on', async () => {
    const template = await templateOf(configuration({ more: 'schedule: { every: 1 hour }', aws: '{ deploymentPaused: true }' }));
    const states = Object.values(template.findResources('AWS::Scheduler::Schedule')).map(({ Properties }): unknown[] => [
      Properties.Description,
      Properties.State,
    ]);

    expect(new Map(states as [string, string][])).toEqual(
      new Map([
        ['Jobs of shop', 'DISABLED'],
        ['Watchdog of shop', 'ENABLED'],
      ]),
    );
  });
});

describe('the network', () => {
  test('lets functions into the database by a rule of its security group', async () => {
    (await templateOf(EXAMPLE)).hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      GroupId: 'sg-0a1b2c3d4e5f60718',
      FromPort: 5432,
      ToPort: 5432,
    });
  });

  test.each([
    ['in a new VPC', '{}', 2],
    [
      'in an existing one without route tables',
      '{ vpc: { id: vpc-0a1b2c3d4e5f60718, availabilityZones: [eu-central-1a], subnets: [subnet-0a1b2c3d4e5f60718] } }',
      0,
    ],
    ['where they are switched off', '{ gatewayEndpoints: false }', 0],
    ['with one for secrets where it is asked for', '{ secretsEndpoint: true }', 3],
  ])('has endpoints %s', async (_, aws, endpoints) => {
    const template = await templateOf(configuration({ aws }));

    template.resourceCountIs('AWS::EC2::VPCEndpoint', endpoints);
    template.resourceCountIs('AWS::EC2::NatGateway', 0);
  });

  test('may be told account and region, and still looks nothing up', async () => {
    const yaml = configuration({ aws: '{ account: "123456789012", region: eu-central-1 }' });

    const { template, directory } = await synthesize(yaml, { outdir: join(folder, 'told'), code: 'stub' });

    template.resourceCountIs('AWS::EC2::Subnet', 2);
    expect(JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')).missing).toBeUndefined();
  });
});

describe('alarms', () => {
  test('go to the topic, and each names its section of the runbook', async () => {
    const template = await templateOf(configuration({ more: 'schedule: { every: 1 hour }' }));
    const runbook = readFileSync(join(import.meta.dirname, '../../../docs/aws/runbook.md'), 'utf8');
    const anchors = [...runbook.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));
    const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties as Loose);

    expect(alarms.length).toBe(7);
    for (const { AlarmDescription, AlarmActions } of alarms) {
      expect(AlarmActions).toHaveLength(1);
      expect(anchors).toContain(/docs\/aws\/runbook\.md#(.+)$/.exec(String(AlarmDescription))?.[1]);
    }
  });

  test('about slots exist only where the log is read', async () => {
    const yaml = configuration().replace('    selectAll: true\n', '    tables: [{ table: a, method: FULL_TABLE }]\n');

    (await templateOf(yaml)).resourceCountIs('AWS::CloudWatch::Alarm', 3);
  });
});

describe('the state machine', () => {
  test('goes from plan over workers to report, and loses no report', async () => {
    const machines = Object.values(
      (await templateOf(configuration({ more: 'connections: 7' }))).findResources('AWS::StepFunctions::StateMachine'),
    );
    const [machine] = machines;
    const parts = machine?.['Properties'].DefinitionString['Fn::Join'][1] as readonly unknown[];
    const definition = JSON.parse(parts.map((part) => (typeof part === 'string' ? part : 'x')).join(''));
    const { States } = definition;

    expect(machine?.['Properties']).toMatchObject({ StateMachineName: 'backstitch-shop', StateMachineType: 'STANDARD' });
    expect(definition.TimeoutSeconds).toBeGreaterThan(24 * 3600);
    expect(JSON.stringify(States.Plan.Retry)).not.toContain('Sandbox.Timedout');
    expect(States.Workers).toMatchObject({
      MaxConcurrency: 7,
      Next: 'Report',
      Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Report' }],
    });
    expect(States.Workers.ItemProcessor.States.Work.Catch).toMatchObject([
      { ErrorEquals: ['States.ALL'], Next: 'Worker Failed' },
    ]);
    expect(States.Report.Retry).toMatchObject([{ ErrorEquals: ['States.ALL'], MaxAttempts: 12 }]);
    expect(States['Publish Events']).toMatchObject({ Parameters: { 'Entries.$': '$.entries' }, ResultPath: null });
  });
});
