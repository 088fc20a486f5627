import { CreateTableCommand } from '@aws-sdk/client-dynamodb';
import type { AttributeDefinition, KeySchemaElement } from '@aws-sdk/client-dynamodb';
import { startDynamo } from '../../support/dynamodb.ts';
import type { DynamoServer } from '../../support/dynamodb.ts';
import { startMiniS3 } from '../../support/mini-s3.ts';
import type { MiniS3 } from '../../support/mini-s3.ts';
import type { Bucket } from '../../support/mini-s3-store.ts';
import { dynamoAccess, s3Access, s3Hides, secretAccess } from './access.ts';
import { startGate } from './gate.ts';
import type { AccessRecord, Principal } from './gate.ts';
import { startSecrets } from './secrets.ts';
import type { Template } from './template.ts';

/** The services that functions ask, with the bucket and table of a template in them, each behind the IAM of that template. */
export interface Emulators extends AsyncDisposable {
  readonly s3: MiniS3;
  readonly bucket: Bucket;
  /** Past IAM. */
  readonly dynamo: DynamoServer;
  /** What the SDK finds in the environment of a function. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** Every request of every function and whether its role may. */
  access(): readonly AccessRecord[];
}

export async function startEmulators(
  template: Template,
  { principals, secrets }: { readonly principals: readonly Principal[]; readonly secrets: Readonly<Record<string, string>> },
): Promise<Emulators> {
  const bucketName = template.name(template.only('AWS::S3::Bucket').id);
  const bucketPolicy = template.all('AWS::S3::BucketPolicy').find(({ properties }) => properties['Bucket'] === bucketName);
  const { region, account } = template.identity;
  const opened: AsyncDisposable[] = [];
  const open = async <T extends AsyncDisposable>(starting: Promise<T>): Promise<T> => {
    const made = await starting;
    opened.unshift(made);
    return made;
  };
  const s3 = await open(startMiniS3({ buckets: [bucketName] }));
  const dynamo = await open(startDynamo());
  const vault = await open(startSecrets(secrets));
  const { id, properties } = template.only('AWS::DynamoDB::Table');
  await dynamo.client().send(
    new CreateTableCommand({
      TableName: template.name(id),
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: properties['AttributeDefinitions'] as unknown as AttributeDefinition[],
      KeySchema: properties['KeySchema'] as unknown as KeySchemaElement[],
    }),
  );
  const s3Gate = await open(
    startGate({
      principals,
      target: s3.endpoint,
      access: s3Access,
      hides: s3Hides,
      refusal: 's3',
      ...(bucketPolicy?.properties['PolicyDocument'] === undefined
        ? {}
        : { resourcePolicy: bucketPolicy.properties['PolicyDocument'] }),
    }),
  );
  const tableArn = (name: string): string => `arn:aws:dynamodb:${region}:${account}:table/${name}`;
  const dynamoGate = await open(
    startGate({
      principals,
      target: dynamo.endpoint,
      access: (request) => dynamoAccess(request, tableArn),
      refusal: 'json',
    }),
  );
  const secretArn = (name: string): string => `arn:aws:secretsmanager:${region}:${account}:secret:${name}-AbCd12`;
  const vaultGate = await open(
    startGate({
      principals,
      target: vault.endpoint,
      access: (request) => secretAccess(request, secretArn),
      refusal: 'json',
    }),
  );
  return {
    s3,
    bucket: s3.bucket(bucketName),
    dynamo,
    endpoints: {
      AWS_ENDPOINT_URL_S3: s3Gate.endpoint,
      AWS_ENDPOINT_URL_DYNAMODB: dynamoGate.endpoint,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: vaultGate.endpoint,
    },
    access: () => [...s3Gate.records, ...dynamoGate.records, ...vaultGate.records],
    [Symbol.asyncDispose]: async () => {
      for (const made of opened) await made[Symbol.asyncDispose]();
    },
  };
}
