/**
 * Name of an integration's state machine in AWS: what `run --aws` starts. `$`, which a name of an integration may have, is taken as `-`, which it may not have, so two of them never
 * share one. At most 80 characters where the stack's name has at most 30.
 */
export function stateMachineName(stackName: string, integration: string): string {
  return `${stackName}-${integration.replaceAll('$', '-')}`;
}
