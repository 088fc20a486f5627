import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { mayRemoveData } from './remove-data.ts';

export interface LedgerTableProps {
  /** Name of the table. @default - made up by CloudFormation */
  readonly tableName?: string;
  /** Key for items. @default - encrypted with a key that DynamoDB owns */
  readonly encryptionKey?: IKey;
  /** What happens to the data when the construct goes; see {@link mayRemoveData}. @default RemovalPolicy.RETAIN */
  readonly removalPolicy?: RemovalPolicy;
}

/** The table of bookmarks, claims, commits and reports: paid by request, recoverable to any second of 35 days, and protected against deletion while it is retained. */
export class LedgerTable extends Table {
  constructor(scope: Construct, id: string, props: LedgerTableProps = {}) {
    const { tableName, encryptionKey, removalPolicy = RemovalPolicy.RETAIN } = props;
    const isRemovable = mayRemoveData(scope, removalPolicy);
    super(scope, id, {
      ...(tableName === undefined ? {} : { tableName }),
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      ...(encryptionKey === undefined
        ? { encryption: TableEncryption.DEFAULT }
        : { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey }),
      deletionProtection: !isRemovable,
      removalPolicy: isRemovable ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
    });
  }
}
