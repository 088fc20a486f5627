import type { Lsn } from '../../../model/lsn.ts';
import { FrameViolation } from '../copy-frames.ts';

/** `PGCOPY\n\377\r\n\0`, flags, length of the extension: https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4 */
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const HEADER_BYTES = SIGNATURE.length + 8;

/** The rows of `copy (select lsn, data ...) to stdout (format binary)`: neither escapes nor conversions, so that a message of a plugin is read where it lies. */
export class BinaryRows {
  /** Of the last row. */
  lsn = 0n as Lsn;
  start = 0;
  end = 0;
  #hasHeader = false;

  /** Reads what one CopyData message carries. `none`: it was the header or the trailer alone. Throws `FrameViolation`. */
  read(bytes: Buffer, from: number, to: number): 'row' | 'none' {
    let at = from;
    if (!this.#hasHeader) {
      if (to - at < HEADER_BYTES || SIGNATURE.compare(bytes, at, at + SIGNATURE.length) !== 0)
        throw new FrameViolation('a COPY that is not in binary format');
      at += HEADER_BYTES + bytes.readUInt32BE(at + SIGNATURE.length + 4);
      this.#hasHeader = true;
      // Alone, or with the first row.
      if (at === to) return 'none';
    }
    if (to - at < 2) throw new FrameViolation('a row without its length');
    const fields = bytes.readInt16BE(at);
    if (fields === -1) return 'none';
    // Two fields: 8 bytes of position, then the message.
    if (fields !== 2 || to - at < 18 || bytes.readInt32BE(at + 2) !== 8)
      throw new FrameViolation('a row of other fields than were asked for');
    this.lsn = bytes.readBigUInt64BE(at + 6) as Lsn;
    this.start = at + 18;
    this.end = this.start + bytes.readInt32BE(at + 14);
    if (this.end !== to) throw new FrameViolation('a row of another length than it says');
    return 'row';
  }
}
