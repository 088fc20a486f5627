import { asUnexpected, errorFrom } from '../engine/model/errors.ts';
import type { ReplicationError } from '../engine/model/errors.ts';
import type { ThreadFailure } from './messages.ts';

/** A failure in a form that can be sent to another thread. */
export function sentFailure(error: unknown): ThreadFailure {
  const { code, message, remedy, cause } = asUnexpected(error);
  const frames = cause instanceof Error ? (cause.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)) : [];
  return { code, message, remedy, cause: cause instanceof Error ? { name: cause.name, frames: frames.join('\n') } : null };
}

/** The failure that was sent. */
export function receivedFailure({ cause, ...report }: ThreadFailure): ReplicationError {
  if (cause === null) return errorFrom(report);
  const original = new Error();
  original.name = cause.name;
  original.stack = `${cause.name}\n${cause.frames}`;
  return errorFrom(report, { cause: original });
}
