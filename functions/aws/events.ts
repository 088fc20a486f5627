import type { JobEvent, ReportOutput } from '../contract.ts';
import type { LoadingReport, TableReport } from '../engine/model/report.ts';
import { reportKey } from '../engine/plan/key-template.ts';
import { loadedTables } from '../engine/report/loaded-tables.ts';

/** The state machine hands them on ten at a time, which is also what one request to EventBridge takes. */
const PAGE_EVENTS = 10;
/** An answer of a function to a state machine may have 256 KiB, and so may all entries of one request to EventBridge together. */
const PAGE_BYTES = 180_000;
/** Keys of objects in one event: a loader that meets `s3_objects_truncated` reads them in the report. */
const KEYS_BYTES = 12_000;
/** A replication key may be long text. */
const VALUE_BYTES = 500;

interface Place {
  readonly bucket: string;
  readonly prefix: string;
}

/**
 * The events of a job that ended, from the one of this number on: `Table Loaded` for each table that has rows or a new version, then `Job Finished`. Their bodies are those of
 * Stitch's post-load webhook, and name more. Pure: the same report always has the same events.
 */
export function eventPage(report: LoadingReport, place: Place, from: number): Pick<ReportOutput, 'events' | 'next'> {
  const loaded = loadedTables(report);
  const total = loaded.length + 1;
  const events: JobEvent[] = [];
  let bytes = 0;
  let at = Math.max(0, from);
  for (; at < total && events.length < PAGE_EVENTS; at += 1) {
    const table = loaded[at];
    const event = table === undefined ? jobFinished(report, place) : tableLoaded(report, table, place);
    bytes += Buffer.byteLength(JSON.stringify(event));
    if (events.length > 0 && bytes > PAGE_BYTES) break;
    events.push(event);
  }
  return { events, next: at < total ? at : null };
}

function tableLoaded(report: LoadingReport, table: TableReport, place: Place): JobEvent {
  const keys = fitting(table.objects.map(({ key }) => `${place.bucket}/${key}`));
  return {
    detailType: 'Table Loaded',
    detail: {
      version: 1,
      integration_name: report.integration,
      job: report.job,
      report: reportPath(report, place),
      stream: table.stream,
      replication_method: table.method,
      minimum_sdc_batched_at: table.minimumBatchedAt,
      new_version: table.newVersion,
      active_version: table.activeVersion,
      source_database_name: table.database,
      source_schema_name: table.schema,
      source_root_table_name: table.table,
      destination_root_table_name: table.destinationTable,
      table_version: table.tableVersion,
      tables: [
        {
          source_table_name: table.table,
          destination_table_name: table.destinationTable,
          num_rows: table.rows,
          num_rows_rejected: 0,
          max_time_extracted: table.maximumExtractedAt,
          bookmark_metadata: table.bookmarkMetadata.map(({ key, minValue, maxValue }) => ({
            key,
            min_value: short(minValue),
            max_value: short(maxValue),
          })),
          primary_keys: table.primaryKeys,
          num_s3_objects: table.objects.length,
          s3_objects: keys,
          s3_objects_truncated: keys.length < table.objects.length,
        },
      ],
    },
  };
}

function jobFinished(report: LoadingReport, place: Place): JobEvent {
  const { tables } = report;
  const sum = (of: (table: TableReport) => number): number => tables.reduce((total, table) => total + of(table), 0);
  return {
    detailType: 'Job Finished',
    detail: {
      version: 1,
      integration_name: report.integration,
      job: report.job,
      report: reportPath(report, place),
      state: report.state,
      trigger: report.trigger,
      started_at: report.startedAt,
      ended_at: report.endedAt,
      error: report.error === null ? null : { code: report.error.code, message: short(report.error.message) },
      num_tables: tables.length,
      num_tables_loaded: loadedTables(report).length,
      num_tables_failed: tables.filter((table) => table.error !== null).length,
      num_rows: sum((table) => table.rows),
      num_s3_objects: sum((table) => table.objects.length),
      num_bytes: sum((table) => table.bytes),
    },
  };
}

/** `<bucket>/<key>`, as Stitch names objects. */
function reportPath({ integration, job, startedAt }: LoadingReport, { bucket, prefix }: Place): string {
  const key = reportKey({ integration, job, startedAt: new Date(startedAt) });
  return [bucket, ...(prefix === '' ? [] : [prefix]), key].join('/');
}

function fitting(keys: readonly string[]): readonly string[] {
  let bytes = 0;
  const end = keys.findIndex((key) => (bytes += Buffer.byteLength(key) + 3) > KEYS_BYTES);
  return end < 0 ? keys : keys.slice(0, end);
}

/** Null in place of a value that is too long for an event; the report has it. */
function short(value: string): string | null {
  return Buffer.byteLength(value) > VALUE_BYTES ? null : value;
}
