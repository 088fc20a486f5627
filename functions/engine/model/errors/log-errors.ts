import type { ErrorSpec } from './error-spec.ts';

/** Errors of slots and of the log. In the order of a job. */
export const LOG_ERRORS = {
  'wal-level-too-low': {
    summary: 'wal_level of PostgreSQL at {host}:{port} is {level}; log-based replication needs logical.',
    remedy:
      "Run: ALTER SYSTEM SET wal_level = 'logical'; and restart the server. On RDS and Aurora set rds.logical_replication = 1 in the parameter group and reboot.",
    retry: 'after-fix',
  },
  'replication-right-missing': {
    summary: '"{user}" may not use replication slots ({sqlstate}).',
    remedy: 'Run: ALTER ROLE "{user}" REPLICATION; (on RDS and Aurora: GRANT rds_replication TO "{user}";)',
    retry: 'after-fix',
  },
  'plugin-missing': {
    summary: 'The server cannot load the output plugin {plugin}.',
    remedy: '{instead}',
    retry: 'after-fix',
  },
  'plugin-not-allowed': {
    summary: 'The server does not allow the output plugin {plugin}: output_plugin_libraries is {allowed}.',
    remedy:
      "Run: ALTER SYSTEM SET output_plugin_libraries = '{wanted}'; SELECT pg_reload_conf(); (on RDS and Aurora in the parameter group), or use pgoutput with a slot of its own.",
    retry: 'after-fix',
  },
  'slot-missing': {
    summary: 'There is no replication slot "{slot}" in the database "{database}", and it may not be created here.',
    remedy:
      "If it never existed, run in \"{database}\": SELECT pg_create_logical_replication_slot('{slot}', '{plugin}'); or set logBased.createSlot: true. If it was dropped, what was written since is not in the log: run backstitch reset, and the next job creates it and copies the tables anew.",
    retry: 'after-fix',
  },
  'slot-of-other-database': {
    summary: 'The replication slot "{slot}" belongs to the database "{other}", not to "{database}".',
    remedy: 'Name another slot for "{database}" under logBased.slot: a slot reads one database.',
    retry: 'after-fix',
  },
  'slot-of-other-plugin': {
    summary: 'The replication slot "{slot}" of "{database}" uses the output plugin {plugin}, not {wanted}.',
    remedy:
      'Name another slot under logBased.slot, or set logBased.plugin to the one that the slot has. A slot keeps its plugin for ever.',
    retry: 'after-fix',
  },
  'slot-physical': {
    summary: 'The replication slot "{slot}" is a physical one, which no changes can be read from.',
    remedy: 'Name another slot under logBased.slot; a missing one is created.',
    retry: 'after-fix',
  },
  'slot-temporary': {
    summary:
      'The replication slot "{slot}" is a temporary one: it ends with the session that made it, and changes would be lost.',
    remedy: 'Name another slot under logBased.slot; a missing one is created.',
    retry: 'after-fix',
  },
  'slot-active': {
    summary: 'The replication slot "{slot}" is being read by another session (pid {pid}, application_name {application}).',
    remedy:
      'A slot has one consumer: give each its own, or end the other one: SELECT pg_terminate_backend({pid}). Sessions of earlier jobs of this integration are ended by the next job; a consumer that was cut off is let go after wal_sender_timeout.',
    retry: 'next-run',
  },
  'slot-lost': {
    summary:
      'The replication slot "{slot}" of "{database}" is lost ({reason}): the server has removed WAL that it needed. Nothing was read.',
    remedy:
      '{setting} Then run, in "{database}": SELECT pg_drop_replication_slot(\'{slot}\'); and backstitch reset: the next job creates the slot and copies the tables anew.',
    retry: 'after-fix',
  },
  'slots-exhausted': {
    summary: 'The replication slot "{slot}" cannot be created: all {max} slots of the server are in use.',
    remedy:
      'Drop slots that nobody reads (SELECT * FROM pg_replication_slots WHERE NOT active), or raise max_replication_slots and restart.',
    retry: 'after-fix',
  },
  'slot-waits': {
    summary:
      'The replication slot "{slot}" could not be created within {seconds} s: the server waits for transactions that are open.',
    remedy:
      'Find and end them: SELECT pid, xact_start, state, query FROM pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start; and see pg_prepared_xacts. On a replica run on the primary: SELECT pg_log_standby_snapshot();',
    retry: 'next-run',
  },
  'publication-right-missing': {
    summary:
      'The publication "{publication}" of "{database}" does not hold what is selected, and "{user}" may not change that ({sqlstate}).',
    remedy: 'Run in "{database}", as owner of the tables or superuser: {sql}',
    retry: 'after-fix',
  },
  'publication-younger': {
    summary:
      'The slot "{slot}" of "{database}" holds changes that were made before the publication "{publication}" was, which PostgreSQL cannot decode.',
    remedy:
      'Run in "{database}": SELECT pg_drop_replication_slot(\'{slot}\'); and backstitch reset: the next job creates the slot and copies the tables anew. Nothing was read.',
    retry: 'after-fix',
  },
  'replica-identity-missing': {
    summary: '{relation} has no replica identity: its updates and deletes are not in the log, only its inserts are.',
    remedy: 'Run: {sql}',
    retry: 'after-fix',
  },
  'replica-identity-unsuitable': {
    summary:
      'The replica identity of {relation} does not hold its primary key: deletes, and updates that change the key, cannot be told apart.',
    remedy: 'Run: ALTER TABLE {relation} REPLICA IDENTITY DEFAULT;',
    retry: 'after-fix',
  },
  'table-unlogged': {
    summary: '{relation} is unlogged: none of its changes are in the log.',
    remedy: 'Run: ALTER TABLE {relation} SET LOGGED; or set its method to FULL_TABLE or INCREMENTAL.',
    retry: 'after-fix',
  },
  'senders-exhausted': {
    summary: 'The log cannot be streamed from PostgreSQL at {host}:{port}: no replication connection is left ({sqlstate}).',
    remedy: 'Raise max_wal_senders ({max} now) and restart, or set logBased.consume: auto or peek.',
    retry: 'next-run',
  },
  'stream-refused': {
    summary: 'PostgreSQL at {host}:{port}, or what stands before it, refuses replication connections of "{user}" ({reason}).',
    remedy:
      'Connect to the server itself, not through a pooler or proxy, with a role that may replicate (for IAM authentication also set rds.iam_auth_for_replication = 1); or set logBased.consume: auto or peek.',
    retry: 'after-fix',
  },
  'peek-too-slow': {
    summary: 'The slot "{slot}" of "{database}" gave nothing within {seconds} s when asked for {changes} changes.',
    remedy: 'Set logBased.consume: stream, which reads large transactions and long backlogs steadily.',
    retry: 'after-fix',
  },
  'server-changed': {
    summary:
      'The slot "{slot}" of "{database}" is on another PostgreSQL cluster than the one that its bookmark is of. Nothing was read.',
    remedy:
      'If the change was meant, run: backstitch reset --integration {integration}; the next job copies all log-based tables anew. If not, correct connection.host.',
    retry: 'after-fix',
  },
  'slot-changed': {
    summary:
      'The bookmark of "{database}" is of the slot "{known}", not of "{slot}": what lies between the two is unknown. Nothing was read.',
    remedy:
      'Set logBased.slot to "{known}" again, or run: backstitch reset --integration {integration}; the next job copies all log-based tables anew.',
    retry: 'after-fix',
  },
  'slot-ahead': {
    summary:
      'The slot "{slot}" of "{database}" was moved to {confirmed} by somebody else, beyond our bookmark {bookmark}: the changes between the two are gone. Nothing was read.',
    remedy:
      'Make sure that nobody else reads the slot, and run: backstitch reset --integration {integration}; the next job copies all log-based tables anew. Only that brings back the changes in between.',
    retry: 'after-fix',
  },
  'timeline-changed': {
    summary:
      'The server of "{database}" is on another timeline than our bookmark {bookmark} of the slot "{slot}" (timeline {timeline}), which {reason}. Nothing was read.',
    remedy:
      'A replica was promoted. Run: backstitch reset --integration {integration}; the next job copies all log-based tables anew: rows that were loaded before may not exist any more.',
    retry: 'after-fix',
  },
  'server-went-back': {
    summary:
      'The WAL of "{database}" ends at {end}, before our bookmark {bookmark} of the slot "{slot}": the server was restored, or a replica was promoted that had not received everything. Nothing was read.',
    remedy:
      'Run: backstitch reset --integration {integration}; the next job copies all log-based tables anew: rows that were loaded before may not exist any more.',
    retry: 'after-fix',
  },
} as const satisfies Record<string, ErrorSpec>;
