import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The example that users begin with. */
export const EXAMPLE = readFileSync(join(import.meta.dirname, '../../../examples/aws/backstitch.yaml'), 'utf8');

/** One integration with a connection of its own, and an `aws` section of its own. */
export function configuration({
  aws = '{}',
  connection = '{ host: db, database: shop, user: backstitch, auth: iam, ssl: { ca: rds } }',
  more = '',
  destination = '{ url: "s3://landing/postgres" }',
}: {
  readonly aws?: string;
  readonly connection?: string;
  /** Lines of the integration. */
  readonly more?: string;
  readonly destination?: string;
} = {}): string {
  const lines = more.split('\n').map((line) => `    ${line}\n`);
  return `destination: ${destination}
state: { url: "dynamodb://ledger" }
integrations:
  - name: shop
    connection: ${connection}
    defaultReplicationMethod: LOG_BASED
    selectAll: true
${lines.join('')}aws: ${aws}
`;
}

const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0000-0000-0000-000000000000';

/** Stacks that together have everything there is. */
export const FULL: Readonly<Record<string, string>> = {
  example: EXAMPLE,
  defaults: configuration({ more: 'schedule: { every: 90 minutes }' }),
  everything: configuration({
    aws: `{ createBucket: true, kmsKeyArn: "${KEY}", secretKeyArns: ["${KEY}"], tracing: true, secretsEndpoint: true, alarmEmail: a@example.com }`,
    connection:
      '{ host: db, database: shop, user: backstitch, password: { secret: prod/shop }, ssl: { ca: rds }, ssh: { host: bastion, user: t, privateKey: { secret: prod/bastion } } }',
    more: 'schedule: { cron: "0 0 6 ? * MON", timezone: Europe/Berlin }',
  }),
};
