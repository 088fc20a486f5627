import { z } from 'zod';
import { parseCron } from './cron.ts';
import { integrationAws } from './schema-aws.ts';
import { connection } from './schema-connection.ts';
import { pressure } from './schema-pressure.ts';
import { choice, flag, listOf, mapping, numberOrText, readBy, size, text, wholeNumber } from './schema-parts.ts';
import { parseTableName } from './table-name.ts';
import { isInstant, isTimeZone, parseLookBack, parseStatementTimeout } from './time-settings.ts';
import { parseDuration } from './units.ts';

const MIB = 2 ** 20;
const METHODS = ['FULL_TABLE', 'INCREMENTAL', 'LOG_BASED'] as const;
const column = () => text('a column name', /^[^\0]+$/);
const columns = () => listOf(column(), 'a list of column names');
const relation = (what: string) =>
  readBy(`${what} as "schema.name", "database.schema.name" or "name", odd parts in double quotes`, parseTableName);

const table = mapping({
  table: relation('a table')
    .optional()
    .describe(
      'Table as `schema.table`, `database.schema.table`, or `table` alone where only one has that name. Case matters. A part with a dot or a double quote is written as in SQL: `public."odd.name"`.',
    ),
  view: relation('a view').optional().describe('View or materialized view, named like a table.'),
  selected: flag().default(true).describe('`false` leaves it out, also under `selectAll`.'),
  method: choice(METHODS)
    .optional()
    .describe('Replication method; by default the `defaultReplicationMethod`. Views and foreign tables cannot be `LOG_BASED`.'),
  replicationKey: column()
    .optional()
    .describe(
      'Column that grows with every change, for `INCREMENTAL`: a time, date, integer, numeric, uuid or text column. Always replicated.',
    ),
  lookBack: numberOrText(
    'a duration such as "10 minutes", or a number for a numeric key',
    (value) => parseLookBack(value) !== undefined,
  )
    .optional()
    .describe(
      'How far below the highest key an `INCREMENTAL` stream reads again, to catch rows that were committed late: a duration for time keys, a number for numeric ones. By default time keys stay behind the oldest open transaction.',
    ),
  columns: mapping({
    include: columns().optional().describe('Only these columns, the primary key and the replication key.'),
    exclude: columns()
      .optional()
      .describe('All columns but these. New columns flow in by themselves. Key columns cannot be left out.'),
  })
    .optional()
    .meta({ oneOf: [{ required: ['include'] }, { required: ['exclude'] }] })
    .describe('Which columns; by default all, new ones included.'),
  primaryKey: z
    .union([z.literal('none'), columns()], { error: 'none, or a list of column names' })
    .optional()
    .describe('Of a view only: columns that identify a row, or `none` (the default). Tables have their own.'),
  destinationTable: text('lower-case letters, digits and _, at most 128, not beginning with _', /^[a-z0-9][a-z0-9_]{0,127}$/)
    .optional()
    .describe(
      'Name in the destination, in place of the one made from schema and table; for streams whose names would be the same there.',
    ),
}).meta({ oneOf: [{ required: ['table'] }, { required: ['view'] }] });

const schedule = mapping({
  every: readBy('a duration of whole minutes such as "30 minutes", "1 hour" or "day", at most 31 days', (value) => {
    const seconds = parseDuration(value);
    return seconds !== undefined && seconds >= 60 && seconds <= 31 * 86_400 && seconds % 60 === 0 ? seconds : undefined;
  })
    .optional()
    .describe(
      'Replication frequency: `30 minutes`, `1 hour`, `day`. If a job still runs when the next is due, that one is skipped.',
    ),
  anchor: text('a time in ISO 8601 with its zone, such as "2026-01-01T02:00:00Z"')
    .refine(isInstant, { error: 'a time in ISO 8601 with its zone, such as "2026-01-01T02:00:00Z"' })
    .optional()
    .describe(
      'With `every` of an hour or more: a time that jobs start at; the others lie whole frequencies before and after it. ISO 8601 with its zone.',
    ),
  cron: readBy('a cron expression of 6 or 7 fields', parseCron)
    .optional()
    .describe(
      "Cron expression in Stitch's (Quartz) form `0 0/15 * ? * MON-FRI` or EventBridge's `0/15 * ? * MON-FRI *`. Days of the week are 1-7 = SUN-SAT; `?` in one of the day fields.",
    ),
  timezone: text('a time zone such as "Europe/Berlin"')
    .refine(isTimeZone, { error: 'a time zone of the IANA database, such as "Europe/Berlin"' })
    .optional()
    .describe('With `cron`: time zone that it is meant in. Default: `UTC`, as Stitch.'),
}).meta({ oneOf: [{ required: ['every'] }, { required: ['cron'] }] });

export const integration = mapping({
  name: text(
    'a name of at most 49 characters from a-z, 0-9, _ and $ that begins with a letter or _',
    /^[a-z_][a-z0-9_$]{0,48}$/,
  ).describe(
    'Name of the integration, unique in the file: part of every object key, bookmark and report. Changing it begins anew.',
  ),
  connection,
  connections: wholeNumber(1, 100)
    .default(4)
    .describe(
      'Connection budget: most connections to the server at a time, and so how many ranges and tables are read in parallel.',
    ),
  pressure,
  defaultReplicationMethod: choice(METHODS).optional().describe('Replication method of tables that name none.'),
  logBased: mapping({
    plugin: choice(['auto', 'wal2json', 'pgoutput'])
      .default('auto')
      .describe(
        'Output plugin of the slot. `auto` takes what an existing slot has; for a new one `wal2json` where the server can load it, else `pgoutput`.',
      ),
    consume: choice(['auto', 'stream', 'peek'])
      .default('auto')
      .describe(
        'How the slot is read: `stream` by the replication protocol, `peek` by SQL functions for roles and proxies that allow nothing else. `auto` streams where it can.',
      ),
    slot: text('a slot name of at most 63 characters from a-z, 0-9 and _', /^[a-z0-9_]{1,63}$/)
      .optional()
      .describe(
        'Name of the replication slot. By default `backstitch_<database>`. One slot has one consumer: never give two integrations the same.',
      ),
    createSlot: flag().default(true).describe('Whether a missing slot is created at the first job.'),
  })
    .prefault({})
    .describe('Settings of log-based replication.'),
  includeSchemaInTableName: flag().default(false).describe('Name tables `schema__table` in the destination, not `table`.'),
  selectAll: flag()
    .default(false)
    .describe(
      'Replicate every table with every column, new ones included, but no views. Needs `defaultReplicationMethod: LOG_BASED`. `tables` then holds the exceptions.',
    ),
  tables: z.array(table, { error: 'a list of tables and views' }).default([]).describe('Tables and views to replicate, and how.'),
  schedule: schedule.optional().describe('When jobs start. Without it only by hand.'),
  statementTimeout: readBy('a duration from 1 second to 24 days such as "2 hours", or none', parseStatementTimeout)
    .default('24 hours')
    .describe('Longest time for one query on the server (`statement_timeout`), or `none`.'),
  rangeBytes: size(8192, 1024 * 1024 * MIB, '8 KiB to 1 TiB')
    .default('256 MiB')
    .describe(
      'Size of the ranges that a large table is copied in. Ranges are read in parallel, and a copy that was interrupted goes on with the next one.',
    ),
  aws: integrationAws.optional(),
});

/** The configuration file as it is written, and the source of types, validation, defaults, JSON Schema and reference. */
export type IntegrationDocument = z.output<typeof integration>;
