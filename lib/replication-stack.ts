import { Duration, Fn, RemovalPolicy, Stack, Tags } from 'aws-cdk-lib';
import type { App, Environment } from 'aws-cdk-lib';
import { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { SecurityGroup, Vpc } from 'aws-cdk-lib/aws-ec2';
import type { IVpc } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Config, IntegrationConfig } from '../functions/engine/config/config.ts';
import type { AwsConfig, AwsVpcConfig } from '../functions/engine/config/config-aws.ts';
import { asBucket, asTable } from './as-interface.ts';
import { LandingBucket } from './landing-bucket.ts';
import { LedgerTable } from './ledger-table.ts';
import { PostgresIntegration } from './postgres-integration.ts';
import { PostgresReplication } from './postgres-replication.ts';

export interface ReplicationStackProps {
  readonly config: Config;
  readonly aws: AwsConfig;
  /** Code of an integration's functions, by its name. */
  readonly codeOf: (integration: string) => Code;
  /** When the template is made, for schedules that need a time to begin. @default - now */
  readonly now?: Date;
}

/** Everything that one configuration file asks for, in one stack. Nothing is looked up in the account. */
export class ReplicationStack extends Stack {
  readonly replication: PostgresReplication;
  readonly integrations: readonly PostgresIntegration[];

  constructor(scope: App, id: string, props: ReplicationStackProps) {
    const { config, aws, codeOf, now = new Date() } = props;
    const env = environmentOf(aws);
    super(scope, id, {
      stackName: aws.stackName,
      description: 'Backstitch: PostgreSQL to Amazon S3',
      ...(env === undefined ? {} : { env }),
    });
    // Not every region takes tags of dashboards.
    const options = { excludeResourceTypes: ['AWS::CloudWatch::Dashboard'] };
    for (const [key, value] of Object.entries(aws.tags)) Tags.of(this).add(key, value, options);
    const encryptionKey = aws.kmsKeyArn === undefined ? undefined : Key.fromKeyArn(this, 'Key', aws.kmsKeyArn);
    const data = { ...(encryptionKey === undefined ? {} : { encryptionKey }), removalPolicy: removalOf(aws) };
    const vpc = aws.vpc === undefined ? undefined : this.#vpc(aws.vpc);
    const gatewayEndpoints = aws.gatewayEndpoints ?? (aws.vpc === undefined || aws.vpc.routeTables.length > 0);
    this.replication = new PostgresReplication(this, 'Replication', {
      destination: config.destination,
      bucket: this.#bucket(config, aws, data),
      table: this.#table(config, aws, data),
      ...(encryptionKey === undefined ? {} : { encryptionKey }),
      ...(vpc === undefined ? {} : { vpc }),
      gatewayEndpoints,
      secretsEndpoint: aws.secretsEndpoint,
      ...(aws.alarmTopicArn === undefined ? {} : { alarmTopic: Topic.fromTopicArn(this, 'AlarmTopic', aws.alarmTopicArn) }),
      ...(aws.alarmEmail === undefined ? {} : { alarmEmail: aws.alarmEmail }),
    });
    this.integrations = config.integrations.map((integration) => this.#integration(integration, { aws, codeOf, now }));
  }

  /** The first two zones of wherever it is deployed: told and not looked up, also where account and region are known. */
  override get availabilityZones(): string[] {
    return [0, 1].map((zone) => Fn.select(zone, Fn.getAzs()));
  }

  #integration(
    integration: IntegrationConfig,
    { aws, codeOf, now }: Required<Omit<ReplicationStackProps, 'config'>>,
  ): PostgresIntegration {
    const own = integration.aws ?? {};
    // The name is the integration's identity: another one is another integration.
    const id = `Integration-${integration.name}`;
    return new PostgresIntegration(this, id, {
      replication: this.replication,
      integration,
      code: codeOf(integration.name),
      namePrefix: aws.stackName,
      ...(own.databaseSecurityGroup === undefined
        ? {}
        : { databaseSecurityGroup: SecurityGroup.fromSecurityGroupId(this, `${id}-Database`, own.databaseSecurityGroup) }),
      ...(own.databaseResourceId === undefined ? {} : { databaseResourceId: own.databaseResourceId }),
      secretKeyArns: aws.secretKeyArns,
      memoryMB: own.memoryMB ?? aws.memoryMB,
      ephemeralStorageMB: own.ephemeralStorageMB ?? aws.ephemeralStorageMB,
      tracing: aws.tracing,
      logRetention: retentionOf(aws.logRetentionDays),
      reportRetention: Duration.days(aws.reportRetentionDays),
      paused: own.deploymentPaused ?? aws.deploymentPaused,
      now,
    });
  }

  #vpc({ id, availabilityZones, subnets, routeTables }: AwsVpcConfig): IVpc {
    return Vpc.fromVpcAttributes(this, 'Vpc', {
      vpcId: id,
      availabilityZones: [...availabilityZones],
      privateSubnetIds: [...subnets],
      ...(routeTables.length === 0 ? {} : { privateSubnetRouteTableIds: [...routeTables] }),
    });
  }

  #bucket({ destination }: Config, aws: AwsConfig, data: DataProps): IBucket {
    const { location } = destination;
    const bucketName = location.kind === 's3' ? location.bucket : '';
    if (aws.createBucket) return asBucket(new LandingBucket(this, 'Bucket', { ...data, bucketName }));
    return Bucket.fromBucketName(this, 'ExistingBucket', bucketName);
  }

  #table({ state }: Config, aws: AwsConfig, data: DataProps): ITable {
    if (state.location.kind !== 'dynamodb')
      throw new TypeError(`state.url is ${state.url}, but in AWS the ledger is a table: write dynamodb://table`);
    const tableName = state.location.table;
    if (aws.createTable) return asTable(new LedgerTable(this, 'Ledger', { ...data, tableName }));
    return Table.fromTableName(this, 'ExistingLedger', tableName);
  }
}

interface DataProps {
  readonly encryptionKey?: IKey;
  readonly removalPolicy: RemovalPolicy;
}

function environmentOf({ account, region }: AwsConfig): Environment | undefined {
  return account === undefined || region === undefined ? undefined : { account, region };
}

function removalOf({ removeDataOnDestroy }: AwsConfig): RemovalPolicy {
  return removeDataOnDestroy ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN;
}

/** Members of RetentionDays are their days. */
function retentionOf(days: number): RetentionDays {
  const known = Object.values(RetentionDays).find(
    (term): term is RetentionDays => typeof term === 'number' && days === term.valueOf(),
  );
  if (known === undefined) throw new RangeError(`aws.logRetentionDays is ${String(days)}, which CloudWatch does not take`);
  return known;
}
