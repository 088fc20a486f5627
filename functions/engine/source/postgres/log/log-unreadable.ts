import { ReplicationError } from '../../../model/errors.ts';
import type { OutputPlugin } from '../../../model/log-change.ts';

/** The error for bytes that a plugin does not write; `what` names the part of the format, never a value. */
export function logUnreadable(plugin: OutputPlugin, what: string, options?: ErrorOptions): ReplicationError<'log-unreadable'> {
  return new ReplicationError('log-unreadable', { plugin, what }, options);
}
