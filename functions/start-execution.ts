import { ListStateMachinesCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { ReplicationError } from './engine/model/errors.ts';
import type { StartInput } from './contract.ts';
import type { StartExecution } from './cli/workspace.ts';

/**
 * Starts a job in AWS: an execution of the state machine of this name, in the account and region of the credentials. Throws `execution-not-started`.
 */
export const startExecution: StartExecution = async ({ stateMachineName }, signal) => {
  const client = new SFNClient({ maxAttempts: 5 });
  try {
    const stateMachineArn = await findStateMachine(client, stateMachineName, signal);
    if (stateMachineArn === undefined)
      throw new ReplicationError('execution-not-started', { name: stateMachineName, reason: 'there is no such state machine' });
    const input: StartInput = { trigger: 'manual' };
    const command = new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) });
    const { executionArn = '' } = await client.send(command, { abortSignal: signal });
    return { executionArn, consoleUrl: consoleUrl(executionArn) };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ReplicationError) throw error;
    throw new ReplicationError('execution-not-started', { name: stateMachineName, reason: reasonOf(error) }, { cause: error });
  } finally {
    client.destroy();
  }
};

/** Texts of the SDK may hold account ids and the request: of most errors only the name is told. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'an unknown error';
  if (error.name === 'CredentialsProviderError') return 'no credentials of AWS were found';
  if (/^Region is missing/.test(error.message)) return 'no region is set';
  return error.name;
}

/** The name alone does not tell the ARN, which has the account in it. */
async function findStateMachine(client: SFNClient, name: string, signal: AbortSignal): Promise<string | undefined> {
  let nextToken: string | undefined;
  do {
    const command = new ListStateMachinesCommand(nextToken === undefined ? {} : { nextToken });
    const page = await client.send(command, { abortSignal: signal });
    const found = page.stateMachines?.find((machine) => machine.name === name)?.stateMachineArn;
    if (found !== undefined) return found;
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return undefined;
}

/** Where the console shows an execution: `arn:aws:states:eu-central-1:1234:execution:name:id`. */
function consoleUrl(executionArn: string): string {
  const [, partition = 'aws', , region = ''] = executionArn.split(':');
  const host =
    partition === 'aws-cn'
      ? 'console.amazonaws.cn'
      : partition === 'aws-us-gov'
        ? 'console.amazonaws-us-gov.com'
        : 'console.aws.amazon.com';
  return `https://${region}.${host}/states/home?region=${region}#/v2/executions/details/${executionArn}`;
}
