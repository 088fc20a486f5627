import { jsonSchemaOf } from '../encode/json-schema.ts';
import { tableInfoKey, tableSchemaKey } from '../plan/key-template.ts';
import type { JobContext, JobStream } from './job.ts';

/**
 * Writes what a loader needs to know of a table beside its objects: `_table.json` (JSON Schema, key properties, active version) and the schema once more under its hash,
 * so that older objects keep theirs. Idempotent.
 */
export async function publishTableInfo(context: JobContext, stream: JobStream, activeVersion: number | null): Promise<void> {
  const { settings, sink } = context;
  const signal = context.lease.lost;
  const schema = jsonSchemaOf(stream.columns, { jsonColumns: settings.jsonColumns, profile: settings.profile });
  const info = {
    version: 1,
    stream: stream.id,
    database: stream.table.name.database,
    schema: stream.table.name.schema,
    table: stream.table.name.table,
    destinationTable: stream.destinationTable,
    method: stream.method,
    replicationKey: stream.replicationKey,
    keyProperties: stream.primaryKey.length === 0 ? ['__sdc_primary_key'] : stream.primaryKey,
    activeVersion,
    schemaHash: stream.schemaHash,
    jsonSchema: schema,
  };
  const body = Buffer.from(`${JSON.stringify(info, null, 2)}\n`);
  const content = { contentType: 'application/json' };
  const place = { integration: settings.integration, table: stream.destinationTable };
  await sink.put(tableSchemaKey({ ...place, hash: stream.schemaHash }), body, content, signal);
  await sink.put(tableInfoKey(place), body, content, signal);
}
