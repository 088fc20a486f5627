import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';

let client: SecretsManagerClient | undefined;

/** The text of a secret in AWS Secrets Manager, by name or ARN. Throws the SDK's error, whose name says why. */
export async function fetchSecret(id: string, signal: AbortSignal): Promise<string> {
  client ??= new SecretsManagerClient({ maxAttempts: 5 });
  const { SecretString: text } = await client.send(new GetSecretValueCommand({ SecretId: id }), { abortSignal: signal });
  if (text === undefined) throw new TypeError('the secret is binary');
  return text;
}
