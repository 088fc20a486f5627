import type { Lsn } from '../model/lsn.ts';
import type { ByteWriter } from './byte-writer.ts';
import type { SystemColumns } from './encode.ts';
import { RowTail } from './row-tail.ts';
import type { TupleEnd } from './tuple-kernel.ts';

/** `_sdc_deleted_at` of a row that is there. */
export const NOT_DELETED: Buffer = Buffer.from('null');

/** Digits of a 64-bit number. */
const SEQUENCE_BYTES = 20;

/** The end of every log record: the system columns in their order, with the position and the time of a delete in their places. */
export class LogTail {
  readonly #head: Buffer;
  readonly #rest: Buffer;
  /** The row's UUID, where there is one, and the end of the line. */
  readonly #end: RowTail;
  /** As the kernel writes it: of rows, and of the deletes of one time. */
  readonly #rowEnd: TupleEnd;
  #deleteEnd: TupleEnd;
  #deletedAt = NOT_DELETED;

  /** `_sdc_sequence` comes before `_sdc_table_version`, and `_sdc_deleted_at` last, as in copies. */
  constructor(system: SystemColumns, options: { readonly rowId: boolean }) {
    const members = system.map(({ name, json }) => `,${JSON.stringify(name)}:${json}`);
    const version = system.findIndex(({ name }) => name === '_sdc_table_version');
    const before = version < 0 ? members.length : version;
    this.#head = Buffer.from(`${members.slice(0, before).join('')},"_sdc_sequence":`);
    this.#rest = Buffer.from(`${members.slice(before).join('')},"_sdc_deleted_at":`);
    this.#end = new RowTail([], { rowId: options.rowId, first: false });
    this.#rowEnd = this.#kernelEnd(NOT_DELETED);
    this.#deleteEnd = this.#rowEnd;
  }

  /** Appends it; `deletedAt` is JSON. */
  write(out: ByteWriter, sequence: Lsn, deletedAt: Buffer): void {
    out.reserve(this.#head.length + SEQUENCE_BYTES + this.#rest.length + deletedAt.length + this.#end.text.length);
    out.bytes.set(this.#head, out.length);
    out.length += this.#head.length;
    out.writeAscii(sequence.toString());
    out.bytes.set(this.#rest, out.length);
    out.length += this.#rest.length;
    out.writeBytes(deletedAt, 0, deletedAt.length);
    this.#end.write(out);
  }

  /** All of it as the kernel writes it, but for {@link finish}. The same object for the same `deletedAt`, if no other delete came in between. */
  kernelEnd(deletedAt: Buffer): TupleEnd {
    if (deletedAt === NOT_DELETED) return this.#rowEnd;
    if (deletedAt !== this.#deletedAt) {
      this.#deletedAt = deletedAt;
      this.#deleteEnd = this.#kernelEnd(deletedAt);
    }
    return this.#deleteEnd;
  }

  /** Appends what differs from record to record, behind what the kernel wrote. */
  finish(out: ByteWriter): void {
    if (!this.#hasId) return;
    out.reserve(this.#end.text.length);
    this.#end.write(out);
  }

  #kernelEnd(deletedAt: Buffer): TupleEnd {
    return {
      head: this.#head,
      rest: Buffer.concat([this.#rest, deletedAt, ...(this.#hasId ? [] : [this.#end.text])]),
    };
  }

  get #hasId(): boolean {
    return this.#end.lastDigit >= 0;
  }
}
