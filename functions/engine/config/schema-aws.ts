import { z } from 'zod';
import type { AwsConfig, IntegrationAwsConfig } from './config-aws.ts';
import { choiceOfNumber, flag, listOf, mapping, text, wholeNumber } from './schema-parts.ts';

const id = (kind: string) => text(`an id such as "${kind}-0a1b2c3d4e5f60718"`, new RegExp(`^${kind}-[0-9a-f]{8}([0-9a-f]{9})?$`));
const arn = (service: string, what: string) =>
  text(`the ARN of ${what}`, new RegExp(`^arn:aws[a-z-]*:${service}:[^\\s\\0]{1,1500}$`));
/** Terms that CloudWatch Logs takes: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const LOG_RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

const memoryMB = () => wholeNumber(512, 10_240);
const ephemeralStorageMB = () => wholeNumber(512, 10_240);
const zone = () => text('an availability zone such as "eu-central-1a"', /^[a-z]{2}(-[a-z]+)+-\d[a-z]$/);

const vpc = mapping({
  id: id('vpc').describe('Id of the VPC.'),
  availabilityZones: listOf(zone(), 'a list of availability zones').describe(
    'Availability zones of the subnets, in their order.',
  ),
  subnets: listOf(id('subnet'), 'a list of subnet ids').describe('Subnets that the functions run in, one per availability zone.'),
  routeTables: listOf(id('rtb'), 'a list of route table ids')
    .optional()
    .describe('Route tables of the subnets, in their order; needed for gateway endpoints.'),
});

export const aws = mapping({
  stackName: text('a name of at most 30 letters, digits and hyphens that begins with a letter', /^[A-Za-z][A-Za-z0-9-]{0,29}$/)
    .default('backstitch')
    .describe('Name of the stack, and the beginning of the names of its state machines and dashboards.'),
  account: text('an account number of 12 digits in quotes', /^\d{12}$/)
    .optional()
    .describe('With `region`: account that may be deployed to. By default that of the credentials.'),
  region: text('a region such as "eu-central-1"', /^[a-z]{2}(-[a-z]+)+-\d$/)
    .optional()
    .describe('With `account`: region that is deployed to. By default that of the profile.'),
  vpc: vpc
    .optional()
    .describe('Existing VPC that reaches the databases. Without it a small one without internet access is made.'),
  gatewayEndpoints: flag()
    .optional()
    .describe(
      'Whether gateway endpoints of S3 and DynamoDB are made (they cost nothing). By default in a new VPC, and in an existing one where `routeTables` are given.',
    ),
  secretsEndpoint: flag()
    .default(false)
    .describe(
      'Whether an interface endpoint of Secrets Manager is made (about $7 a month per zone). Needed where a secret is used and the subnets have no way to the internet.',
    ),
  createBucket: flag().default(false).describe('Whether the stack makes the bucket of `destination.url`. By default it exists.'),
  createTable: flag().default(true).describe('Whether the stack makes the table of `state.url`.'),
  kmsKeyArn: arn('kms', 'a KMS key')
    .optional()
    .describe(
      'Key of yours for what the stack makes, and that an existing bucket or table is encrypted with. By default keys that AWS owns.',
    ),
  secretKeyArns: listOf(arn('kms', 'a KMS key'), 'a list of ARNs of KMS keys')
    .optional()
    .describe('Keys of yours that secrets are encrypted with. Not needed for `aws/secretsmanager`.'),
  alarmEmail: text('an e-mail address', /^[^\s@]+@[^\s@]+\.[^\s@]+$/)
    .optional()
    .describe('Address that alarms are sent to; AWS asks it for confirmation once.'),
  alarmTopicArn: arn('sns', 'an SNS topic').optional().describe('Existing topic for alarms. By default one is made.'),
  memoryMB: memoryMB()
    .default(1769)
    .describe(
      'Memory of the functions in MB, by which Lambda also gives them CPU: that of one core at 1,769, less below. Where there is more than one core, compression runs beside encoding.',
    ),
  ephemeralStorageMB: ephemeralStorageMB()
    .default(2048)
    .describe('Disk of the functions in MB: log-based jobs keep transactions there that are still open.'),
  tracing: flag().default(false).describe('Whether jobs are traced with X-Ray.'),
  logRetentionDays: choiceOfNumber(LOG_RETENTION_DAYS).default(60).describe('How long CloudWatch keeps logs, in days.'),
  reportRetentionDays: wholeNumber(1, 3650)
    .default(60)
    .describe('How long a bucket that the stack makes keeps loading reports and extraction logs, in days.'),
  deploymentPaused: flag()
    .default(false)
    .describe('Whether schedules exist but start nothing. `backstitch pause` does the same without a deployment.'),
  removeDataOnDestroy: flag()
    .default(false)
    .describe('Lets bucket and table go with the stack, if it is deployed with `-c removeDataOnDestroy=true` too.'),
  tags: z
    .record(text('a key of at most 128 characters', /^[^\0]{1,128}$/), text('text of at most 256 characters', /^[^\0]{0,256}$/), {
      error: 'a mapping of texts',
    })
    .default({})
    .describe('Tags of everything in the stack.'),
}).describe('What exists in the AWS account. Only the AWS app reads it.');

/** What one integration has of its own in the account. */
export const integrationAws = mapping({
  databaseSecurityGroup: id('sg')
    .optional()
    .describe('Security group of the database (or of the SSH server): gets a rule that lets the functions in.'),
  databaseResourceId: text('a resource id such as "db-ABC..." or "cluster-ABC..."', /^(db|cluster|prx)-[A-Za-z0-9]{4,60}$/)
    .optional()
    .describe('Resource id of the RDS instance or Aurora cluster, which narrows what `auth: iam` may log in to.'),
  memoryMB: memoryMB().optional().describe('In place of `aws.memoryMB`.'),
  ephemeralStorageMB: ephemeralStorageMB().optional().describe('In place of `aws.ephemeralStorageMB`.'),
  deploymentPaused: flag().optional().describe('In place of `aws.deploymentPaused`.'),
}).describe('What this integration has of its own in AWS.');

export type AwsDocument = z.output<typeof aws>;

/** The section as the app works with it; without a document, all defaults. */
export function resolveAws(document: AwsDocument = aws.parse({})): AwsConfig {
  const { vpc: network, secretKeyArns, ...rest } = document;
  return {
    ...defined(rest),
    secretKeyArns: secretKeyArns ?? [],
    ...(network === undefined ? {} : { vpc: { ...network, routeTables: network.routeTables ?? [] } }),
  };
}

/** An integration's part of it. */
export function resolveIntegrationAws(document: z.output<typeof integrationAws>): IntegrationAwsConfig {
  return defined(document);
}

type Defined<T> = { readonly [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  readonly [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Without settings that are undefined. */
function defined<T extends object>(settings: T): Defined<T> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as Defined<T>;
}
