import { ReplicationError } from '../../../model/errors.ts';
import type { OutputPlugin } from '../../../model/log-change.ts';
import { quoteLiteral } from '../quote.ts';
import type { Connection } from '../connection.ts';
import { sqlstateOf } from './database-error.ts';
import { slotFailure } from './slot-failure.ts';

/** A name that no slot has: capital letters are not allowed in one. */
const NO_SLOT = 'NO SUCH SLOT';

/**
 * Whether the role may use slots, before anything is made for one. Only where the catalog does not say so is the server asked to read a slot that does not exist: it
 * looks at the right first, and services may give it by means of their own. Throws `replication-right-missing`.
 */
export async function checkRight(connection: Connection, signal: AbortSignal): Promise<void> {
  const [row] = await connection.query<{ readonly is_known: string }>(
    `select r.rolsuper or r.rolreplication or exists (
       select 1 from pg_catalog.pg_roles s where s.rolname = 'rds_replication' and pg_catalog.pg_has_role(s.oid, 'usage')
     ) as is_known
     from pg_catalog.pg_roles r where r.rolname = current_user`,
    [],
    signal,
  );
  if (row?.is_known === 't') return;
  try {
    await connection.query(
      `select 1 from pg_catalog.pg_logical_slot_peek_changes(${quoteLiteral(NO_SLOT)}, null, 1)`,
      [],
      signal,
    );
  } catch (error) {
    const sqlstate = sqlstateOf(error);
    if (sqlstate === '42501')
      throw new ReplicationError('replication-right-missing', { user: connection.endpoint.user, sqlstate }, { cause: error });
    // undefined_object, as it should be.
    if (sqlstate !== '42704') throw error;
  }
}

/**
 * Reads nothing from a slot, which takes everything that reading takes: the right, a library that can be loaded and is allowed, WAL that is still there, nobody else who
 * reads. Throws the errors of a slot.
 */
export async function tryToRead(
  connection: Connection,
  slot: { readonly name: string; readonly plugin: OutputPlugin },
  signal: AbortSignal,
): Promise<void> {
  // pgoutput does not start without these; it does not look for the publication before the first change.
  const options = slot.plugin === 'pgoutput' ? `, 'proto_version', '1', 'publication_names', 'none'` : '';
  try {
    // A position before all others: the first record ends it.
    await connection.query(
      `select 1 from pg_catalog.pg_logical_slot_peek_binary_changes($1, '0/1', 1${options})`,
      [slot.name],
      signal,
    );
  } catch (error) {
    throw await slotFailure(connection, { slot: slot.name, plugin: slot.plugin }, error, signal);
  }
}
