import type { LookBack } from '../source.ts';
import type { Connection } from './connection.ts';
import { beginRead } from './copy-transaction.ts';
import { quoteIdentifier } from './quote.ts';

/** What was known of other transactions just before a snapshot: how far time keys may be trusted. Times are `timestamptz` text of the server's clock. */
export interface Horizon {
  readonly clock: string;
  /** No transaction that the snapshot does not see began before this; undefined where that cannot be known. */
  readonly oldest?: string;
  /** How far to stay behind the highest key and the clock in any case. */
  readonly seconds: number;
  /** Prepared transactions wait in this database; when the first of them was prepared. They began some time before. */
  readonly firstPrepared?: string;
  /** Time zones in which sessions may write local times. */
  readonly zones: readonly string[];
  readonly warnings: readonly string[];
}

/** Where open transactions cannot be seen, rows are expected to be committed within this time. */
export const DEFAULT_LOOK_BACK_SECONDS = 600;

/**
 * Looks for transactions that may still commit keys from the past. Must be called before the snapshot is taken, in this order:
 *
 * 1. the clock, 2. the open transactions, 3. the prepared transactions, then the snapshot.
 *
 * Let T be a transaction that the snapshot does not see, and that writes its `now()`, which is its `xact_start`. Either T began after the clock was read:
 * its keys are above the clock. Or it began before: then it was open when the activity was read, since otherwise it would have ended, and the snapshot,
 * being later, would see it (a backend becomes visible to snapshots before it clears `xact_start`). So it was in the activity, or it had been prepared
 * by then; and a session that prepares adds the prepared transaction before it clears its own `xact_start`, so reading them in this order misses none.
 * Hence `min(oldest xact_start, clock)` is safe, whatever commits meanwhile. The other order is not: a transaction may begin between snapshot and look.
 *
 * A backend takes its timestamp a moment before it shows it, so the clock counts as a few seconds earlier (`settled`).
 */
export async function readHorizon(connection: Connection, lookBack: LookBack, signal: AbortSignal): Promise<Horizon> {
  // READ COMMITTED, since nothing of this may come from a snapshot that is kept.
  await using _ = await beginRead(connection, { isolation: 'read committed' }, signal);
  const asked = lookBack.kind === 'interval' ? lookBack.seconds : undefined;
  const [now] = await connection.query<{ readonly clock: string }>('select clock_timestamp()::text as clock', [], signal);
  const clock = now?.clock ?? '-infinity';
  const zones = await readZones(connection, signal);
  if (connection.server.inRecovery) {
    return { clock, seconds: asked ?? DEFAULT_LOOK_BACK_SECONDS, zones, warnings: asked === undefined ? [onReplica] : [] };
  }
  const activity = await readActivity(connection, signal);
  const firstPrepared = await readPrepared(connection, signal);
  const isHidden = activity.is_hidden === 't';
  const oldest = isHidden ? undefined : (activity.oldest ?? clock);
  return {
    clock,
    ...(oldest === undefined ? {} : { oldest }),
    seconds: asked ?? (isHidden ? DEFAULT_LOOK_BACK_SECONDS : 0),
    ...(firstPrepared === null ? {} : { firstPrepared }),
    zones,
    warnings: [...(isHidden && asked === undefined ? [hidden(connection)] : []), ...(firstPrepared === null ? [] : [prepared])],
  };
}

interface ActivityRow {
  readonly oldest: string | null;
  readonly is_hidden: string | null;
}

/**
 * Transactions of other sessions in this database. Not ours: the other workers of a job read only, and would hold each other back for as long as a copy
 * takes. Not walsenders, nor autovacuum (which has no user). A backend that has just begun may show the start of its query only.
 */
async function readActivity(connection: Connection, signal: AbortSignal): Promise<ActivityRow> {
  const sql = `
    select min(coalesce(a.xact_start, case when a.state = 'active' then a.query_start end))::text as oldest,
           bool_or(a.query = '<insufficient privilege>' or a.state = 'disabled') as is_hidden
      from pg_catalog.pg_stat_activity a
     where a.datname = current_database()
       and a.pid <> pg_backend_pid()
       and a.usesysid is not null
       and not (a.usename = session_user and a.application_name = current_setting('application_name'))
       and not exists (select 1 from pg_catalog.pg_stat_replication r where r.pid = a.pid)`;
  const [row] = await connection.query<ActivityRow>(sql, [], signal);
  return row ?? { oldest: null, is_hidden: 't' };
}

async function readPrepared(connection: Connection, signal: AbortSignal): Promise<string | null> {
  const sql = `select min(prepared)::text as first_prepared from pg_catalog.pg_prepared_xacts where database = current_database()`;
  const [row] = await connection.query<{ readonly first_prepared: string | null }>(sql, [], signal);
  return row?.first_prepared ?? null;
}

/** UTC, and what the server, this database and any role of it are set to: our own session is pinned, `reset_val` is what it would have had. */
async function readZones(connection: Connection, signal: AbortSignal): Promise<readonly string[]> {
  const sql = `
    select 'UTC' as zone
     union
    select reset_val from pg_catalog.pg_settings where name = 'TimeZone'
     union
    select substr(one.setting, 10)
      from pg_catalog.pg_db_role_setting s
      left join pg_catalog.pg_database d on d.oid = s.setdatabase,
           unnest(s.setconfig) as one (setting)
     where one.setting ilike 'TimeZone=%' and (s.setdatabase = 0 or d.datname = current_database())`;
  const rows = await connection.query<{ readonly zone: string }>(sql, [], signal);
  return rows.map(({ zone }) => zone);
}

const onReplica =
  'On a replica the open transactions of the primary cannot be seen: rows of the last 10 minutes are compared again at each run. Set lookBack if transactions last longer.';

const prepared =
  'Prepared transactions wait in this database (pg_prepared_xacts): the bookmark stays where it is until they are committed or rolled back.';

function hidden({ endpoint, dialect }: Connection): string {
  const remedy =
    dialect.version >= 100_000
      ? `Run: GRANT pg_read_all_stats TO ${quoteIdentifier(endpoint.user)};`
      : 'Set lookBack to the longest time that a transaction may last.';
  return `The open transactions of other roles cannot be seen: rows of the last 10 minutes are compared again at each run. ${remedy}`;
}
