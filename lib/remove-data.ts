import { RemovalPolicy } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/** Key of the CDK context that is the second switch: `-c removeDataOnDestroy=true`. */
export const REMOVE_DATA_CONTEXT = 'removeDataOnDestroy';

/** Whether data may go with its construct: only where the policy says DESTROY and the context says so too. Anything else retains. */
export function mayRemoveData(scope: Construct, removalPolicy: RemovalPolicy): boolean {
  const context: unknown = scope.node.tryGetContext(REMOVE_DATA_CONTEXT);
  return removalPolicy === RemovalPolicy.DESTROY && (context === true || context === 'true');
}
