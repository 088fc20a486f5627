import { describe, expect, test } from 'vitest';
import { dynamoAccess, s3Access } from './access.ts';
import { matchesPattern, targetInput } from './event-pattern.ts';
import { decide } from './iam.ts';
import type { Decision } from './iam.ts';
import type { JsonObject } from './json.ts';

describe('a decision', () => {
  const read = { Effect: 'Allow', Action: ['s3:Get*'], Resource: 'arn:aws:s3:::b/shop/*' };
  const list = {
    Effect: 'Allow',
    Action: 's3:ListBucket',
    Resource: 'arn:aws:s3:::b',
    Condition: { StringLikeIfExists: { 's3:prefix': ['shop/*'] } },
  };
  const keys = {
    Effect: 'Allow',
    Action: 'dynamodb:Query',
    Resource: '*',
    Condition: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['shop'] } },
  };
  const noTls = { Effect: 'Deny', Action: 's3:*', Resource: '*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } };
  const cases: readonly [
    what: string,
    statements: readonly JsonObject[],
    action: string,
    resource: string,
    context: Readonly<Record<string, readonly string[]>>,
    expected: Decision,
  ][] = [
    ['an action by pattern', [read], 's3:GetObject', 'arn:aws:s3:::b/shop/x', {}, 'allowed'],
    ['another action', [read], 's3:PutObject', 'arn:aws:s3:::b/shop/x', {}, 'not allowed'],
    ['another resource', [read], 's3:GetObject', 'arn:aws:s3:::b/other/x', {}, 'not allowed'],
    ['a prefix of its own', [list], 's3:ListBucket', 'arn:aws:s3:::b', { 's3:prefix': ['shop/a'] }, 'allowed'],
    ['a prefix of others', [list], 's3:ListBucket', 'arn:aws:s3:::b', { 's3:prefix': ['other/'] }, 'not allowed'],
    ['no prefix, if it exists', [list], 's3:ListBucket', 'arn:aws:s3:::b', {}, 'allowed'],
    ['keys of its own', [keys], 'dynamodb:Query', 't', { 'dynamodb:leadingkeys': ['shop', 'shop'] }, 'allowed'],
    ['one key of others', [keys], 'dynamodb:Query', 't', { 'dynamodb:leadingkeys': ['shop', 'other'] }, 'not allowed'],
    [
      'what is denied as well',
      [read, noTls],
      's3:GetObject',
      'arn:aws:s3:::b/shop/x',
      { 'aws:securetransport': ['false'] },
      'denied',
    ],
    [
      'what is denied otherwise',
      [read, noTls],
      's3:GetObject',
      'arn:aws:s3:::b/shop/x',
      { 'aws:securetransport': ['true'] },
      'allowed',
    ],
  ];
  test.each(cases)('%s', (_what, statements, action, resource, context, expected) => {
    expect(decide(statements, { action, resource, context })).toBe(expected);
  });

  test('a condition that is not known is refused', () => {
    const odd = { ...read, Condition: { DateLessThan: { 'aws:CurrentTime': 'x' } } };
    expect(() => decide([odd], { action: 's3:GetObject', resource: 'arn:aws:s3:::b/shop/x', context: {} })).toThrow(
      'DateLessThan',
    );
  });
});

describe('what a request needs', () => {
  const s3 = (method: string, url: string, body = ''): readonly string[] =>
    s3Access({ method, url, headers: {}, body: Buffer.from(body) }).map(({ action, resource }) => `${action} ${resource}`);
  test.each([
    ['PUT', '/b/a%20b?partNumber=1&uploadId=u', '', ['s3:PutObject arn:aws:s3:::b/a b']],
    ['DELETE', '/b/k?uploadId=u', '', ['s3:AbortMultipartUpload arn:aws:s3:::b/k']],
    ['POST', '/b?delete', '<Key>x</Key><Key>y</Key>', ['s3:DeleteObject arn:aws:s3:::b/x', 's3:DeleteObject arn:aws:s3:::b/y']],
    ['GET', '/b?uploads', '', ['s3:ListBucketMultipartUploads arn:aws:s3:::b']],
  ])('S3: %s %s', (method, url, body, expected) => {
    expect(s3(method, url, body)).toEqual(expected);
  });

  const dynamo = (operation: string, body: object): unknown =>
    dynamoAccess(
      {
        method: 'POST',
        url: '/',
        headers: { 'x-amz-target': `DynamoDB_20120810.${operation}` },
        body: Buffer.from(JSON.stringify(body)),
      },
      (name) => name,
    ).map(({ action, context }) => [action, context['dynamodb:leadingkeys']]);
  test.each([
    ['PutItem', { TableName: 't', Item: { pk: { S: 'shop' } } }, ['shop']],
    [
      'Query',
      {
        TableName: 't',
        KeyConditionExpression: '#p = :p and begins_with(sk, :s)',
        ExpressionAttributeNames: { '#p': 'pk' },
        ExpressionAttributeValues: { ':p': { S: 'shop' }, ':s': { S: 'x' } },
      },
      ['shop'],
    ],
    [
      'BatchWriteItem',
      { RequestItems: { t: [{ PutRequest: { Item: { pk: { S: 'a' } } } }, { DeleteRequest: { Key: { pk: { S: 'b' } } } }] } },
      ['a', 'b'],
    ],
    ['Scan', { TableName: 't' }, undefined],
  ])('DynamoDB: %s', (operation, body, keys) => {
    expect(dynamo(operation, body)).toEqual([[`dynamodb:${operation}`, keys]]);
  });
});

describe('an event', () => {
  const event = { source: 'aws.states', detail: { status: 'ABORTED', executionArn: 'arn:x', n: 1 } };
  test.each([
    [{ source: ['aws.states'], detail: { status: ['FAILED', 'ABORTED'] } }, true],
    [{ detail: { status: ['FAILED'] } }, false],
    [{ detail: { status: [{ 'anything-but': 'FAILED' }], none: [{ exists: false }] } }, true],
    [{ detail: { executionArn: [{ prefix: 'arn:' }] } }, true],
  ])('matches %j: %s', (pattern, expected) => {
    expect(matchesPattern(pattern, event)).toBe(expected);
  });

  test('is changed by a transformer as EventBridge does', () => {
    const InputTransformer = {
      InputPathsMap: { a: '$.detail.executionArn', n: '$.detail.n' },
      InputTemplate: '{"kind":"abandoned","execution":<a>,"quoted":"<a>","n":<n>}',
    };
    expect(targetInput({ InputTransformer }, event)).toEqual({ kind: 'abandoned', execution: 'arn:x', quoted: 'arn:x', n: 1 });
  });
});
