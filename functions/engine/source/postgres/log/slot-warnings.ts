import type { Connection } from '../connection.ts';
import { logDialectOf } from './log-dialect.ts';
import type { LogSettings } from './log-settings.ts';
import type { SlotFacts } from './slots.ts';

const DAY_MS = 86_400_000;
/** A slot that holds back more than this part of what it may is worth a word. */
const BUDGET_WARNING = 0.5;

/** Part of `max_slot_wal_keep_size` that a slot holds back, 0 to 1 and beyond; null without a limit. */
export function budgetUsed(slot: Pick<SlotFacts, 'retainedBytes'>, settings: Pick<LogSettings, 'maxSlotBytes'>): number | null {
  if (slot.retainedBytes === null || settings.maxSlotBytes === undefined || settings.maxSlotBytes === 0n) return null;
  return Number((slot.retainedBytes * 10_000n) / settings.maxSlotBytes) / 10_000;
}

/** What may cost the source its disk, or us the slot, before the next job. One sentence each, with what to do; the same as long as nothing changes. Pure. */
export function slotWarnings(
  slot: SlotFacts,
  settings: LogSettings,
  server: { readonly hasFailover: boolean; readonly hasStandby: boolean },
): readonly string[] {
  const warnings: string[] = [];
  if (settings.canLimitSlots && settings.maxSlotBytes === undefined) {
    warnings.push(
      `max_slot_wal_keep_size is -1: while no job reads the slot "${slot.slot}", WAL fills the disk of the server. Set a limit: ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf();`,
    );
  }
  const used = budgetUsed(slot, settings);
  if (used !== null && used > BUDGET_WARNING) {
    warnings.push(
      `The slot "${slot.slot}" holds back ${Math.round(used * 100)} % of max_slot_wal_keep_size: at 100 % it is lost. Run jobs more often, or raise the limit.`,
    );
  }
  if (slot.walStatus === 'unreserved') {
    warnings.push(
      `The slot "${slot.slot}" will be lost at the next checkpoint of the server (wal_status is unreserved) unless a job reads it before.`,
    );
  }
  if (settings.idleSlotTimeoutMs !== undefined && settings.idleSlotTimeoutMs < DAY_MS) {
    warnings.push(
      `idle_replication_slot_timeout is less than a day: the slot "${slot.slot}" is lost if no job runs for that long. Run: ALTER SYSTEM SET idle_replication_slot_timeout = '7d'; SELECT pg_reload_conf();`,
    );
  }
  if (settings.senderTimeoutMs === 0) {
    warnings.push(
      `wal_sender_timeout is 0: after a job that was cut off, the slot "${slot.slot}" stays taken. Run: ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();`,
    );
  }
  if (server.hasFailover && server.hasStandby && !slot.isFailover) {
    warnings.push(
      `The server has replicas, but the slot "${slot.slot}" does not go along in a failover. Over a replication connection, run: ALTER_REPLICATION_SLOT ${slot.slot} (FAILOVER true); and set sync_replication_slots = on on the replica.`,
    );
  }
  return warnings;
}

/** Whether replicas follow this server. What cannot be seen counts as none. */
export async function hasStandby(connection: Connection, signal: AbortSignal): Promise<boolean> {
  if (!logDialectOf(connection.server).hasFailover) return false;
  const [row] = await connection.query<{ readonly has: string }>(
    `select exists (select 1 from pg_catalog.pg_replication_slots where slot_type = 'physical' and active) as has`,
    [],
    signal,
  );
  return row?.has === 't';
}
