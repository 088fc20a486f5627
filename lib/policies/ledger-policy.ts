import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';

const READ = ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'];
const WRITE = ['dynamodb:PutItem', 'dynamodb:DeleteItem'];

/** Under which the store tries its rights, without ever writing; as `openDynamoStore` does. */
const CHECK_KEY = '#check';

/** Rights on the items of one integration: its name is the partition key of them all, and no other key may lead a request. */
export function ledgerPolicy(
  right: 'read' | 'write' | 'check-and-write',
  {
    table,
    integration,
    encryptionKey,
  }: { readonly table: ITable; readonly integration: string; readonly encryptionKey?: IKey | undefined },
): PolicyDocument {
  return new PolicyDocument({
    statements: [
      new PolicyStatement({
        sid: 'OwnItems',
        actions: right === 'read' ? READ : [...READ, ...WRITE],
        resources: [table.tableArn],
        conditions: {
          'ForAllValues:StringEquals': {
            'dynamodb:LeadingKeys': right === 'check-and-write' ? [integration, CHECK_KEY] : [integration],
          },
        },
      }),
      ...(encryptionKey === undefined
        ? []
        : [
            new PolicyStatement({
              sid: 'UseKey',
              actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
              resources: [encryptionKey.keyArn],
            }),
          ]),
    ],
  });
}
