/** The constructs of Backstitch, for an app of your own. */
export { AlarmTopic } from './alarm-topic.ts';
export type { AlarmTopicProps } from './alarm-topic.ts';
export { LandingBucket } from './landing-bucket.ts';
export type { LandingBucketProps } from './landing-bucket.ts';
export { LedgerTable } from './ledger-table.ts';
export type { LedgerTableProps } from './ledger-table.ts';
export { PostgresIntegration } from './postgres-integration.ts';
export type { PostgresIntegrationProps } from './postgres-integration.ts';
export { PostgresReplication } from './postgres-replication.ts';
export type { PostgresReplicationProps } from './postgres-replication.ts';
export { ReplicationStack } from './replication-stack.ts';
export type { ReplicationStackProps } from './replication-stack.ts';
export { stageCode } from './stage-code.ts';
export type { StageCodeOptions } from './stage-code.ts';
