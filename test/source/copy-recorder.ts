import type { RowEncoder } from '../../functions/engine/encode/encode.ts';
import type { EncodedBlock } from '../../functions/engine/model/objects.ts';
import type { BlockWriter } from '../../functions/engine/source/source.ts';

/** An encoder that keeps rows as the text that the server sent. */
export class RowRecorder implements RowEncoder {
  pendingBytes = 0;
  rows = 0;
  #lines: string[] = [];
  readonly #inspect: (row: string) => void;

  constructor(inspect: (row: string) => void = () => undefined) {
    this.#inspect = inspect;
  }

  copyRow(bytes: Buffer, start: number, end: number): void {
    const row = bytes.toString('utf8', start, end);
    this.#inspect(row);
    this.#lines.push(row);
    this.rows += 1;
    this.pendingBytes += end - start + 1;
  }

  /** Every row is looked at by itself. */
  copyMessages(_chunk: Buffer, at: number): number {
    return at;
  }

  take(): EncodedBlock {
    const block = { bytes: Buffer.from(this.#lines.map((line) => `${line}\n`).join('')), rows: this.#lines.length };
    this.#lines = [];
    this.pendingBytes = 0;
    return block;
  }
}

/** A writer that keeps the lines of all blocks. */
export class BlockRecorder implements BlockWriter {
  readonly blocks: { readonly bytes: number; readonly rows: number }[] = [];
  readonly lines: string[] = [];

  write(block: EncodedBlock): Promise<void> {
    this.blocks.push({ bytes: block.bytes.length, rows: block.rows });
    this.lines.push(...block.bytes.toString('utf8').split('\n').slice(0, -1));
    return Promise.resolve();
  }
}
