import { compileRowEncoder } from '../encode/row-encoder.ts';
import type { CompiledEncoder } from '../encode/row-encoder.ts';
import type { SystemColumns } from '../encode/encode.ts';
import type { JobSettings, JobStream } from './job.ts';
import { rowShapeOf } from './row-shape.ts';

/** More than the 100 connections that an integration may have. An encoder takes some 10 KB: those of thousands of tables are not kept until the end of the job. */
const MOST_ENCODERS = 128;
const compiled = new Map<JobStream, CompiledEncoder>();

/** The encoder of a stream's rows, compiled once for the ranges and batches of a table that follow each other closely. */
export function encoderOf(settings: JobSettings, stream: JobStream): CompiledEncoder {
  const encoder = compiled.get(stream) ?? compileRowEncoder(rowShapeOf(settings, stream), { stream: stream.id });
  // The last used is the last one to go.
  compiled.delete(stream);
  compiled.set(stream, encoder);
  const [oldest] = compiled.keys();
  if (compiled.size > MOST_ENCODERS && oldest !== undefined) compiled.delete(oldest);
  return encoder;
}

/** Stitch's columns of one batch, in Stitch's order. `_sdc_deleted_at` exists in log-based streams only, and is null in a copy. */
export function systemColumns(
  batch: { readonly stream: JobStream; readonly version: number; readonly sequence: string; readonly extractedAt: string },
  batchedAt: string,
): SystemColumns {
  return [
    { name: '_sdc_extracted_at', json: JSON.stringify(batch.extractedAt) },
    { name: '_sdc_received_at', json: JSON.stringify(batchedAt) },
    { name: '_sdc_batched_at', json: JSON.stringify(batchedAt) },
    { name: '_sdc_sequence', json: batch.sequence },
    { name: '_sdc_table_version', json: String(batch.version) },
    ...(batch.stream.method === 'LOG_BASED' ? [{ name: '_sdc_deleted_at', json: 'null' }] : []),
  ];
}
