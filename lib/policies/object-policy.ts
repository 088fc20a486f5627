import { PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { DestinationConfig } from '../../functions/engine/config/config.ts';
import { CHECK_PATTERN, objectPatterns } from './object-patterns.ts';

/** What a function may do with an integration's objects. */
export type ObjectRight =
  /** Writes rows, schemas, reports and logs; lists and removes what dead jobs left. */
  | 'plan'
  /** Writes rows, schemas and logs; removes nothing. */
  | 'work'
  /** Writes reports and logs, reads and removes what jobs hand over; no rows. */
  | 'report';

export interface ObjectPolicyOptions {
  readonly bucket: IBucket;
  /** Empty, or with a slash at its end. */
  readonly prefix: string;
  readonly destination: Pick<DestinationConfig, 'keyTemplate'>;
  readonly integration: string;
  readonly encryptionKey?: IKey | undefined;
}

/** Rights on the keys of one integration, by prefix. */
export function objectPolicy(right: ObjectRight, options: ObjectPolicyOptions): PolicyDocument {
  const { bucket, prefix, destination, integration, encryptionKey } = options;
  const patterns = objectPatterns(destination, integration);
  const keys = (...names: readonly string[]): string[] => [...new Set(names)].map((name) => bucket.arnForObjects(prefix + name));
  const written = {
    plan: [patterns.rows, patterns.notes, CHECK_PATTERN],
    work: [patterns.rows, patterns.notes],
    report: [`${integration}/_*`],
  }[right];
  const listed = {
    plan: [patterns.listed, patterns.notes, CHECK_PATTERN],
    work: [patterns.listed],
    report: [`${integration}/_*`],
  }[right];
  const removed = { plan: [patterns.rows, patterns.notes], work: [], report: [`${integration}/_jobs/*`] }[right];
  return new PolicyDocument({
    statements: [
      new PolicyStatement({
        sid: 'WriteOwnObjects',
        actions: ['s3:PutObject', 's3:GetObject', 's3:AbortMultipartUpload'],
        resources: keys(...written),
      }),
      ...(removed.length === 0
        ? []
        : [new PolicyStatement({ sid: 'RemoveOwnObjects', actions: ['s3:DeleteObject'], resources: keys(...removed) })]),
      new PolicyStatement({
        sid: 'ListOwnKeys',
        actions: ['s3:ListBucket'],
        resources: [bucket.bucketArn],
        // IfExists: S3 answers "not found" (404) in place of "denied" (403) only to who may list, and asks that without a prefix.
        conditions: {
          StringLikeIfExists: {
            's3:prefix': [...new Set([...(right === 'plan' ? [prefix] : []), ...listed.map((name) => prefix + name)])],
          },
        },
      }),
      ...(right === 'report'
        ? []
        : [
            // S3 knows no prefix condition for this one; it tells keys of unfinished uploads and nothing of what is in them.
            // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
            new PolicyStatement({
              sid: 'ListUploads',
              actions: ['s3:ListBucketMultipartUploads'],
              resources: [bucket.bucketArn],
            }),
          ]),
      ...(encryptionKey === undefined
        ? []
        : [
            new PolicyStatement({
              sid: 'UseKey',
              actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
              resources: [encryptionKey.keyArn],
            }),
          ]),
    ],
  });
}
