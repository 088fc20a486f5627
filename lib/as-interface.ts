import type { ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { IVpc, Vpc } from 'aws-cdk-lib/aws-ec2';
import type { Bucket, IBucket } from 'aws-cdk-lib/aws-s3';

// The classes of aws-cdk-lib declare optional members that may be undefined, their interfaces ones that are absent; under exactOptionalPropertyTypes these differ.

/** A bucket by its interface. */
export function asBucket(bucket: Bucket): IBucket {
  return bucket as IBucket;
}

/** A table by its interface. */
export function asTable(table: Table): ITable {
  return table as ITable;
}

/** A VPC by its interface. */
export function asVpc(vpc: Vpc): IVpc {
  return vpc as IVpc;
}
