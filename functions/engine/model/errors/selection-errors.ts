import type { ErrorSpec } from './error-spec.ts';

/** Errors of what is selected. In the order of a job. */
export const SELECTION_ERRORS = {
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
} as const satisfies Record<string, ErrorSpec>;
