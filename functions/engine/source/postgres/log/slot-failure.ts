import { ReplicationError } from '../../../model/errors.ts';
import type { OutputPlugin } from '../../../model/log-change.ts';
import type { Connection } from '../connection.ts';
import { databaseErrorOf } from './database-error.ts';
import { pluginMissing } from './plugin-choice.ts';
import { activeError, checkSlot } from './slot-checks.ts';
import { slotState } from './slots.ts';

/** Functions of the server that load libraries: https://github.com/postgres/postgres/blob/master/src/backend/utils/fmgr/dfmgr.c */
const LOADERS: ReadonlySet<string> = new Set([
  'internal_load_library',
  'load_external_function',
  'expand_dynamic_library_name',
  'LoadOutputPlugin',
]);

/** Whether the server said that it cannot load the library of an output plugin. Its code alone would also mean a missing WAL file. */
export function isMissingPlugin(error: unknown): boolean {
  const known = databaseErrorOf(error);
  return known !== undefined && LOADERS.has(known.routine ?? '');
}

/**
 * What PostgreSQL answered to something about a slot, as an operator's error: looks at the slot again where that tells more. Anything that PostgreSQL did not answer, or
 * that has nothing to do with the slot, comes back as it is.
 */
export async function slotFailure(
  connection: Connection,
  of: { readonly slot: string; readonly plugin: OutputPlugin; readonly publication?: string },
  error: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const known = databaseErrorOf(error);
  if (known === undefined) return error;
  const { endpoint, database } = connection;
  const { slot, plugin } = of;
  if (isMissingPlugin(error)) return pluginMissing(plugin, { cause: error });
  switch (known.code) {
    case '42501':
      return new ReplicationError('replication-right-missing', { user: endpoint.user, sqlstate: known.code }, { cause: error });
    case '42704': {
      // get_publication_oid(): decoding looks the publication up as it was when the change was made.
      const { publication } = of;
      if (publication !== undefined && (await slotState(connection, slot, signal)) !== undefined)
        return new ReplicationError('publication-younger', { slot, database, publication }, { cause: error });
      return new ReplicationError('slot-missing', { slot, database, plugin }, { cause: error });
    }
    case '55006': // object_in_use
    case '55000': // object_not_in_prerequisite_state: lost, or the server cannot decode
    case '58P01': // undefined_file: a WAL file that is gone
      return (await failureOfState(connection, slot, signal)) ?? failureWithout(connection, of, known.code, error);
    default:
      return error;
  }
}

/** What the state of the slot says about a failure that has just happened. */
async function failureOfState(connection: Connection, slot: string, signal: AbortSignal): Promise<unknown> {
  const state = await slotState(connection, slot, signal);
  if (state === undefined) return undefined;
  try {
    checkSlot(state, connection.database, connection.endpoint);
  } catch (error) {
    return error;
  }
  return activeError(state);
}

/** The slot looks well by now, or the version has no column for what is wrong with it. */
function failureWithout(
  { endpoint, database, server }: Connection,
  { slot }: { readonly slot: string },
  sqlstate: string,
  cause: unknown,
): ReplicationError {
  const routine = databaseErrorOf(cause)?.routine ?? '';
  if (routine === 'CheckSlotRequirements') return new ReplicationError('slots-exhausted', { slot, max: 0 }, { cause });
  if (routine === 'CheckLogicalDecodingRequirements' && server.inRecovery)
    return new ReplicationError('primary-needed', { ...endpoint, what: 'Log-based replication' }, { cause });
  if (sqlstate === '55006')
    return new ReplicationError('slot-active', { slot, pid: 'unknown', application: 'gone by now' }, { cause });
  const reason = sqlstate === '58P01' ? 'its WAL was removed' : 'the server refuses it';
  return new ReplicationError(
    'slot-lost',
    { slot, database, reason, setting: 'Look into the server log for the reason.' },
    { cause },
  );
}
