import { ReplicationError } from '../../model/errors.ts';

/** What of an SDK or network error decides what to do. */
export interface S3Failure {
  /** S3's code (`NoSuchBucket`), the SDK's name (`TimeoutError`), or the system's code (`ECONNRESET`). */
  readonly reason: string;
  /** HTTP status, if S3 answered. */
  readonly status: number | undefined;
  /** Tries that the SDK made; more than one: an earlier one may have been carried out although its answer was lost. */
  readonly attempts: number;
}

/** Reads an error of `client.send`. Never its message, which may hold names of roles and resources. */
export function s3Failure(error: unknown): S3Failure {
  if (!(error instanceof Error)) return { reason: typeof error, status: undefined, attempts: 1 };
  const metadata: unknown = '$metadata' in error ? error.$metadata : undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const status = numberOf(metadata, 'httpStatusCode');
  return {
    reason: status === undefined ? (code ?? error.name) : error.name,
    status,
    attempts: numberOf(metadata, 'attempts') ?? 1,
  };
}

/** Codes of a refusal whose status is not 403. */
const REFUSALS: ReadonlySet<string> = new Set([
  'AccessDenied',
  'AllAccessDisabled',
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidToken',
  'TokenRefreshRequired',
]);

/** Answers 404 about something inside the bucket. */
const MISSING_INSIDE: ReadonlySet<string> = new Set(['NoSuchKey', 'NoSuchUpload']);

/** An SDK error as an operator's error; ours unchanged. Throws `signal.reason` when it was the caller who gave up. */
export function toSinkError(
  error: unknown,
  { url, operation, signal }: { readonly url: string; readonly operation: string; readonly signal: AbortSignal },
): ReplicationError {
  if (error instanceof ReplicationError) return error as ReplicationError;
  signal.throwIfAborted();
  return sinkErrorOf(s3Failure(error), { url, operation, cause: error });
}

function sinkErrorOf(
  { reason, status }: S3Failure,
  { url, operation, cause }: { readonly url: string; readonly operation: string; readonly cause: unknown },
):
  | ReplicationError<'sink-missing'>
  | ReplicationError<'sink-forbidden'>
  | ReplicationError<'sink-full'>
  | ReplicationError<'sink-failed'> {
  if (reason === 'NoSuchBucket' || (status === 404 && !MISSING_INSIDE.has(reason)))
    return new ReplicationError('sink-missing', { url }, { cause });
  if (status === 403 || REFUSALS.has(reason))
    return new ReplicationError('sink-forbidden', { url, operation, reason }, { cause });
  // S3-compatible stores only: S3 itself is never full.
  if (status === 507) return new ReplicationError('sink-full', { url }, { cause });
  return new ReplicationError('sink-failed', { url, operation, reason }, { cause });
}

function numberOf(value: unknown, key: string): number | undefined {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return typeof found === 'number' ? found : undefined;
}
