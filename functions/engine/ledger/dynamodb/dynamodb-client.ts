import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';

/** Where DynamoDB is and who we are; what is absent comes from the environment, as the SDK finds it. */
export type DynamoClientOptions = Pick<DynamoDBClientConfig, 'region' | 'endpoint' | 'credentials' | 'maxAttempts'>;

/**
 * A client for the ledger: eight attempts per request, and a limit for each, since a connection that died while a Lambda was frozen answers never and fails never.
 * All attempts together stay within a lease's time to live of two minutes.
 */
export function createDynamoClient(options: DynamoClientOptions = {}): DynamoDBClient {
  return new DynamoDBClient({
    maxAttempts: 8,
    // Items have at most 400 KB and answers at most 16 MB.
    requestHandler: { connectionTimeout: 2_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
    ...options,
  });
}
