import { asUnexpected, ReplicationError } from '../../model/errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { DatabaseFacts, InspectRequest, ServerFacts, ServerFlavour, SlotSummary, SourceFacts } from '../check-facts.ts';
import { databaseFacts } from './check-database.ts';
import { activitySql, roleSql, serverSettingsSql, slotListSql } from './check-queries.ts';
import type { ActivityRow, RoleRow, SlotListRow } from './check-queries.ts';
import type { Connection } from './connection.ts';

export interface Inspection extends InspectRequest {
  /** Where to connect first. */
  readonly database: string;
  /** Those to look into. */
  readonly listDatabases: (connection: Connection, signal: AbortSignal) => Promise<readonly string[]>;
  /** Opens a connection within the budget. */
  readonly open: (database: string, signal: AbortSignal) => Promise<Connection>;
  readonly clock: Clock;
}

/** Reads everything that a preflight judges, and writes nothing. Throws what connecting to the first database throws; another that cannot be reached is an entry. */
export async function inspect(inspection: Inspection, signal: AbortSignal): Promise<SourceFacts> {
  const { server, names } = await lookAtServer(inspection, signal);
  const databases = await Promise.all(names.map((name) => lookAtDatabase(name, inspection, signal)));
  return { server, databases };
}

type Row = Record<string, string | null>;

async function lookAtServer(
  inspection: Inspection,
  signal: AbortSignal,
): Promise<{ readonly server: ServerFacts; readonly names: readonly string[] }> {
  await using connection = await inspection.open(inspection.database, signal);
  await connection.query('begin isolation level repeatable read, read only', [], signal);
  if (connection.transactionSettings !== '') await connection.query(connection.transactionSettings, [], signal);
  const before = inspection.clock.now().getTime();
  const [role] = await connection.query<RoleRow & Row>(roleSql, [], signal);
  const after = inspection.clock.now().getTime();
  if (role === undefined) throw new ReplicationError('unexpected', { what: 'no row about the role' });
  const settings = await connection.query<{ readonly name: string; readonly setting: string; readonly unit: string | null }>(
    serverSettingsSql,
    [],
    signal,
  );
  const slots = connection.dialect.hasReplicaIdentity
    ? await connection.query<SlotListRow & Row>(slotListSql(connection.dialect, connection.server), [], signal)
    : [];
  const [activity] = await connection.query<ActivityRow & Row>(activitySql, [], signal);
  const names = await inspection.listDatabases(connection, signal);
  await connection.query('commit', [], signal);
  return {
    names,
    server: {
      ...connection.server,
      versionText: role.version_text,
      flavour: flavourOf(role.flavour),
      isPooled: connection.transactionSettings !== '',
      settings: Object.fromEntries(settings.map(({ name, setting, unit }) => [name, { value: setting, unit }])),
      role: {
        name: role.name,
        isSuperuser: role.is_superuser === 't',
        hasReplication: role.has_replication === 't',
        hasRdsReplication: role.has_rds_replication === 't',
        readsAllStats: role.reads_all_stats === 't',
        readsAllData: role.reads_all_data === 't',
        connectionLimit: Number(role.connection_limit),
      },
      slots: slots.map(slotOf),
      senders: Number(activity?.senders ?? 0),
      transactions: {
        oldestSeconds: numberOf(activity?.oldest_seconds),
        oldestPid: numberOf(activity?.oldest_pid),
        hidden: Number(activity?.hidden ?? 0),
        prepared: Number(activity?.prepared ?? 0),
        oldestPreparedSeconds: numberOf(activity?.oldest_prepared_seconds),
        oldestPreparedGid: activity?.oldest_prepared_gid ?? null,
      },
      clockSkewMs: Number(role.server_ms) - (before + after) / 2,
      roundTripMs: after - before,
    },
  };
}

async function lookAtDatabase(name: string, inspection: Inspection, signal: AbortSignal): Promise<DatabaseFacts> {
  try {
    await using connection = await inspection.open(name, signal);
    return await databaseFacts(connection, inspection.keyColumns, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ReplicationError)) throw error;
    const { code, message } = asUnexpected(error);
    return { state: 'unreachable', name, code, message };
  }
}

function slotOf(row: SlotListRow): SlotSummary {
  return {
    name: row.name,
    kind: row.slot_type === 'logical' ? 'logical' : 'physical',
    plugin: row.plugin,
    database: row.database,
    isActive: row.active === 't',
    isTemporary: row.is_temporary === 't',
    isSynced: row.is_synced === 't',
    walStatus: row.wal_status,
    invalidationReason: row.invalidation_reason,
    retainedBytes: row.retained_bytes === null ? null : BigInt(row.retained_bytes),
    safeBytes: row.safe_bytes === null ? null : BigInt(row.safe_bytes),
  };
}

function numberOf(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}

function flavourOf(text: string): ServerFlavour {
  return (['rds', 'aurora', 'cloud-sql', 'azure'] as const).find((flavour) => flavour === text) ?? 'self-hosted';
}
