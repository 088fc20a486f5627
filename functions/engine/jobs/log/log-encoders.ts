import type { SystemColumns } from '../../encode/encode.ts';
import { compileLogEncoder } from '../../encode/log-encoder.ts';
import type { CompiledLogEncoder } from '../../encode/log-encoding.ts';
import type { JobSettings, JobStream } from '../job.ts';
import { rowShapeOf } from '../row-shape.ts';

const compiled = new WeakMap<JobStream, CompiledLogEncoder>();

/** The encoder of a stream's log rows, compiled once per job; of the same shape as that of its copies. */
export function logEncoderOf(settings: JobSettings, stream: JobStream): CompiledLogEncoder {
  const known = compiled.get(stream);
  if (known !== undefined) return known;
  const encoder = compileLogEncoder(rowShapeOf(settings, stream), { stream: stream.id });
  compiled.set(stream, encoder);
  return encoder;
}

/** Stitch's columns that are the same for all rows of a batch. */
export function logSystemColumns(batch: { readonly version: number; readonly at: string }): SystemColumns {
  const at = JSON.stringify(batch.at);
  return [
    { name: '_sdc_extracted_at', json: at },
    { name: '_sdc_received_at', json: at },
    { name: '_sdc_batched_at', json: at },
    { name: '_sdc_table_version', json: String(batch.version) },
  ];
}
