import {
  CreateSecretCommand,
  DescribeSecretCommand,
  PutSecretValueCommand,
  ResourceExistsException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { ReplicationError } from './engine/model/errors.ts';

/**
 * Stores a secret in AWS Secrets Manager, by name or ARN: creates it, or fills one that was created empty. Throws `secret-exists` where it has a value,
 * and `secret-unwritable`.
 */
export async function storeNewSecret(id: string, text: string, signal: AbortSignal): Promise<void> {
  const client = new SecretsManagerClient({ maxAttempts: 5 });
  try {
    if (!id.startsWith('arn:') && (await create(client, { id, text }, signal))) return;
    const { VersionIdsToStages: versions = {} } = await client.send(new DescribeSecretCommand({ SecretId: id }), {
      abortSignal: signal,
    });
    if (Object.keys(versions).length > 0) throw new ReplicationError('secret-exists', { where: `the secret ${id}` });
    await client.send(new PutSecretValueCommand({ SecretId: id, SecretString: text }), { abortSignal: signal });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ReplicationError) throw error;
    // Texts of the SDK may repeat the request.
    throw new ReplicationError(
      'secret-unwritable',
      { secret: id, reason: error instanceof Error ? error.name : 'unexpected' },
      { cause: error },
    );
  } finally {
    client.destroy();
  }
}

/** False where there is a secret of that name. */
async function create(
  client: SecretsManagerClient,
  { id, text }: { readonly id: string; readonly text: string },
  signal: AbortSignal,
): Promise<boolean> {
  const input = { Name: id, SecretString: text, Description: 'Private key of Backstitch for its SSH tunnel' };
  try {
    await client.send(new CreateSecretCommand(input), { abortSignal: signal });
    return true;
  } catch (error) {
    if (error instanceof ResourceExistsException) return false;
    throw error;
  }
}
