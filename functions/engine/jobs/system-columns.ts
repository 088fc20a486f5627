import { compileRowEncoder } from '../encode/row-encoder.ts';
import type { CompiledEncoder } from '../encode/row-encoder.ts';
import type { SystemColumns } from '../encode/encode.ts';
import type { JobSettings, JobStream } from './job.ts';
import { rowShapeOf } from './row-shape.ts';

const compiled = new WeakMap<JobStream, CompiledEncoder>();

/** The encoder of a stream's rows, compiled once per job. */
export function encoderOf(settings: JobSettings, stream: JobStream): CompiledEncoder {
  const known = compiled.get(stream);
  if (known !== undefined) return known;
  const encoder = compileRowEncoder(rowShapeOf(settings, stream), { stream: stream.id });
  compiled.set(stream, encoder);
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
