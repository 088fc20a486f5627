/** What the frames of a COPY are handed to. */
export interface FrameReader {
  /**
   * What one CopyData message carries, in `bytes[start, end)`; of a row in text format without its newline. The bytes are valid until `read` is called again, or what it was
   * given is changed. False: stop after it.
   */
  row(bytes: Buffer, start: number, end: number): boolean;
  /**
   * Takes rows that stand in `chunk` as whole CopyData messages, from the one at `at` on, all at once, where it can. Returns where it stopped: `at`, where the next one is for
   * {@link row} or {@link message}.
   */
  rows?(chunk: Buffer, at: number): number;
  /** Whether {@link rows} stopped because there is enough; then nothing more is read. */
  readonly hasEnough?: boolean;
  /** Any other message, header included. False: stop after it; the caller has the bytes behind it. */
  message(type: number, bytes: Buffer): boolean;
}

/** Bytes that are not the protocol; `what` names the violation and never a value. */
export class FrameViolation extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'FrameViolation';
  }
}

/** Message types of the backend: https://www.postgresql.org/docs/current/protocol-message-formats.html */
export const MessageType = {
  notification: 0x41, // A
  commandComplete: 0x43, // C
  error: 0x45, // E
  copyOutResponse: 0x48, // H
  copyBothResponse: 0x57, // W
  notice: 0x4e, // N
  parameterStatus: 0x53, // S
  readyForQuery: 0x5a, // Z
  copyDone: 0x63, // c
  copyData: 0x64, // d
} as const;

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(MessageType));
/** Type and length. */
const HEADER_BYTES = 5;
const NEWLINE = 0x0a;
/** No message of PostgreSQL is longer than its largest allocation (MaxAllocSize, 1 GiB - 1) and the length itself. */
const MAX_LENGTH = 0x3fff_ffff + 4;
/** A buffer for split messages up to this size is kept for the next one. */
const KEPT_BYTES = 256 * 1024;

/**
 * Cuts the bytes of a COPY TO STDOUT into its messages, wherever they are split. A row that lies within one chunk is not copied; a split one is
 * put together in a buffer of its exact size, so that a row of 1 GB is copied once. In text format one CopyData message is one row:
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
 */
export class CopyFrames {
  readonly #reader: FrameReader;
  readonly #isText: boolean;
  /** The beginning of a split message: its header first, then all of it. */
  #split = Buffer.allocUnsafeSlow(KEPT_BYTES);
  #splitBytes = 0;

  /** `text`: each CopyData message is a row in text format; `any`: nothing is known of what it carries (binary format, the replication protocol). */
  constructor(reader: FrameReader, content: 'text' | 'any' = 'text') {
    this.#reader = reader;
    this.#isText = content === 'text';
  }

  /**
   * Reads `chunk` from `offset` on. Returns where it stopped: the chunk's length, or less when the reader said stop.
   * Throws `FrameViolation`, and what the reader throws.
   */
  read(chunk: Buffer, offset: number): number {
    let at = offset;
    if (this.#splitBytes > 0) {
      const stopped = this.#finishSplit(chunk, at);
      at = stopped.at;
      if (!stopped.goOn) return at;
    }
    const reader = this.#reader;
    const isText = this.#isText;
    const end = chunk.length;
    while (at + HEADER_BYTES <= end) {
      if (reader.rows !== undefined) {
        at = reader.rows(chunk, at);
        if (reader.hasEnough === true) return at;
        if (at + HEADER_BYTES > end) break;
      }
      const type = chunk[at] ?? 0;
      const length = checkedLength(chunk, at);
      const next = at + 1 + length;
      if (next > end) break;
      const goOn =
        type === MessageType.copyData
          ? reader.row(chunk, at + HEADER_BYTES, isText ? rowEnd(chunk, at + HEADER_BYTES, next) : next)
          : reader.message(type, chunk.subarray(at, next));
      at = next;
      if (!goOn) return at;
    }
    if (at < end) this.#keep(chunk, at);
    return end;
  }

  #finishSplit(chunk: Buffer, offset: number): { readonly at: number; readonly goOn: boolean } {
    const at = this.#fill(chunk, offset, HEADER_BYTES);
    if (this.#splitBytes < HEADER_BYTES) return { at, goOn: false };
    const length = checkedLength(this.#split, 0);
    this.#reserve(length + 1);
    const next = this.#fill(chunk, at, length + 1);
    if (this.#splitBytes < length + 1) return { at: next, goOn: false };
    const message = this.#split;
    this.#splitBytes = 0;
    if (message.length > KEPT_BYTES) this.#split = Buffer.allocUnsafeSlow(KEPT_BYTES);
    const goOn =
      message[0] === MessageType.copyData
        ? this.#reader.row(message, HEADER_BYTES, this.#isText ? rowEnd(message, HEADER_BYTES, length + 1) : length + 1)
        : // A copy: others may keep what they get, and this buffer is used again.
          this.#reader.message(message[0] ?? 0, Buffer.from(message.subarray(0, length + 1)));
    return { at: next, goOn };
  }

  #keep(chunk: Buffer, at: number): void {
    // The length is known now in most cases: reserve all of it at once.
    if (at + HEADER_BYTES <= chunk.length) this.#reserve(checkedLength(chunk, at) + 1);
    this.#fill(chunk, at, chunk.length - at);
  }

  #fill(chunk: Buffer, at: number, wanted: number): number {
    const missing = Math.min(wanted - this.#splitBytes, chunk.length - at);
    if (missing <= 0) return at;
    chunk.copy(this.#split, this.#splitBytes, at, at + missing);
    this.#splitBytes += missing;
    return at + missing;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#split.length) return;
    const larger = Buffer.allocUnsafeSlow(bytes);
    this.#split.copy(larger, 0, 0, this.#splitBytes);
    this.#split = larger;
  }
}

function checkedLength(bytes: Buffer, at: number): number {
  const type = bytes[at] ?? 0;
  if (type !== MessageType.copyData && !KNOWN_TYPES.has(type))
    throw new FrameViolation('a message of an unexpected type while a table was being read');
  const length = bytes.readUInt32BE(at + 1);
  if (length < 4 || length > MAX_LENGTH) throw new FrameViolation('a message of an impossible length');
  return length;
}

function rowEnd(bytes: Buffer, start: number, next: number): number {
  if (next <= start || bytes[next - 1] !== NEWLINE) throw new FrameViolation('a row without its end');
  return next - 1;
}
