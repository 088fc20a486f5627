import { BLOCK_BYTES } from '../encode/block-memory.ts';
import type { RowEncoder } from '../encode/encode.ts';
import { ReplicationError } from '../model/errors.ts';
import type { StoredObject } from '../model/objects.ts';
import { objectKey } from '../plan/key-template.ts';
import type { KeyUnit } from '../plan/key-template.ts';
import { compressionOf } from '../sink/compress.ts';
import { openObjectSet } from '../sink/object-set.ts';
import type { ObjectSet } from '../sink/object-set.ts';
import type { BlockWriter } from '../source/source.ts';
import type { JobContext, JobStream } from './job.ts';
import { encoderOf, systemColumns } from './system-columns.ts';

const LEAST_BLOCK_BYTES = 256 * 1024;

/** Where a batch goes, and under which numbers: together they make object keys that nobody else writes. */
export interface BatchTarget {
  readonly stream: JobStream;
  readonly version: number;
  readonly unit: KeyUnit;
  readonly batch: number;
  readonly fence: number;
  /** `_sdc_sequence` of the rows, decimal 64-bit. */
  readonly sequence: string;
  /** `_sdc_extracted_at`, ISO 8601. */
  readonly extractedAt: string;
}

export interface WrittenBatch {
  readonly objects: readonly StoredObject[];
  readonly rowsRead: number;
  readonly batchedAt: string;
}

/** Commits the objects so far in the middle of a read that cannot be resumed, so that no commit grows without bound. Returns the next batch number. */
export interface PartialCommits {
  /** JSON bytes after which a partial commit is made. */
  readonly everyJsonBytes: number;
  commit(batch: WrittenBatch): Promise<number>;
}

/**
 * Reads rows into durable objects. Objects exist when it resolves, and none of them if it throws. Rows are counted three times, by the server, by the encoder and
 * in the objects; a difference is `rows-mismatch` and nothing is committed.
 */
export async function writeBatch(
  context: JobContext,
  target: BatchTarget,
  read: (encoder: RowEncoder, out: BlockWriter) => Promise<{ readonly rows: number }>,
  signal: AbortSignal,
  partial?: PartialCommits,
): Promise<WrittenBatch> {
  const batchedAt = context.clock.now().toISOString();
  const encoder = encoderOf(context.settings, target.stream).open(systemColumns(target, batchedAt));
  await using objects = new RollingObjects(
    (batch) => openSet(context, { ...target, batch }, signal),
    target.batch,
    batchedAt,
    partial,
  );
  const out: BlockWriter = {
    // Objects are cut between blocks.
    blockBytes: Math.max(LEAST_BLOCK_BYTES, Math.min(BLOCK_BYTES, context.settings.rotateBytes / 4)),
    write: async (block) => {
      const jsonBytes = block.bytes.length;
      await objects.write(block);
      context.progress({ kind: 'rows', stream: target.stream.id, rows: block.rows, jsonBytes });
    },
  };
  const { rows } = await read(encoder, out);
  const last = await objects.finish();
  if (rows !== encoder.rows || rows !== objects.rows) {
    throw new ReplicationError('rows-mismatch', { stream: target.stream.id, sent: rows, written: objects.rows });
  }
  return last;
}

class RollingObjects implements AsyncDisposable {
  rows = 0;
  readonly #open: (batch: number) => ObjectSet;
  readonly #batchedAt: string;
  readonly #partial: PartialCommits | undefined;
  #set: ObjectSet;
  #setRows = 0;
  #setJsonBytes = 0;

  constructor(open: (batch: number) => ObjectSet, batch: number, batchedAt: string, partial: PartialCommits | undefined) {
    this.#open = open;
    this.#batchedAt = batchedAt;
    this.#partial = partial;
    this.#set = open(batch);
  }

  async write(block: { readonly bytes: Buffer; readonly rows: number }): Promise<void> {
    this.#setRows += block.rows;
    this.#setJsonBytes += block.bytes.length;
    await this.#set.write(block);
    if (this.#partial === undefined || this.#setJsonBytes < this.#partial.everyJsonBytes) return;
    const next = await this.#partial.commit(await this.finish());
    this.#set = this.#open(next);
    this.#setRows = 0;
    this.#setJsonBytes = 0;
  }

  async finish(): Promise<WrittenBatch> {
    const objects = await this.#set.finish();
    this.rows += objects.reduce((sum, object) => sum + object.rows, 0);
    return { objects, rowsRead: this.#setRows, batchedAt: this.#batchedAt };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#set[Symbol.asyncDispose]();
  }
}

function openSet(context: JobContext, target: BatchTarget, signal: AbortSignal): ObjectSet {
  const { settings, sink, clock } = context;
  const at = clock.now();
  return openObjectSet({
    sink,
    kind: target.unit.kind,
    keyOf: (part) =>
      objectKey({
        ...(settings.keyTemplate === undefined ? {} : { template: settings.keyTemplate }),
        integration: settings.integration,
        table: target.stream.destinationTable,
        version: target.version,
        unit: target.unit,
        batch: target.batch,
        fence: target.fence,
        part,
        at,
        extension: compressionOf(settings.compression).extension,
      }),
    compression: settings.compression,
    rotateBytes: settings.rotateBytes,
    firstSequence: target.sequence,
    lastSequence: target.sequence,
    signal,
  });
}
