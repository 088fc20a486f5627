import { describe, expect, it } from 'vitest';
import { dialectOf } from '../../functions/engine/source/postgres/dialect.ts';
import { columnsSql, descendantsSql, keysSql, relationsSql } from '../../functions/engine/source/postgres/discover-queries.ts';
import { settingsSql } from '../../functions/engine/source/postgres/session-settings.ts';

const VERSIONS = [
  90_300, 90_400, 90_500, 90_624, 100_023, 110_022, 120_022, 130_023, 140_023, 150_018, 160_014, 170_010, 180_004,
];

describe('the dialect', () => {
  it.each([
    [90_300, false, 'pg_current_xlog_location()', 'pg_current_xlog_location()'],
    [90_600, false, 'pg_current_xlog_location()', 'pg_current_xlog_flush_location()'],
    [100_000, false, 'pg_current_wal_lsn()', 'pg_current_wal_flush_lsn()'],
    [180_000, false, 'pg_current_wal_lsn()', 'pg_current_wal_flush_lsn()'],
    [
      90_600,
      true,
      'coalesce(pg_last_xlog_replay_location(), pg_last_xlog_receive_location())',
      'coalesce(pg_last_xlog_replay_location(), pg_last_xlog_receive_location())',
    ],
    [
      150_000,
      true,
      'coalesce(pg_last_wal_replay_lsn(), pg_last_wal_receive_lsn())',
      'coalesce(pg_last_wal_replay_lsn(), pg_last_wal_receive_lsn())',
    ],
  ])('of version %i (replica: %s) has its functions for positions', (version, inRecovery, current, flushed) => {
    expect(dialectOf({ version, inRecovery })).toMatchObject({ currentLsn: current, flushedLsn: flushed });
  });

  it.each(VERSIONS)('of version %i uses nothing that is newer', (version) => {
    const dialect = dialectOf({ version, inRecovery: false });
    const sql = [
      relationsSql(dialect, false),
      columnsSql(dialect),
      keysSql(dialect),
      descendantsSql(dialect),
      settingsSql('session', dialect, { onWindows: false }),
      dialect.systemIdentifier,
    ].join('\n');
    const since: Readonly<Record<string, number>> = {
      relreplident: 90_400,
      relrowsecurity: 90_500,
      idle_in_transaction_session_timeout: 90_600,
      pg_control_system: 90_600,
      relispartition: 100_000,
      attidentity: 100_000,
      indnkeyatts: 110_000,
      "'jit'": 110_000,
      attgenerated: 120_000,
      inhdetachpending: 140_000,
      client_connection_check_interval: 140_000,
      convalidated: 180_000,
    };

    for (const [word, from] of Object.entries(since)) expect([word, sql.includes(word)]).toEqual([word, version >= from]);
  });

  it('asks a server on Windows for nothing that it cannot do, and leaves the server of a pooler its sockets', () => {
    const dialect = dialectOf({ version: 180_000, inRecovery: false });

    expect(settingsSql('session', dialect, { onWindows: true })).not.toMatch(/client_connection_check_interval|keepalives_count/);
    expect(settingsSql('transaction', dialect, { onWindows: false })).not.toMatch(
      /client_connection_check_interval|keepalives|, false\)/,
    );
  });
});
