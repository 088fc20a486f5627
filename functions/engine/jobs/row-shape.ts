import type { RowShape } from '../encode/encode.ts';
import type { JobSettings, JobStream } from './job.ts';

/** The shape of a stream's records: the same for its copies and its log, so that the same row gives the same bytes. */
export function rowShapeOf(settings: JobSettings, stream: JobStream): RowShape {
  return {
    fields: stream.columns.map((column) => ({ name: column.name, type: column.type })),
    jsonColumns: settings.jsonColumns,
    profile: settings.profile,
    rowId: stream.primaryKey.length === 0,
  };
}
