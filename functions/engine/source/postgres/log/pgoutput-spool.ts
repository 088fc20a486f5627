import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmdirSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lsn } from '../../../model/lsn.ts';

const NOTHING = Buffer.alloc(0);
const FIRST_BYTES = 16 * 1024;
const WINDOW_BYTES = 256 * 1024;
/** A transaction that has a file writes so much at a time: more would only wait in memory for the same file. */
const WRITE_BYTES = 1024 * 1024;
/** Length of what follows, position of the message. */
const HEADER_BYTES = 12;

/** Streamed transactions need more room than there is. Read again without streaming: the server then keeps them until they are committed. */
export class SpoolFull extends Error {
  constructor(options?: ErrorOptions) {
    super('streamed transactions need more room than there is', options);
    this.name = 'SpoolFull';
  }
}

/**
 * The room that all streamed transactions of a session share: memory first, then files below the system's temporary folder. The files have no name from the moment that
 * they are open: nothing of them outlives the process, however it ends, and nobody else can open them.
 */
export class SpoolSpace {
  readonly spools = new Set<Spool>();
  memoryBytes = 0;
  diskBytes = 0;
  readonly #memoryLimit: number;
  readonly #diskLimit: number;

  constructor(limits: { readonly spoolMemoryBytes: number; readonly spoolBytes: number }) {
    this.#memoryLimit = limits.spoolMemoryBytes;
    this.#diskLimit = limits.spoolBytes;
  }

  /** Accounts for bytes in memory; moves the largest transactions to disk while there are too many. Throws {@link SpoolFull}. */
  took(bytes: number): void {
    this.memoryBytes += bytes;
    while (this.memoryBytes > this.#memoryLimit) {
      let largest: Spool | undefined;
      for (const spool of this.spools) if (largest === undefined || spool.tailBytes > largest.tailBytes) largest = spool;
      if (largest === undefined || largest.tailBytes === 0) return;
      this.moveToDisk(largest);
    }
  }

  /** Writes what a transaction has in memory to its file. Throws {@link SpoolFull}. */
  moveToDisk(spool: Spool): void {
    if (this.diskBytes + spool.tailBytes > this.#diskLimit) throw new SpoolFull();
    spool.flush();
  }

  close(): void {
    for (const spool of this.spools) spool.close();
  }
}

/** The messages of one streamed transaction in their order, as they came. */
export class Spool {
  readonly #space: SpoolSpace;
  #tail: Buffer = NOTHING;
  #file: number | undefined;
  #fileBytes = 0;
  #tailBytes = 0;

  constructor(space: SpoolSpace) {
    this.#space = space;
    space.spools.add(this);
  }

  get tailBytes(): number {
    return this.#tailBytes;
  }

  get size(): number {
    return this.#fileBytes + this.#tailBytes;
  }

