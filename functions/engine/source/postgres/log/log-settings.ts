import type { Connection } from '../connection.ts';

/** Parameters of the server that decide whether, and how safely, a slot can be read. */
export interface LogSettings {
  readonly walLevel: string;
  readonly maxSlots: number;
  readonly maxSenders: number;
  /** 0: the server never gives up on a consumer that is gone. */
  readonly senderTimeoutMs: number;
  /** WAL that a slot may hold back, bytes (13+); undefined: without a limit. */
  readonly maxSlotBytes: bigint | undefined;
  /** Whether the server knows such a limit (13+). */
  readonly canLimitSlots: boolean;
  /** A slot that nobody reads for so long is lost (18+); undefined: never. */
  readonly idleSlotTimeoutMs: number | undefined;
  /** Output plugins that may be loaded (minor releases of 2026); undefined: all. */
  readonly pluginLibraries: string | undefined;
  /** Whether the texts of the database are UTF-8, or bytes of nobody knows what, so that no conversion is due. */
  readonly isUtf8: boolean;
}

const MIB = 1024n * 1024n;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads the parameters; those that the server's version does not have are what it did before it had them. */
export async function logSettings(connection: Connection, signal: AbortSignal): Promise<LogSettings> {
  const rows = await connection.query<{ readonly name: string; readonly setting: string; readonly unit: string | null }>(
    `select name, setting, unit from pg_catalog.pg_settings
     where name in ('wal_level', 'max_replication_slots', 'max_wal_senders', 'wal_sender_timeout', 'max_slot_wal_keep_size',
                    'idle_replication_slot_timeout', 'output_plugin_libraries', 'server_encoding')`,
    [],
    signal,
  );
  const all = new Map(rows.map((row) => [row.name, row]));
  const text = (name: string): string | undefined => all.get(name)?.setting;
  const ms = (name: string): number => Number(text(name) ?? 0) * (UNIT_MS[all.get(name)?.unit ?? 'ms'] ?? 1);
  const keepMib = text('max_slot_wal_keep_size');
  const idleMs = ms('idle_replication_slot_timeout');
  return {
    walLevel: text('wal_level') ?? 'unknown',
    maxSlots: Number(text('max_replication_slots') ?? 0),
    maxSenders: Number(text('max_wal_senders') ?? 0),
    senderTimeoutMs: ms('wal_sender_timeout'),
    maxSlotBytes: keepMib === undefined || Number(keepMib) < 0 ? undefined : BigInt(keepMib) * MIB,
    canLimitSlots: keepMib !== undefined,
    idleSlotTimeoutMs: idleMs > 0 ? idleMs : undefined,
    pluginLibraries: text('output_plugin_libraries'),
    isUtf8: ['UTF8', 'SQL_ASCII'].includes(text('server_encoding') ?? 'UTF8'),
  };
}
