import { ReplicationError } from '../../model/errors.ts';

/** Names of errors (DynamoDB's, IAM's and the SDK's) that only a change of permissions or credentials cures. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'AccessDeniedException',
  'AccessDenied',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'ExpiredTokenException',
  'ExpiredToken',
  'CredentialsProviderError',
]);

/** What a failed call comes to for the operator. Only the error's name goes into the message: AWS' texts hold account ids and key values. */
export function asLedgerError(error: unknown, { url, operation }: { readonly url: string; readonly operation: string }): unknown {
  const name = error instanceof Error ? error.name : typeof error;
  if (name === 'AbortError') return error;
  if (name === 'ResourceNotFoundException') return new ReplicationError('ledger-missing', { url }, { cause: error });
  if (FORBIDDEN.has(name)) return new ReplicationError('ledger-forbidden', { url, operation, reason: name }, { cause: error });
  return new ReplicationError('ledger-failed', { url, operation, reason: reasonOf(error, name) }, { cause: error });
}

function reasonOf(error: unknown, name: string): string {
  if (name === 'ValidationException')
    return `${name}: its partition key must be "pk" and its sort key "sk", both strings, and an item at most 400 KB`;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : '';
  return `${name}${code}`;
}
