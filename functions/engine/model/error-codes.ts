/** Whether trying again can help: at the next run by itself, only after the remedy, or never. */
export type Retry = 'next-run' | 'after-fix' | 'never';

interface ErrorSpec {
  /** What and where; `{names}` are filled in. */
  readonly summary: string;
  /** One thing to do: a command, a setting, the SQL to run. */
  readonly remedy: string;
  readonly retry: Retry;
}

/**
 * Every failure that an operator can meet. The code is stable: alarms and scripts may rely on it.
 * Keep the groups and, within them, the order of a job.
 */
export const ERRORS = {
  // Configuration
  'config-unreadable': {
    summary: 'The configuration file {file} cannot be read: {reason}.',
    remedy: 'Give its path with --config, or create it: see "First real run" in README.md.',
    retry: 'after-fix',
  },
  'config-invalid': {
    summary: '{file} has {count} error(s):\n{problems}',
    remedy: 'Correct the lines named above; editors complete the file with schema/backstitch.schema.json.',
    retry: 'after-fix',
  },
  'integration-unknown': {
    summary: 'There is no integration "{integration}" in {file}; it has {known}.',
    remedy: 'Name one of these with --integration.',
    retry: 'after-fix',
  },
  'secret-missing': {
    summary: 'The secret that {where} refers to cannot be read: {reason}.',
    remedy: 'Set the environment variable, create the file, or create the secret that is named there.',
    retry: 'after-fix',
  },
  // Connection
  'host-unreachable': {
    summary: 'PostgreSQL at {host}:{port} cannot be reached: {reason}.',
    remedy:
      'Check host and port, the security group or firewall between here and there, and that the server listens on that address (listen_addresses).',
    retry: 'next-run',
  },
  'login-failed': {
    summary: 'PostgreSQL at {host}:{port} refused the login of user "{user}" ({sqlstate}).',
    remedy: 'Check user and password, and the pg_hba.conf line that matches this client.',
    retry: 'after-fix',
  },
  'database-missing': {
    summary: 'There is no database "{database}" at {host}:{port}, or "{user}" may not connect to it ({sqlstate}).',
    remedy: 'Correct connection.database, or run: GRANT CONNECT ON DATABASE "{database}" TO "{user}";',
    retry: 'after-fix',
  },
  'server-not-ready': {
    summary: 'PostgreSQL at {host}:{port} is starting up, shutting down or in recovery ({sqlstate}).',
    remedy: 'Nothing to do if it is restarting: the next run tries again. Otherwise look into the server log.',
    retry: 'next-run',
  },
  'too-many-connections': {
    summary: 'PostgreSQL at {host}:{port} has no connection left ({sqlstate}).',
    remedy: 'Lower "connections" of the integration, or raise max_connections on the server.',
    retry: 'next-run',
  },
  'connection-lost': {
    summary: 'The connection to PostgreSQL at {host}:{port} was lost ({reason}).',
    remedy: 'The next run continues from the last checkpoint; if it repeats, look into the server log and at network timeouts.',
    retry: 'next-run',
  },
  'tls-failed': {
    summary: 'TLS to PostgreSQL at {host}:{port} failed: {reason}.',
    remedy: 'Check connection.ssl: mode, and ca for a server whose certificate a private authority signed.',
    retry: 'after-fix',
  },
  'server-too-old': {
    summary: 'PostgreSQL {version} is older than 9.3.',
    remedy: 'Backstitch reads PostgreSQL 9.3 and newer.',
    retry: 'never',
  },
  'nothing-discovered': {
    summary: 'No table was found in {databases} that "{user}" may read.',
    remedy: 'Run: GRANT USAGE ON SCHEMA ... TO "{user}"; GRANT SELECT ON TABLE ... TO "{user}"; in each database.',
    retry: 'after-fix',
  },
  'primary-needed': {
    summary: '{what} needs the primary server, but {host}:{port} is in recovery (a replica).',
    remedy: 'Point connection.host to the primary (on Aurora the writer endpoint).',
    retry: 'after-fix',
  },
  // Selection
  'table-missing': {
    summary: 'The table or view "{table}" of the configuration does not exist in {databases}, or "{user}" may not read it{hint}.',
    remedy: 'Correct the name, or run: GRANT USAGE ON SCHEMA {schema} TO "{user}"; GRANT SELECT ON TABLE {relation} TO "{user}";',
    retry: 'after-fix',
  },
  'table-ambiguous': {
    summary: 'The name "{table}" of the configuration fits more than one table or view: {databases}.',
    remedy: 'Write it in full, such as {example}.',
    retry: 'after-fix',
  },
  'table-repeated': {
    summary: '{stream} is named twice in the configuration: as "{first}" and as "{second}".',
    remedy: 'Keep one of the two entries.',
    retry: 'after-fix',
  },
  'partition-named': {
    summary: '{stream} is a partition of {root}, and partitions are replicated as one table.',
    remedy: 'Name {root} instead.',
    retry: 'after-fix',
  },
  'column-missing': {
    summary: 'The column "{column}" of {stream}, named under "{setting}", does not exist or may not be read{hint}.',
    remedy: 'Correct the name in the configuration, or grant SELECT on the column.',
    retry: 'after-fix',
  },
  'replication-key-missing': {
    summary: '{stream} is INCREMENTAL but has no replication key.',
    remedy: 'Set replicationKey to a column that grows with every change, such as updated_at or an increasing id.',
    retry: 'after-fix',
  },
  'replication-key-unsuitable': {
    summary: 'The column "{column}" of {stream} is of type {type}, which key-based replication cannot order by.',
    remedy: 'Use a column of an integer, numeric, date, timestamp, uuid or text type.',
    retry: 'after-fix',
  },
  'look-back-unsuitable': {
    summary: 'The lookBack of {stream} does not fit its replication key "{column}" of type {type}.',
    remedy:
      'Give a duration such as "10 minutes" for a date or time key, a number for an integer or numeric key, and none for others.',
    retry: 'after-fix',
  },
  'column-reserved': {
    summary: 'The key column "{column}" of {stream} has the name of a column that is added to every record.',
    remedy: 'Rename it, or replicate the table through a view that does.',
    retry: 'after-fix',
  },
  'method-unsupported': {
    summary: '{stream} is a {kind}: {method} is not possible for it.',
    remedy: 'Set method to {allowed} for it.',
    retry: 'after-fix',
  },
  'destination-collision': {
    summary: 'The streams {first} and {second} would both be written to the destination table "{destination}".',
    remedy: 'Set includeSchemaInTableName: true, set destinationTable of one of them, or deselect one.',
    retry: 'after-fix',
  },
  'key-too-long': {
    summary: 'The object key of table "{table}" of "{integration}" would have {bytes} bytes; S3 takes 1024.',
    remedy: 'Shorten destination.keyTemplate, or set a shorter destinationTable.',
    retry: 'after-fix',
  },
  // Reading
  'table-rewritten': {
    summary: '{stream} was rewritten (VACUUM FULL, CLUSTER, TRUNCATE or ALTER TABLE) while it was being copied.',
    remedy: 'Nothing to do: its copy begins anew at the next run.',
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
  'rows-mismatch': {
    summary: '{stream}: PostgreSQL sent {sent} rows but {written} were written.',
    remedy: 'Nothing was committed for this batch; the next run reads it again. Please report this as a defect.',
    retry: 'next-run',
  },
  // Sink
  'sink-missing': {
    summary: 'The destination {url} does not exist.',
    remedy: 'Create the bucket (or mount the folder), or correct destination.url.',
    retry: 'after-fix',
  },
  'sink-forbidden': {
    summary: 'The destination {url} refuses {operation} ({reason}).',
    remedy:
      'Grant s3:PutObject, s3:GetObject, s3:ListBucket, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListBucketMultipartUploads on it (or write permission on the folder).',
    retry: 'after-fix',
  },
  'sink-full': {
    summary: 'There is no space left in the destination {url}.',
    remedy: 'Free space; the next run continues from the last checkpoint.',
    retry: 'next-run',
  },
  'sink-failed': {
    summary: 'The destination {url} failed at {operation} ({reason}).',
    remedy: 'The next run continues from the last checkpoint; if it repeats, check the service and the network.',
    retry: 'next-run',
  },
  'key-unsuitable': {
    summary: 'The name "{key}" cannot be used for an object in {url}: {reason}.',
    remedy: 'Correct the key template or the prefix of the destination.',
    retry: 'after-fix',
  },
  'object-exists': {
    summary: 'The object {key} exists already although this worker alone may write it.',
    remedy: 'Check that no other installation writes under the same prefix with a state store of its own.',
    retry: 'after-fix',
  },
  // Ledger
  'ledger-missing': {
    summary: 'The state store {url} does not exist.',
    remedy: 'Create the table (or mount the folder), or correct state.url.',
    retry: 'after-fix',
  },
  'ledger-forbidden': {
    summary: 'The state store {url} refuses {operation} ({reason}).',
    remedy:
      'Grant dynamodb:GetItem, BatchGetItem, Query, PutItem, UpdateItem and DeleteItem on the table (or write permission on the folder).',
    retry: 'after-fix',
  },
  'ledger-failed': {
    summary: 'The state store {url} failed at {operation} ({reason}).',
    remedy: 'The next run continues from the last checkpoint; if it repeats, check the service and the network.',
    retry: 'next-run',
  },
  'ledger-damaged': {
    summary: 'The item "{item}" of the state store {url} cannot be read: {reason}.',
    remedy: 'Restore the state store from a backup, or run: backstitch reset --integration {integration}.',
    retry: 'after-fix',
  },
  // Running
  'lease-lost': {
    summary: 'The job {job} lost its lease of "{integration}" to another job.',
    remedy:
      'Nothing to do: the other job goes on from the last checkpoint. If it repeats, look for frozen machines or wrong clocks.',
    retry: 'next-run',
  },
  'fenced-out': {
    summary: 'Another worker took over "{head}"; this one committed nothing more.',
    remedy: 'Nothing to do: the other worker goes on from the last commit.',
    retry: 'next-run',
  },
  'job-running': {
    summary: 'The integration "{integration}" is busy with job {job}.',
    remedy: 'Wait for it (backstitch status), or stop it: backstitch stop --integration {integration}.',
    retry: 'next-run',
  },
  'job-unknown': {
    summary: 'There is no job {job} of "{integration}".',
    remedy: 'List them with: backstitch reports --integration {integration}.',
    retry: 'after-fix',
  },
  'stream-unknown': {
    summary: '"{stream}" is no stream of "{integration}" that was ever replicated{hint}.',
    remedy: 'List the streams with: backstitch status --integration {integration}.',
    retry: 'after-fix',
  },
  'not-available-here': {
    summary: '{what} is not available in this release.',
    remedy: '{instead}',
    retry: 'after-fix',
  },
  'job-died': {
    summary: 'The job {job} of "{integration}" ended without a word: it was killed, ran out of memory, or its machine went away.',
    remedy:
      'Nothing to do: the next run goes on from its last commit and writes its report. If it repeats, look into the logs of the machine.',
    retry: 'next-run',
  },
  'no-job-yet': {
    summary: 'The integration "{integration}" has not run yet.',
    remedy: 'Run it: backstitch run --integration {integration}.',
    retry: 'after-fix',
  },
  // Command line
  usage: {
    summary: '{problem}',
    remedy: 'Run: {help}',
    retry: 'after-fix',
  },
  'integration-not-named': {
    summary: '{file} has more than one integration: {known}.',
    remedy: 'Name the one that is meant with --integration.',
    retry: 'after-fix',
  },
  'confirmation-needed': {
    summary: '{what} needs a confirmation, and there is no terminal to ask on.',
    remedy: 'Give --yes if that is what you want.',
    retry: 'after-fix',
  },
  'file-unwritable': {
    summary: 'The file {file} cannot be written: {reason}.',
    remedy: 'Name another file, or make its folder writable.',
    retry: 'after-fix',
  },
  'demo-unavailable': {
    summary: 'The PostgreSQL of the demo cannot be started: {reason}.',
    remedy: 'Run: npm install --include=optional; or show your own database: backstitch demo --source postgres://user@host:port/database',
    retry: 'after-fix',
  },
  'demo-folder-taken': {
    summary: 'The folder {folder} holds something else than an earlier demo.',
    remedy: 'Name an empty or new folder with --directory.',
    retry: 'after-fix',
  },
  'demo-source-invalid': {
    summary: 'The address under --source cannot be used: {reason}.',
    remedy: 'Write it as postgres://user:password@host:port/database; characters such as @ and / in a password as %40 and %2F.',
    retry: 'after-fix',
  },
  unexpected: {
    summary: 'Something unexpected happened ({what}).',
    remedy: 'The log of the job has the details; please report this as a defect.',
    retry: 'next-run',
  },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;
