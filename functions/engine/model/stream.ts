/** How a stream is replicated; spelled as in Stitch and Singer wherever users see it. */
export type ReplicationMethod = 'FULL_TABLE' | 'INCREMENTAL' | 'LOG_BASED';

/** A table or view as PostgreSQL names it, unquoted. Quote only where SQL is built. */
export interface StreamName {
  readonly database: string;
  readonly schema: string;
  readonly table: string;
}

/** The id of a stream in state and reports: `database.schema.table`, a part in double quotes only where it needs them, so no two streams share an id. */
export function streamId(name: StreamName): string {
  return [name.database, name.schema, name.table].map(quotePart).join('.');
}

function quotePart(part: string): string {
  return /^[^."\s]+$/.test(part) ? part : `"${part.replaceAll('"', '""')}"`;
}
