/** What exists in the account, for the AWS app: the `aws` section of the file, after validation. The engine does not read it. */
export interface AwsConfig {
  readonly stackName: string;
  /** With `region`: the account that the stack belongs to. Absent: that of the credentials it is deployed with. */
  readonly account?: string;
  readonly region?: string;
  /** Absent: a small VPC is made. */
  readonly vpc?: AwsVpcConfig;
  /** Absent: made with a new VPC, and in an existing one where its route tables are given. */
  readonly gatewayEndpoints?: boolean;
  readonly secretsEndpoint: boolean;
  readonly createBucket: boolean;
  readonly createTable: boolean;
  /** Of one's own, for bucket, table, topic, queues and logs. Absent: keys that AWS owns. */
  readonly kmsKeyArn?: string;
  /** Of one's own, that secrets are encrypted with. */
  readonly secretKeyArns: readonly string[];
  readonly alarmEmail?: string;
  /** An existing topic. Absent: one is made. */
  readonly alarmTopicArn?: string;
  readonly memoryMB: number;
  readonly ephemeralStorageMB: number;
  readonly tracing: boolean;
  readonly logRetentionDays: number;
  readonly reportRetentionDays: number;
  /** Schedules exist but start nothing. */
  readonly deploymentPaused: boolean;
  /** One of the two switches that let data go with the stack. */
  readonly removeDataOnDestroy: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

/** An existing VPC, told rather than looked up, so that the app works offline. */
export interface AwsVpcConfig {
  readonly id: string;
  readonly availabilityZones: readonly string[];
  /** One per zone, in the order of the zones. */
  readonly subnets: readonly string[];
  /** Of the subnets, in their order; empty: not told. */
  readonly routeTables: readonly string[];
}

/** What one integration has of its own in the account. */
export interface IntegrationAwsConfig {
  /** Security group of the database, or of the SSH server in front of it: gets a rule that lets the functions in. */
  readonly databaseSecurityGroup?: string;
  /** `db-...` or `cluster-...`, for IAM authentication. Absent: any database of the account that has the user. */
  readonly databaseResourceId?: string;
  readonly memoryMB?: number;
  readonly ephemeralStorageMB?: number;
  readonly deploymentPaused?: boolean;
}
