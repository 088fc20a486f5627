import { z } from 'zod';
import type { ErrorCode } from '../model/errors.ts';
import type { LoadingReport } from '../model/report.ts';

const count = z.int().nonnegative();
const instant = z.string().describe('ISO 8601, UTC');
const sequence = z
  .string()
  .regex(/^[0-9]+$/)
  .describe('64-bit integer in decimal');
// A report may come from a newer release: an unknown code is no reason to refuse it.
const errorCode = z.string().pipe(z.custom<ErrorCode>()).describe('Stable code of the failure; new ones may be added');

const error = z
  .object({ code: errorCode, message: z.string(), remedy: z.string().describe('One thing to do about it') })
  .describe('What failed, and what to do');

const storedObject = z
  .object({
    key: z.string().describe('S3 key, or path below the destination folder'),
    kind: z.enum(['copy', 'key', 'log']),
    rows: count,
    bytes: count.describe('As stored'),
    jsonBytes: count.describe('Before compression'),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .describe('Of the stored bytes'),
    firstSequence: sequence.describe('Lowest _sdc_sequence'),
    lastSequence: sequence.describe('Highest _sdc_sequence'),
  })
  .describe('An object that is durable in the destination');

const table = z.object({
  stream: z.string().describe('database.schema.table; a part stands in double quotes only where it needs them'),
  database: z.string(),
  schema: z.string(),
  table: z.string(),
  destinationTable: z.string(),
  method: z.enum(['FULL_TABLE', 'INCREMENTAL', 'LOG_BASED']),
  state: z
    .enum(['pending', 'running', 'copying', 'complete', 'failed'])
    .describe('pending: not reached; copying: its copy goes on in the next job'),
  error: error.nullable(),
  primaryKeys: z.array(z.string()),
  replicationKey: z.string().nullable(),
  tableVersion: count.describe('The version that this job wrote'),
  activeVersion: count
    .nullable()
    .describe('The version that is whole: rows of lower versions are superseded; null until the first copy is complete'),
  newVersion: z
    .boolean()
    .describe('True if the active version changed in this job: what was loaded of lower versions may be dropped'),
  schemaHash: z.string(),
  rowsRead: count.describe('Rows that PostgreSQL says it sent'),
  rows: count.describe('Rows in the objects'),
  inserts: count,
  updates: count,
  deletes: count,
  nullKeys: count
    .nullable()
    .describe('Rows whose replication key is NULL, which key-based replication cannot see; null where they were not counted'),
  bytes: count.describe('As stored'),
  jsonBytes: count.describe('Before compression'),
  startedAt: instant.nullable(),
  endedAt: instant.nullable(),
  minimumBatchedAt: instant.nullable().describe('Lowest _sdc_batched_at of the objects'),
  maximumExtractedAt: instant.nullable().describe('Latest _sdc_extracted_at of the objects'),
  bookmark: z.object({ before: z.string().nullable(), after: z.string().nullable() }),
  bookmarkMetadata: z
    .array(z.object({ key: z.string(), minValue: z.string(), maxValue: z.string() }))
    .describe('Lowest and highest replication key of this job'),
  warnings: z.array(z.string()),
  objects: z.array(storedObject).describe('In the order of loading'),
});

const slot = z.object({
  database: z.string(),
  slot: z.string(),
  plugin: z.string(),
  confirmed: z.string().describe('LSN that PostgreSQL was told to be done with'),
  retainedBytes: count.describe('WAL that the slot makes the server keep'),
  bookmark: z.string().nullable().optional().describe('LSN that the next job begins at; null before the first'),
  behindBytes: count.nullable().optional().describe('WAL that was written since the bookmark'),
  behindSeconds: count.nullable().optional().describe('Since the bookmark last moved'),
  walStatus: z
    .string()
    .nullable()
    .optional()
    .describe('reserved, extended, unreserved or lost (PostgreSQL 13), or why it was invalidated (17)'),
  safeBytes: z
    .int()
    .nullable()
    .optional()
    .describe('Bytes that may still be written before the slot is lost; null without a limit'),
  budgetUsed: z
    .number()
    .nonnegative()
    .nullable()
    .optional()
    .describe('Part of max_slot_wal_keep_size that is held back; null without a limit'),
  active: z.boolean().optional().describe('Whether somebody reads it at this moment'),
});

const rowsOver = { last24Hours: count, thisMonth: count, lastMonth: count } as const;

const usage = z
  .object({ ...rowsOver, streams: z.array(z.object({ stream: z.string(), ...rowsOver })) })
  .describe('Rows that were written, re-sent ones included, over the last 24 hours, this calendar month and the last one (UTC)');

const dollars = z.number().nonnegative();

const cost = z
  .object({
    currency: z.literal('USD'),
    total: dollars.describe('Of the job; storage is not in it'),
    perMillionRows: dollars.nullable(),
    perGigabyte: dollars.nullable().describe('Per 10^9 bytes of JSON'),
    parts: z.object({ lambda: dollars, stepFunctions: dollars, dynamodb: dollars, s3: dollars, eventBridge: dollars.default(0) }),
    storagePerMonth: dollars.describe('For a month of keeping in S3 Standard what the job wrote'),
    prices: z.string().describe('Where and when the prices are from'),
  })
  .describe('In AWS: estimate from measured use and a dated price table, before free tiers, discounts and taxes');

/** Parses a loading report. Fields that are added later are left out, not refused. */
export const loadingReportSchema = z
  .object({
    version: z.literal(1),
    integration: z.string(),
    job: z.string().describe('Ids of jobs sort by time'),
    trigger: z.string().describe('What started the job: schedule, manual, demo'),
    state: z
      .enum(['running', 'complete', 'partial', 'stopped', 'failed', 'skipped'])
      .describe(
        'running until the end; partial: some tables failed; stopped: by request; skipped: another job was running or the integration is paused',
      ),
    startedAt: instant,
    endedAt: instant.nullable(),
    error: error.nullable().describe('Why the job as a whole failed'),
    tables: z.array(table),
    slots: z.array(slot),
    skipped: z.array(z.object({ stream: z.string(), reason: z.string() })).describe('Tables that are not replicated, and why'),
    warnings: z.array(z.string()),
    usage,
    cost: cost.optional(),
  })
  .describe('What a job loaded. Only ever extended; 64-bit positions are strings.');

/** Reads the JSON text of a loading report. Throws `ZodError` or `SyntaxError` if it is none. */
export function parseReport(text: string): LoadingReport {
  return loadingReportSchema.parse(JSON.parse(text));
}

/** The published JSON Schema of loading reports, `schema/report.schema.json`: open, so that readers take reports of newer releases. */
export function reportJsonSchema(): object {
  const { $schema, ...schema } = z.toJSONSchema(loadingReportSchema, {
    io: 'input',
    target: 'draft-2020-12',
    override: dropSafeIntegerLimit,
  });
  return { $schema, title: 'Backstitch loading report', ...schema };
}

/** zod notes the largest safe integer as the maximum of every count; that says nothing about reports. */
function dropSafeIntegerLimit({ jsonSchema }: { readonly jsonSchema: { maximum?: number | undefined } }): void {
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}
