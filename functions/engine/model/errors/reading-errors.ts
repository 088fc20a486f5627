import type { ErrorSpec } from './error-spec.ts';

/** Errors while rows are read. In the order of a job. */
export const READING_ERRORS = {
  'table-rewritten': {
    summary: '{stream} was rewritten (VACUUM FULL, CLUSTER, TRUNCATE or ALTER TABLE) while it was being copied.',
    remedy: 'Nothing to do: its copy begins anew at the next run.',
    retry: 'next-run',
  },
  'copy-interrupted': {
    summary: 'The copy of {stream} was interrupted, and without a primary key it cannot go on where it was.',
    remedy:
      'Nothing to do: the next job copies it anew. If it repeats, give the table a primary key, or run the job where it is not interrupted.',
    retry: 'next-run',
  },
  'structure-changed': {
    summary: 'The structure of {stream} changed while it was being read ({sqlstate}).',
    remedy: 'Nothing to do: the next run reads the new structure.',
    retry: 'next-run',
  },
  'privilege-missing': {
    summary: '"{user}" may not read {stream} ({sqlstate}).',
    remedy: 'Run: GRANT USAGE ON SCHEMA {schema} TO "{user}"; GRANT SELECT ON TABLE {table} TO "{user}";',
    retry: 'after-fix',
  },
  'recovery-conflict': {
    summary: 'The replica cancelled the read of {stream} because of a conflict with recovery ({sqlstate}).',
    remedy: 'Set hot_standby_feedback = on, or raise max_standby_streaming_delay, on the replica.',
    retry: 'next-run',
  },
  'query-cancelled': {
    summary: 'The read of {stream} was cancelled by the server ({sqlstate}).',
    remedy: 'Raise statement_timeout of the role, or find out who cancelled it in the server log.',
    retry: 'next-run',
  },
  'table-locked': {
    summary: 'Another session holds a lock on {stream} that bars reading, for longer than this job waits ({sqlstate}).',
    remedy: 'Nothing to do: the next run tries again. If it repeats, find the session in pg_locks (mode AccessExclusiveLock).',
    retry: 'next-run',
  },
  'query-failed': {
    summary: 'PostgreSQL refused a query on {stream} ({sqlstate}).',
    remedy: 'Look into the server log for the statement; the cause is kept in the log of this job.',
    retry: 'next-run',
  },
  'protocol-violation': {
    summary: 'PostgreSQL at {host}:{port} sent something that is not the protocol: {what}.',
    remedy: 'Check that nothing between here and the server alters the connection; the next run tries again.',
    retry: 'next-run',
  },
  'value-unreadable': {
    summary: 'A value of column "{column}" of {stream} is not a valid {type}.',
    remedy: 'Exclude the column (columns: exclude) and report the type: the value itself is not logged.',
    retry: 'after-fix',
  },
  'log-unreadable': {
    summary: 'The output plugin {plugin} sent something that is not its format: {what}.',
    remedy:
      'Nothing of it was committed, and the next run reads it again. If it repeats, please report it as a defect, with the versions of PostgreSQL and of the plugin.',
    retry: 'next-run',
  },
  'rows-mismatch': {
    summary: '{stream}: PostgreSQL sent {sent} rows but {written} were written.',
    remedy: 'Nothing was committed for this batch; the next run reads it again. Please report this as a defect.',
    retry: 'next-run',
  },
} as const satisfies Record<string, ErrorSpec>;
