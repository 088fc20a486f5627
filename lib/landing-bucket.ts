import type { IKey } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { mayRemoveData } from './remove-data.ts';

export interface LandingBucketProps {
  /** Name of the bucket. @default - made up by CloudFormation */
  readonly bucketName?: string;
  /** Key for objects. @default - encrypted with keys of S3 */
  readonly encryptionKey?: IKey;
  /** Whether overwritten and deleted objects are kept as versions. @default false */
  readonly versioned?: boolean;
  /** What happens to the data when the construct goes; see {@link mayRemoveData}. @default RemovalPolicy.RETAIN */
  readonly removalPolicy?: RemovalPolicy;
}

/** Days after which parts of an upload that nobody ended are thrown away: well after the 24 hours that a job may take. */
const ABANDONED_UPLOAD_DAYS = 7;

/** A bucket that objects are landed in: private, encrypted, taken by TLS only, without the rest of broken uploads. */
export class LandingBucket extends Bucket {
  constructor(scope: Construct, id: string, props: LandingBucketProps = {}) {
    const { bucketName, encryptionKey, versioned = false, removalPolicy = RemovalPolicy.RETAIN } = props;
    super(scope, id, {
      ...(bucketName === undefined ? {} : { bucketName }),
      ...(encryptionKey === undefined
        ? { encryption: BucketEncryption.S3_MANAGED }
        : { encryption: BucketEncryption.KMS, encryptionKey, bucketKeyEnabled: true }),
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned,
      removalPolicy: mayRemoveData(scope, removalPolicy) ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
      lifecycleRules: [{ id: 'abandoned-uploads', abortIncompleteMultipartUploadAfter: Duration.days(ABANDONED_UPLOAD_DAYS) }],
    });
  }
}
