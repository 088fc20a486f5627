import { Duration, Stack } from 'aws-cdk-lib';
import type { Alarm, Dashboard, Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import { Connections } from 'aws-cdk-lib/aws-ec2';
import type { IConnectable, ISecurityGroup } from 'aws-cdk-lib/aws-ec2';
import type { Grant, IGrantable } from 'aws-cdk-lib/aws-iam';
import type { Code, Function } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { maxWorkers } from '../functions/contract.ts';
import type { handlers, metrics } from '../functions/contract.ts';
import type { IntegrationConfig } from '../functions/engine/config/config.ts';
import { stateMachineName } from '../functions/engine/config/state-machine-name.ts';
import { AbandonedExecutions } from './abandoned-executions.ts';
import { IntegrationAlarms } from './integration-alarms.ts';
import { IntegrationDashboard } from './integration-dashboard.ts';
import { IntegrationFunction } from './integration-function.ts';
import { integrationMetric } from './integration-metrics.ts';
import { IntegrationSchedules } from './integration-schedules.ts';
import { JobStateMachine } from './job-state-machine.ts';
import { openSourceSecurityGroup } from './source-security-group.ts';
import { ledgerPolicy } from './policies/ledger-policy.ts';
import { objectPolicy } from './policies/object-policy.ts';
import type { ObjectRight } from './policies/object-policy.ts';
import { sourcePolicy } from './policies/source-policy.ts';
import type { PostgresReplication } from './postgres-replication.ts';

export interface PostgresIntegrationProps {
  /** What it shares with others. */
  readonly replication: PostgresReplication;
  /** As read from the configuration file. */
  readonly integration: IntegrationConfig;
  /** The bundle with the configuration of this integration beside it, as `stageCode` makes it. */
  readonly code: Code;
  /** Beginning of the state machine's name, which ends with the integration's. At most 30 characters. @default - the name of the stack */
  readonly namePrefix?: string;
  /** Security groups of the functions. @default - a new one that lets out what source, S3 and DynamoDB take */
  readonly securityGroups?: readonly ISecurityGroup[];
  /** Security group of the database, or of the SSH server in front of it: gets a rule that lets the functions in. @default - none gets one */
  readonly databaseSecurityGroup?: ISecurityGroup;
  /** `db-...` or `cluster-...`, to narrow what IAM authentication may log in to. @default - any database that has the user */
  readonly databaseResourceId?: string;
  /** Keys that secrets are encrypted with. @default - that of Secrets Manager */
  readonly secretKeyArns?: readonly string[];
  /** Memory of the functions that extract. At 1,769 MB a function has the CPU of one core, below it less. @default 1769 */
  readonly memoryMB?: number;
  /** Disk of the functions that extract; transactions that are still open are kept there. @default 2048 */
  readonly ephemeralStorageMB?: number;
  /** Whether jobs are traced with X-Ray. @default false */
  readonly tracing?: boolean;
  /** How long logs are kept. @default RetentionDays.TWO_MONTHS */
  readonly logRetention?: RetentionDays;
  /** How long a bucket of this app keeps loading reports and extraction logs. @default Duration.days(60) */
  readonly reportRetention?: Duration;
  /** Whether schedules exist but start no jobs. @default false */
  readonly paused?: boolean;
  /** When the template is made, for schedules that need a time to begin. @default - now */
  readonly now?: Date;
}

/** Of the functions that read no rows: half a CPU and more than what a report of thousands of tables takes. */
const SMALL_MEMORY_MB = 1024;
const SMALL_STORAGE_MB = 512;
const FUNCTION_MINUTES = 15;
/** Dead letters are kept as long as SQS can: until somebody comes back from holidays. */
const DEAD_LETTER_DAYS = 14;

/**
 * One integration in the account: its functions, the state machine that carries a job through them, its schedules, and what closes jobs that were stopped.
 *
 * ```ts
 * new PostgresIntegration(stack, 'Shop', { replication, integration, code, databaseSecurityGroup });
 * ```
 */
export class PostgresIntegration extends Construct implements IConnectable {
  /** As read from the configuration file. */
  readonly config: IntegrationConfig;
  readonly name: string;
  readonly connections: Connections;
  readonly stateMachine: StateMachine;
  /** What was not delivered: starts, and reports of stopped executions. */
  readonly deadLetterQueue: Queue;
  readonly functions: Readonly<Record<keyof typeof handlers, Function>>;
  readonly dashboard: Dashboard;
  readonly alarms: readonly Alarm[];

  constructor(scope: Construct, id: string, props: PostgresIntegrationProps) {
    super(scope, id);
    const { replication, integration } = props;
    const { encryptionKey, scheduleGroup, network, bucket, prefix } = replication;
    this.config = integration;
    this.name = integration.name;
    const source = { host: integration.connection.ssh ?? integration.connection, vpc: network.vpc };
    const securityGroups = props.securityGroups ?? [
      openSourceSecurityGroup(this, 'SecurityGroup', source, props.databaseSecurityGroup),
    ];
    this.connections = new Connections({ securityGroups: [...securityGroups] });
    network.allowFrom(this);
    this.deadLetterQueue = new Queue(this, 'DeadLetters', {
      enforceSSL: true,
      retentionPeriod: Duration.days(DEAD_LETTER_DAYS),
      ...(encryptionKey === undefined
        ? { encryption: QueueEncryption.SQS_MANAGED }
        : { encryption: QueueEncryption.KMS, encryptionMasterKey: encryptionKey }),
    });

    const made = this.#functions(props, securityGroups);
    this.functions = {
      plan: made.plan.function,
      work: made.work.function,
      report: made.report.function,
      watch: made.watch.function,
    };
    const name = stateMachineName(props.namePrefix ?? Stack.of(this).stackName, this.name);
    const paused = props.paused ?? false;
    const tracing = props.tracing === true ? 'x-ray' : 'off';
    const logRetention = props.logRetention ?? RetentionDays.TWO_MONTHS;
    const { stateMachine } = new JobStateMachine(this, 'Job', {
      ...this.functions,
      stateMachineName: name,
      workers: Math.min(integration.connections, maxWorkers),
      tracing,
      logRetention,
      encryptionKey,
    });
    this.stateMachine = stateMachine;
    const { report, watch } = this.functions;
    const { deadLetterQueue } = this;
    report.configureAsyncInvoke({ retryAttempts: 2, onFailure: new SqsDestination(deadLetterQueue) });
    // The next look comes by itself, and an alarm tells of looks that fail.
    watch.configureAsyncInvoke({ retryAttempts: 0 });
    new AbandonedExecutions(this, 'Abandoned', { stateMachine, report, deadLetterQueue });
    new IntegrationSchedules(this, 'Schedules', {
      integration: this.name,
      stateMachine,
      watch,
      deadLetterQueue,
      scheduleGroup,
      schedule: integration.schedule,
      paused,
      now: props.now ?? new Date(),
      encryptionKey,
    });
    const { alarms } = new IntegrationAlarms(this, 'Alarms', {
      integration,
      name,
      stateMachine,
      deadLetterQueue,
      topic: replication.alarmTopic,
      paused,
    });
    this.alarms = alarms;
    this.dashboard = new IntegrationDashboard(this, 'Dashboard', {
      integration: this.name,
      dashboardName: name,
      stateMachine,
      logGroups: { plan: made.plan.logGroup, work: made.work.logGroup, report: made.report.logGroup, watch: made.watch.logGroup },
      alarms,
    }).dashboard;
    if (bucket instanceof Bucket)
      expireNotes(bucket, { front: `${prefix}${this.name}/`, after: props.reportRetention ?? Duration.days(60) });
  }

  /** Lets somebody start a job now, also while the integration is paused. */
  grantStart(grantee: IGrantable): Grant {
    return this.stateMachine.grantStartExecution(grantee);
  }

  /** A metric of this integration by its name in the contract. */
  metric(name: keyof typeof metrics, options?: MetricOptions): Metric {
    return integrationMetric(this.name, name, options);
  }

  /** Rows that jobs made durable. @default - sum over five minutes */
  metricRows(options?: MetricOptions): Metric {
    return this.metric('rows', options);
  }

  /** Jobs that ended failed or partial. @default - sum over five minutes */
  metricJobsFailed(options?: MetricOptions): Metric {
    return this.metric('jobsFailed', options);
  }

  /** How much of what slots may hold back they hold, 0 to 100. @default - maximum over five minutes */
  metricWalBudgetPercent(options?: MetricOptions): Metric {
    return this.metric('walBudgetPercent', options);
  }

  /** How far behind the newest change the destination is. @default - maximum over five minutes */
  metricLagSeconds(options?: MetricOptions): Metric {
    return this.metric('lagSeconds', options);
  }

  #functions(
    props: PostgresIntegrationProps,
    securityGroups: readonly ISecurityGroup[],
  ): Readonly<Record<keyof typeof handlers, IntegrationFunction>> {
    const { replication, integration, code, secretKeyArns = [], databaseResourceId } = props;
    const { memoryMB = 1769, ephemeralStorageMB = 2048 } = props;
    const { bucket, table, prefix, destination, encryptionKey } = replication;
    const objects = (right: ObjectRight) =>
      objectPolicy(right, { bucket, prefix, destination, integration: integration.name, encryptionKey });
    const ledger = (right: Parameters<typeof ledgerPolicy>[0]) =>
      ledgerPolicy(right, { table, integration: integration.name, encryptionKey });
    const source = sourcePolicy(this, { connection: integration.connection, secretKeyArns, databaseResourceId });
    const common = {
      replication,
      code,
      securityGroups,
      tracing: props.tracing === true ? 'x-ray' : 'off',
      logRetention: props.logRetention ?? RetentionDays.TWO_MONTHS,
    } as const;
    const long = { timeout: Duration.minutes(FUNCTION_MINUTES) };
    const large = { memoryMB, ephemeralStorageMB, ...long };
    const small = { memoryMB: Math.min(SMALL_MEMORY_MB, memoryMB), ephemeralStorageMB: SMALL_STORAGE_MB };
    return {
      plan: new IntegrationFunction(this, 'Plan', {
        ...common,
        ...large,
        handler: 'plan',
        description: `${this.name}: begins a job`,
        policies: { Objects: objects('plan'), Ledger: ledger('check-and-write'), Source: source },
      }),
      work: new IntegrationFunction(this, 'Work', {
        ...common,
        ...large,
        handler: 'work',
        description: `${this.name}: extracts`,
        policies: { Objects: objects('work'), Ledger: ledger('write'), Source: source },
      }),
      report: new IntegrationFunction(this, 'Report', {
        ...common,
        ...small,
        ...long,
        handler: 'report',
        description: `${this.name}: ends a job and reports`,
        policies: { Objects: objects('report'), Ledger: ledger('write'), Source: source },
      }),
      watch: new IntegrationFunction(this, 'Watch', {
        ...common,
        ...small,
        timeout: Duration.minutes(1),
        handler: 'watch',
        description: `${this.name}: looks after the source`,
        policies: { Ledger: ledger('read'), Source: source },
      }),
    };
  }
}

function expireNotes(bucket: Bucket, { front, after }: { readonly front: string; readonly after: Duration }): void {
  for (const kind of ['_reports', '_logs', '_jobs']) bucket.addLifecycleRule({ prefix: `${front}${kind}/`, expiration: after });
}