  /** Appends a message: its type, and what follows its transaction id. */
  append(type: number, bytes: Buffer, start: number, end: number, lsn: Lsn): void {
    const length = 1 + end - start;
    if (this.#file !== undefined && this.#tailBytes + HEADER_BYTES + length > WRITE_BYTES) this.#space.moveToDisk(this);
    this.#reserve(HEADER_BYTES + length);
    const tail = this.#tail;
    const at = this.#tailBytes;
    tail.writeUInt32BE(length, at);
    tail.writeBigUInt64BE(lsn, at + 4);
    tail[at + HEADER_BYTES] = type;
    bytes.copy(tail, at + HEADER_BYTES + 1, start, end);
    this.#tailBytes += HEADER_BYTES + length;
    this.#space.took(HEADER_BYTES + length);
  }

  /** Forgets everything from an earlier `size` on. */
  truncate(size: number): void {
    const keptTail = Math.max(0, size - this.#fileBytes);
    this.#space.memoryBytes -= this.#tailBytes - keptTail;
    this.#tailBytes = keptTail;
    if (size >= this.#fileBytes || this.#file === undefined) return;
    ftruncateSync(this.#file, size);
    this.#space.diskBytes -= this.#fileBytes - size;
    this.#fileBytes = size;
  }

  /** Moves what is in memory to the file. */
  flush(): void {
    try {
      this.#file ??= openUnnamed();
      for (let at = 0; at < this.#tailBytes;) {
        const written = writeSync(this.#file, this.#tail, at, this.#tailBytes - at, this.#fileBytes);
        at += written;
        this.#fileBytes += written;
        this.#space.diskBytes += written;
      }
    } catch (cause) {
      throw new SpoolFull({ cause });
    }
    this.#space.memoryBytes -= this.#tailBytes;
    this.#tailBytes = 0;
    if (this.#tail.length > WRITE_BYTES) this.#tail = NOTHING;
  }

  /** Reads the messages from the first on; nothing may be appended meanwhile. */
  read(): SpoolReader {
    return new SpoolReader(this.#file, this.#fileBytes, this.#tail.subarray(0, this.#tailBytes));
  }

  close(): void {
    this.#space.spools.delete(this);
    this.#space.memoryBytes -= this.#tailBytes;
    this.#space.diskBytes -= this.#fileBytes;
    this.#tail = NOTHING;
    this.#tailBytes = 0;
    this.#fileBytes = 0;
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #reserve(count: number): void {
    const needed = this.#tailBytes + count;
    if (needed <= this.#tail.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#tail.length * 2, FIRST_BYTES));
    this.#tail.copy(grown, 0, 0, this.#tailBytes);
    this.#tail = grown;
  }
}

/** Walks over the messages of a spool: each stands in `bytes[start, end)` until the next. */
export class SpoolReader {
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  lsn: Lsn = 0n as Lsn;
  readonly #file: number | undefined;
  readonly #tail: Buffer;
  #unread: number;
  #position = 0;
  /** Where the next message begins, and where the bytes that were read end. */
  #next = 0;
  #filled = 0;
  #window: Buffer = NOTHING;
  #inTail = false;

  constructor(file: number | undefined, fileBytes: number, tail: Buffer) {
    this.#file = file;
    this.#unread = fileBytes;
    this.#tail = tail;
  }

  /** Goes to the next message; false behind the last. */
  next(): boolean {
    if (!this.#fill(HEADER_BYTES)) return false;
    const length = this.#window.readUInt32BE(this.#next);
    if (!this.#fill(HEADER_BYTES + length)) return false;
    this.bytes = this.#window;
    this.lsn = this.bytes.readBigUInt64BE(this.#next + 4) as Lsn;
    this.start = this.#next + HEADER_BYTES;
    this.end = this.start + length;
    this.#next = this.end;
    return true;
  }

  /** Makes `count` bytes from the next message on readable. A message is never part file, part memory: a flush takes all there is. */
  #fill(count: number): boolean {
    if (this.#filled - this.#next >= count) return true;
    if (this.#inTail) return false;
    if (this.#unread === 0 || this.#file === undefined) {
      this.#inTail = true;
      this.#window = this.#tail;
      this.#next = 0;
      this.#filled = this.#tail.length;
      return this.#filled >= count;
    }
    const kept = this.#filled - this.#next;
    const window = count <= this.#window.length ? this.#window : Buffer.allocUnsafeSlow(Math.max(count, WINDOW_BYTES));
    this.#window.copy(window, 0, this.#next, this.#filled);
    this.#window = window;
    this.#next = 0;
    this.#filled = kept;
    while (this.#filled < count && this.#unread > 0) {
      const read = readSync(
        this.#file,
        window,
        this.#filled,
        Math.min(window.length - this.#filled, this.#unread),
        this.#position,
      );
      if (read === 0) throw new SpoolFull({ cause: new Error('a temporary file is shorter than what was written to it') });
      this.#filled += read;
      this.#position += read;
      this.#unread -= read;
    }
    return this.#filled >= count;
  }
}

function openUnnamed(): number {
  const folder = mkdtempSync(join(tmpdir(), 'backstitch-log-'));
  const path = join(folder, 'spool');
  try {
    const file = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    return file;
  } finally {
    rmdirSync(folder);
  }
}
