import type { Lsn } from '../../../model/lsn.ts';
import { formatLsn } from '../../../model/lsn.ts';
import type { SlotReport } from '../../../model/report.ts';
import type { Connection } from '../connection.ts';
import { logSettings } from './log-settings.ts';
import { budgetUsed } from './slot-warnings.ts';
import { slotState } from './slots.ts';

/** See `LogSession.slotReport`. */
export async function slotReport(
  connection: Connection,
  slot: string,
  bookmark: Lsn | null,
  signal: AbortSignal,
): Promise<SlotReport | undefined> {
  const state = await slotState(connection, slot, signal);
  if (state === undefined) return undefined;
  const settings = await logSettings(connection, signal);
  const from = bookmark ?? state.confirmedLsn ?? state.restartLsn;
  const [row] = await connection.query<{ readonly behind: string | null }>(
    `select greatest(${connection.dialect.currentLsn}::pg_catalog.pg_lsn - $1::pg_catalog.pg_lsn, 0)::text as behind`,
    [from === null ? null : formatLsn(from)],
    signal,
  );
  const confirmed = state.confirmedLsn ?? state.restartLsn;
  const behind = row?.behind ?? null;
  return {
    database: connection.database,
    slot,
    plugin: state.plugin,
    confirmed: confirmed === null ? '0/0' : formatLsn(confirmed),
    retainedBytes: Number(state.retainedBytes ?? 0n),
    bookmark: bookmark === null ? null : formatLsn(bookmark),
    behindBytes: behind === null ? null : Number(behind),
    walStatus: state.invalidationReason ?? state.walStatus,
    safeBytes: state.safeBytes === null ? null : Number(state.safeBytes),
    budgetUsed: budgetUsed(state, settings),
    active: state.activePid !== null,
  };
}
