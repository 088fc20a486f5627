import type { Lsn } from '../../../model/lsn.ts';
import { parseLsn } from '../../../model/lsn.ts';
import type { SlotState } from '../../log.ts';
import type { Connection } from '../connection.ts';
import { logDialectOf } from './log-dialect.ts';

/** A slot with what only its checks need. */
export interface SlotFacts extends SlotState {
  readonly isTemporary: boolean;
  /** Kept in step with the primary's by this replica (17+): nobody may read it here. */
  readonly isSynced: boolean;
}

interface SlotRow {
  readonly plugin: string | null;
  readonly slot_type: string;
  readonly database: string | null;
  readonly active_pid: string | null;
  readonly application: string | null;
  readonly restart_lsn: string | null;
  readonly confirmed_lsn: string | null;
  readonly is_temporary: string | null;
  readonly wal_status: string | null;
  readonly safe_bytes: string | null;
  readonly retained_bytes: string | null;
  readonly is_two_phase: string | null;
  readonly is_conflicting: string | null;
  readonly invalidation_reason: string | null;
  readonly is_failover: string | null;
  readonly is_synced: string | null;
}

/** The slot of this name, of whatever kind and database; undefined if there is none. */
export async function slotState(connection: Connection, slot: string, signal: AbortSignal): Promise<SlotFacts | undefined> {
  const [row] = await connection.query<SlotRow & Record<string, string | null>>(slotSql(connection), [slot], signal);
  return row === undefined ? undefined : slotOf(slot, row, connection.server.inRecovery);
}

function slotSql({ dialect, server }: Connection): string {
  const { slot } = logDialectOf(server);
  // application_name of sessions of other roles needs pg_read_all_stats; it is NULL without.
  return `
    select s.plugin, s.slot_type, s.database, ${slot.activePid} as active_pid, a.application_name as application,
           s.restart_lsn::text as restart_lsn, ${slot.confirmedLsn}::text as confirmed_lsn,
           ${slot.isTemporary} as is_temporary, ${slot.walStatus} as wal_status, ${slot.safeBytes}::text as safe_bytes,
           greatest(${dialect.currentLsn}::pg_catalog.pg_lsn - s.restart_lsn, 0)::text as retained_bytes,
           ${slot.isTwoPhase} as is_two_phase, ${slot.isConflicting} as is_conflicting,
           ${slot.invalidationReason} as invalidation_reason, ${slot.isFailover} as is_failover, ${slot.isSynced} as is_synced
    from pg_catalog.pg_replication_slots s
    left join pg_catalog.pg_stat_activity a on a.pid = ${slot.activePid}
    where s.slot_name = $1`;
}

function slotOf(slot: string, row: SlotRow, inRecovery: boolean): SlotFacts {
  return {
    slot,
    database: row.database ?? '',
    plugin: row.plugin ?? '',
    kind: row.slot_type === 'logical' ? 'logical' : 'physical',
    activePid: row.active_pid === null ? null : Number(row.active_pid),
    activeApplication: row.application === '' ? null : row.application,
    restartLsn: lsnOf(row.restart_lsn),
    confirmedLsn: lsnOf(row.confirmed_lsn),
    walStatus: row.wal_status,
    // 16 does not say why; it also calls those conflicting that lost their WAL, which is all that can happen to them on a primary.
    invalidationReason: row.invalidation_reason ?? (row.is_conflicting === 't' && inRecovery ? 'conflict' : null),
    retainedBytes: row.retained_bytes === null || row.restart_lsn === null ? null : BigInt(row.retained_bytes),
    safeBytes: row.safe_bytes === null ? null : BigInt(row.safe_bytes),
    isTemporary: row.is_temporary === 't',
    isTwoPhase: row.is_two_phase === 't',
    isFailover: row.is_failover === 't',
    isSynced: row.is_synced === 't',
  };
}

function lsnOf(text: string | null): Lsn | null {
  return text === null ? null : parseLsn(text);
}
