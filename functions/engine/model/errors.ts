import { ERRORS } from './error-codes.ts';
import type { ErrorCode, Retry } from './error-codes.ts';

export type { ErrorCode, Retry } from './error-codes.ts';

/** The names inside `{...}` of a template. */
type Slots<T extends string> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | Slots<Rest> : never;

/** The details that the templates of a code need; a missing one does not compile. */
export type Details<C extends ErrorCode> = Record<
  Slots<(typeof ERRORS)[C]['summary'] | (typeof ERRORS)[C]['remedy']>,
  string | number
>;

/** What of an error goes into reports and logs: never values, secrets or connection strings. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string;
}

/** A failure that an operator can meet: a stable code, what and where, one remedy, and whether trying again can help. */
export class ReplicationError<C extends ErrorCode = ErrorCode> extends Error {
  readonly code: C;
  readonly remedy: string;
  readonly retry: Retry;

  constructor(code: C, details: Details<C>, options?: ErrorOptions) {
    super(fill(ERRORS[code].summary, details), options);
    this.name = 'ReplicationError';
    this.code = code;
    this.remedy = fill(ERRORS[code].remedy, details);
    this.retry = ERRORS[code].retry;
  }
}

/** Any thrown thing as an operator's error: ours unchanged, everything else `unexpected` with its class name and (for system and SDK errors) its code, never its text. */
export function errorReport(error: unknown): ErrorReport {
  const known = asUnexpected(error);
  return { code: known.code, message: known.message, remedy: known.remedy };
}

/** See {@link errorReport}; keeps the cause. */
export function asUnexpected(error: unknown): ReplicationError {
  if (error instanceof ReplicationError) return error as ReplicationError;
  const name = error instanceof Error ? error.name : typeof error;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : '';
  return new ReplicationError('unexpected', { what: `${name}${code}` }, { cause: error });
}

/** The error that a report was made of, in another thread. */
export function errorFrom({ code, message, remedy }: ErrorReport, options?: ErrorOptions): ReplicationError {
  return new ReportedError(code, { message, remedy }, options);
}

/** Its texts are filled in already. */
class ReportedError extends ReplicationError {
  constructor(code: ErrorCode, { message, remedy }: Pick<ErrorReport, 'message' | 'remedy'>, options?: ErrorOptions) {
    super(code, {} as Details<ErrorCode>, options);
    this.message = message;
    Object.defineProperty(this, 'remedy', { value: remedy });
  }
}

function fill(template: string, details: Readonly<Record<string, string | number>>): string {
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(details[name] ?? `{${name}}`));
}
