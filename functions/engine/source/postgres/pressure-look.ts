import { ReplicationError } from '../../model/errors.ts';
import type { PressureLook } from '../pressure-look.ts';
import type { Connection } from './connection.ts';
import { beginRead } from './copy-transaction.ts';

/**
 * Two short queries on the server's own statistics. Nobody needs a privilege for them; without `pg_read_all_stats` what others do stays hidden, and the answer says so.
 * Throws what any query does; whoever asks takes that as "not known".
 */
export async function lookAtPressure(connection: Connection, signal: AbortSignal): Promise<PressureLook> {
  const activity = await readActivity(connection, signal);
  const lag = await readLag(connection, signal);
  return {
    activeBackends: Number(activity.active),
    connections: Number(activity.connections),
    connectionLimit: Number(activity.connection_limit),
    ownReads: Number(activity.own_reads),
    replicaLagMs: lag.lag_ms === null ? null : Math.max(Number(lag.lag_ms), 0),
    hidden: [
      ...(activity.is_hidden === 't' ? (['active-backends'] as const) : []),
      ...(lag.is_hidden === 't' ? (['replica-lag'] as const) : []),
    ],
  };
}

interface ActivityRow {
  readonly active: string;
  readonly connections: string;
  readonly own_reads: string;
  readonly is_hidden: string | null;
  readonly connection_limit: string;
}

/**
 * Sessions of this job have its `application_name` and role. What is not in a database (walsenders of standbys, background processes) or has no user (autovacuum) is nobody's
 * statement. `reserved_connections` is of 16+, and Amazon's setting is there on RDS only: what a server does not have is not in `pg_settings`.
 */
async function readActivity(connection: Connection, signal: AbortSignal): Promise<ActivityRow> {
  await using _ = await beginRead(connection, { isolation: 'read committed' }, signal);
  const sql = `
    with sessions as (
      select a.state, a.query = '<insufficient privilege>' or a.state = 'disabled' as is_hidden,
             coalesce(${connection.dialect.backendType}, 'client backend') as kind,
             a.usename = session_user and a.application_name = pg_catalog.current_setting('application_name') as is_own
        from pg_catalog.pg_stat_activity a
       where a.pid <> pg_catalog.pg_backend_pid() and a.datname is not null and a.usesysid is not null
    )
    select count(case when not is_own and state = 'active' and kind in ('client backend', 'parallel worker') then 1 end) as active,
           count(case when not is_own and kind = 'client backend' then 1 end) as connections,
           count(case when is_own and state <> 'idle' and kind = 'client backend' then 1 end) as own_reads,
           bool_or(is_hidden and kind = 'client backend') as is_hidden,
           (select sum(case name when 'max_connections' then setting::int8 else -setting::int8 end)
              from pg_catalog.pg_settings
             where name in ('max_connections', 'superuser_reserved_connections', 'reserved_connections',
                            'rds.rds_superuser_reserved_connections')) as connection_limit
      from sessions`;
  const [row] = await connection.query<ActivityRow>(sql, [], signal);
  if (row === undefined) throw new ReplicationError('unexpected', { what: 'no row about the sessions of the server' });
  return row;
}

interface LagRow {
  readonly lag_ms: string | null;
  readonly is_hidden: string | null;
}

const NO_LAG: LagRow = { lag_ms: null, is_hidden: 'f' };

/** A replica that has to replay less than this is not behind: the time of its last commit says only when there was one. */
const BACKLOG_BYTES = 1_048_576;

/**
 * Before 10 a server does not tell how long ago what its standbys replay was written. A server that reports `replay_lag` lets it grow while a standby does not move
 * (https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-REPLICATION-VIEW). Receivers of slots are consumers, not replicas.
 */
async function readLag(connection: Connection, signal: AbortSignal): Promise<LagRow> {
  if (!connection.dialect.hasReplayLag) return NO_LAG;
  const own = connection.server.inRecovery
    ? `case when pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()) > ${BACKLOG_BYTES}
            then pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp() end`
    : 'null::interval';
  const sql = `
    select (extract(epoch from greatest(max(r.replay_lag), ${own})) * 1000)::int8 as lag_ms, bool_or(r.state is null) as is_hidden
      from pg_catalog.pg_stat_replication r
     where not exists (select 1 from pg_catalog.pg_replication_slots s where s.active_pid = r.pid and s.slot_type = 'logical')`;
  try {
    await using _ = await beginRead(connection, { isolation: 'read committed' }, signal);
    const [row] = await connection.query<LagRow>(sql, [], signal);
    return row ?? NO_LAG;
  } catch (error) {
    signal.throwIfAborted();
    // Services without streaming replication (Aurora's readers) refuse the functions: then only this is not known.
    if (error instanceof ReplicationError && error.code !== 'connection-lost') return NO_LAG;
    throw error;
  }
}
