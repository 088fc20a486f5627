import type { RemovalPolicy } from 'aws-cdk-lib';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { Grant, IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { ScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import type { DestinationConfig } from '../functions/engine/config/config.ts';
import { AlarmTopic } from './alarm-topic.ts';
import { asBucket, asTable } from './as-interface.ts';
import { LandingBucket } from './landing-bucket.ts';
import { LedgerTable } from './ledger-table.ts';
import { ReplicationNetwork } from './replication-network.ts';
import type { ReplicationNetworkProps } from './replication-network.ts';

export interface PostgresReplicationProps extends ReplicationNetworkProps {
  /** Where objects go and what they look like, as read from the configuration file: prefix and key template decide who may write where. */
  readonly destination: DestinationConfig;
  /** Bucket that objects are landed in. @default - a new one, whose name CloudFormation makes up */
  readonly bucket?: IBucket;
  /** Table of bookmarks and reports: partition key `pk`, sort key `sk`, both strings. @default - a new one, whose name CloudFormation makes up */
  readonly table?: ITable;
  /** Key for everything made here, and that an existing bucket or table is encrypted with. @default - keys that AWS owns */
  readonly encryptionKey?: IKey;
  /** Topic that alarms are sent to. @default - a new one */
  readonly alarmTopic?: ITopic;
  /** Address that is subscribed to a new topic. @default - nobody */
  readonly alarmEmail?: string;
  /** What happens to bucket and table when the construct goes; DESTROY counts only with the context `removeDataOnDestroy=true`. @default RemovalPolicy.RETAIN */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * What all integrations of one destination share: bucket, ledger, network, alarms.
 *
 * ```ts
 * const replication = new PostgresReplication(stack, 'Replication', { destination: config.destination, vpc, bucket });
 * ```
 */
export class PostgresReplication extends Construct {
  readonly destination: DestinationConfig;
  readonly bucket: IBucket;
  readonly table: ITable;
  readonly network: ReplicationNetwork;
  readonly alarmTopic: ITopic;
  readonly encryptionKey: IKey | undefined;
  readonly scheduleGroup: ScheduleGroup;
  /** Below which all objects lie: empty, or with a slash at its end. */
  readonly prefix: string;

  constructor(scope: Construct, id: string, props: PostgresReplicationProps) {
    super(scope, id);
    const { destination, encryptionKey, alarmEmail, removalPolicy } = props;
    const { location } = destination;
    if (location.kind !== 's3')
      throw new TypeError(`destination.url is ${destination.url}, but in AWS objects go to a bucket: write s3://bucket/prefix`);
    const made = {
      ...(encryptionKey === undefined ? {} : { encryptionKey }),
      ...(removalPolicy === undefined ? {} : { removalPolicy }),
    };
    this.destination = destination;
    this.prefix = location.prefix === '' ? '' : `${location.prefix}/`;
    this.encryptionKey = encryptionKey;
    this.bucket = props.bucket ?? asBucket(new LandingBucket(this, 'Bucket', made));
    this.table = props.table ?? asTable(new LedgerTable(this, 'Ledger', made));
    this.network = new ReplicationNetwork(this, 'Network', props);
    this.alarmTopic =
      props.alarmTopic ??
      new AlarmTopic(this, 'Alarms', {
        ...(alarmEmail === undefined ? {} : { email: alarmEmail }),
        ...(encryptionKey === undefined ? {} : { encryptionKey }),
      });
    this.scheduleGroup = new ScheduleGroup(this, 'Schedules');
  }

  /** Lets somebody (a loader, say) read everything that integrations land, reports included. */
  grantReadObjects(grantee: IGrantable): Grant {
    return this.bucket.grantRead(grantee, `${this.prefix}*`);
  }
}
