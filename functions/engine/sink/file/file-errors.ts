import { ReplicationError } from '../../model/errors.ts';

/** The code of a system error (`ENOENT`); undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** A system error as an operator's error; ours unchanged. */
export function toSinkError(
  error: unknown,
  { url, operation }: { readonly url: string; readonly operation: string },
): ReplicationError {
  if (error instanceof ReplicationError) return error as ReplicationError;
  return sinkErrorOf(systemCode(error), { url, operation, cause: error });
}

function sinkErrorOf(
  code: string | undefined,
  { url, operation, cause }: { readonly url: string; readonly operation: string; readonly cause: unknown },
):
  | ReplicationError<'sink-missing'>
  | ReplicationError<'sink-forbidden'>
  | ReplicationError<'sink-full'>
  | ReplicationError<'sink-failed'> {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new ReplicationError('sink-full', { url }, { cause });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new ReplicationError('sink-forbidden', { url, operation, reason: code }, { cause });
    case 'ENOENT':
    case 'ENOTDIR':
      return new ReplicationError('sink-missing', { url }, { cause });
    default:
      return new ReplicationError(
        'sink-failed',
        { url, operation, reason: code ?? (cause instanceof Error ? cause.name : typeof cause) },
        { cause },
      );
  }
}
