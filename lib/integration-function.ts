import { RemovalPolicy, Size } from 'aws-cdk-lib';
import type { Duration } from 'aws-cdk-lib';
import type { ISecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { PolicyDocument } from 'aws-cdk-lib/aws-iam';
import { Architecture, Function, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { environment, handlers } from '../functions/contract.ts';
import { logPolicy, networkPolicy } from './policies/function-policy.ts';
import type { PostgresReplication } from './postgres-replication.ts';

export interface IntegrationFunctionProps {
  readonly replication: PostgresReplication;
  readonly handler: keyof typeof handlers;
  readonly description: string;
  readonly code: Code;
  readonly timeout: Duration;
  readonly memoryMB: number;
  readonly ephemeralStorageMB: number;
  readonly tracing: 'off' | 'x-ray';
  readonly logRetention: RetentionDays;
  readonly securityGroups: readonly ISecurityGroup[];
  /** By name; absent ones are left out. */
  readonly policies: Readonly<Record<string, PolicyDocument | undefined>>;
}

/** One function of an integration, with a role of its own that has the policies given and what running takes. */
export class IntegrationFunction extends Construct {
  readonly function: Function;
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, props: IntegrationFunctionProps) {
    super(scope, id);
    const { replication, handler, code, memoryMB, ephemeralStorageMB, policies } = props;
    const { network, bucket, table, prefix, encryptionKey } = replication;
    this.logGroup = new LogGroup(this, 'Log', {
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
      ...(encryptionKey === undefined ? {} : { encryptionKey }),
    });
    const own: Readonly<Record<string, PolicyDocument | undefined>> = {
      Log: logPolicy(this.logGroup),
      Network: networkPolicy(this),
      ...policies,
    };
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      inlinePolicies: Object.fromEntries(
        Object.entries(own).flatMap(([name, policy]) => (policy === undefined ? [] : [[name, policy] as const])),
      ),
    });
    this.function = new Function(this, 'Function', {
      description: props.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      handler: handlers[handler],
      code,
      timeout: props.timeout,
      memorySize: memoryMB,
      ephemeralStorageSize: Size.mebibytes(ephemeralStorageMB),
      role,
      vpc: network.vpc,
      vpcSubnets: { subnets: [...network.subnets] },
      securityGroups: [...props.securityGroups],
      environment: {
        [environment.destination]: `s3://${bucket.bucketName}/${prefix.replace(/\/$/, '')}`,
        [environment.state]: `dynamodb://${table.tableName}`,
      },
      ...(encryptionKey === undefined ? {} : { environmentEncryption: encryptionKey }),
      logGroup: this.logGroup,
      loggingFormat: LoggingFormat.JSON,
      tracing: props.tracing === 'x-ray' ? Tracing.ACTIVE : Tracing.DISABLED,
    });
  }
}
