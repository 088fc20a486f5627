import { formatLsn } from '../../../model/lsn.ts';
import type { Lsn } from '../../../model/lsn.ts';
import { quoteLiteral } from '../quote.ts';
import type { Connection } from '../connection.ts';
import { logDialectOf } from './log-dialect.ts';
import type { PluginOption } from './pgoutput-options.ts';
import { slotState } from './slots.ts';

/** XLOG_BLCKSZ. */
const PAGE_BYTES = 8192n;

/** Options of a plugin as further arguments of the SQL functions. */
export function optionArguments(options: readonly PluginOption[]): string {
  return options.map(([name, value]) => `, ${quoteLiteral(name)}, ${quoteLiteral(value)}`).join('');
}

/**
 * Lets the server drop the log before `lsn`, by SQL; nothing where the slot is there or beyond. Before 11 that means to read everything again, up to the end of the record that
 * `lsn` lies in. So what may lie inside of one is not confirmed then: the slot would stand beyond our bookmark, maybe behind a commit. Throws as `Connection.query` does.
 */
export async function confirmBySql(
  connection: Connection,
  of: { readonly slot: string; readonly lsn: Lsn; readonly options: readonly PluginOption[] },
  signal: AbortSignal,
): Promise<void> {
  const { slot, lsn, options } = of;
  const state = await slotState(connection, slot, signal);
  if (state?.confirmedLsn !== undefined && state.confirmedLsn !== null && state.confirmedLsn >= lsn) return;
  const position = formatLsn(lsn);
  if (logDialectOf(connection.server).hasAdvance) {
    await connection.query('select pg_catalog.pg_replication_slot_advance($1, $2)', [slot, position], signal);
    return;
  }
  // The flushed end of the WAL is the end of a record or of a page; the end of a page is seldom both.
  if (lsn % PAGE_BYTES === 0n) return;
  const changes = (verb: 'peek' | 'get'): string =>
    `pg_catalog.pg_logical_slot_${verb}_binary_changes($1, $2, null${optionArguments(options)}) as c(lsn, xid, data)`;
  const [row] = await connection.query<{ readonly is_within: string | null }>(
    `select pg_catalog.bool_and(c.lsn <= $2::pg_catalog.pg_lsn) as is_within from ${changes('peek')}`,
    [slot, position],
    signal,
  );
  if (row?.is_within === 'f') return;
  await connection.query(`select pg_catalog.count(*) from ${changes('get')}`, [slot, position], signal);
}
