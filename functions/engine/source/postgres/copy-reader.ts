import type pg from 'pg';
import { BLOCK_BYTES } from '../../encode/block-memory.ts';
import type { RowEncoder } from '../../encode/encode.ts';
import { BorrowedSocket } from './borrowed-socket.ts';
import { CopyFrames, FrameViolation, MessageType } from './copy-frames.ts';
import type { FrameReader } from './copy-frames.ts';
import type { BlockWriter } from '../source.ts';

/** Chunks of the socket, 64 KiB each, that may wait for a block to be written before the socket is told to stop: most writes only take the block over, and are done before. */
const WAITING_CHUNKS = 4;

/**
 * One `COPY ... TO STDOUT` on a pg client, read past the driver: no event, no object and no copy per row. From `submit` to ReadyForQuery the socket is borrowed.
 */
export class CopyReader implements pg.Submittable, FrameReader {
  /** Fulfilled once the session is free again, or lost. Never rejects. */
  readonly ended: Promise<void>;
  /** What the server, or the loss of the connection, put an end to the COPY with. */
  serverError: Error | undefined;
  /** Rows that arrived. */
  rowsArrived = 0;
  /** Rows that the server says it sent; undefined until it does. */
  rowsSent: number | undefined;

  readonly #sql: string;
  readonly #encoder: RowEncoder;
  readonly #out: BlockWriter;
  readonly #blockBytes: number;
  readonly #onFailure: (error: unknown) => void;
  readonly #frames = new CopyFrames(this);
  readonly #chunks: Buffer[] = [];
  readonly #socket = new BorrowedSocket({ onData: (chunk) => this.#onData(chunk), onClose: () => this.#onClose() });
  #end: () => void = () => undefined;
  #offset = 0;
  #state: 'submitted' | 'copying' | 'copied' | 'ready' = 'submitted';
  #isWriting = false;
  #isDiscarding = false;

  /** `onFailure` is told, once, that the encoder or the writer failed, or that the bytes are not the protocol. */
  constructor(sql: string, encoder: RowEncoder, out: BlockWriter, onFailure: (error: unknown) => void) {
    this.#sql = sql;
    this.#encoder = encoder;
    this.#out = out;
    this.#blockBytes = out.blockBytes ?? BLOCK_BYTES;
    this.#onFailure = onFailure;
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  /** From now on rows are dropped and nothing is awaited, so that the end comes quickly. */
  discard(): void {
    if (this.#isDiscarding) return;
    this.#isDiscarding = true;
    if (this.#isWriting) this.#goOn();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#socket.destroy();
  }

  submit(connection: pg.Connection): void {
    this.#socket.borrow(connection, this.#sql);
  }

  handleError(error: Error): void {
    this.serverError ??= error;
    // Refused before it was submitted: the client is not usable.
    if (!this.#socket.wasBorrowed) this.#end();
  }

  handleReadyForQuery(): void {
    // pg calls it; the message itself has told us.
  }

  row(bytes: Buffer, start: number, end: number): boolean {
    if (this.#state !== 'copying') throw new FrameViolation('a row outside of a COPY');
    this.rowsArrived += 1;
    if (this.#isDiscarding) return true;
    try {
      this.#encoder.copyRow(bytes, start, end);
    } catch (error) {
      this.#fail(error);
      return true;
    }
    return this.#encoder.pendingBytes < this.#blockBytes;
  }

  rows(chunk: Buffer, at: number): number {
    if (this.#state !== 'copying' || this.#isDiscarding) return at;
    const before = this.#encoder.rows;
    try {
      return this.#encoder.copyMessages(chunk, at, this.#blockBytes);
    } catch (error) {
      this.#fail(error);
      return at;
    } finally {
      this.rowsArrived += this.#encoder.rows - before;
    }
  }

  get hasEnough(): boolean {
    return !this.#isDiscarding && this.#encoder.pendingBytes >= this.#blockBytes;
  }

  message(type: number, bytes: Buffer): boolean {
    switch (type) {
      case MessageType.copyOutResponse:
        if (bytes[5] !== 0) throw new FrameViolation('a COPY in binary format');
        this.#state = 'copying';
        return true;
      case MessageType.copyDone:
        this.#state = 'copied';
        return true;
      case MessageType.commandComplete:
        this.rowsSent = rowsOfTag(bytes);
        return true;
      case MessageType.readyForQuery:
        this.#state = 'ready';
        this.#socket.giveBack();
        this.#socket.giveToDriver(bytes);
        return false;
      default:
        this.#socket.giveToDriver(bytes);
        return true;
    }
  }

  #onData(chunk: Buffer): void {
    this.#chunks.push(chunk);
    if (!this.#isWriting) this.#read();
    // Then the server stops sending: memory holds one block and these.
    else if (this.#chunks.length >= WAITING_CHUNKS) this.#socket.pause();
  }

  #onClose(): void {
    this.serverError ??= new Error('Connection terminated unexpectedly');
    // A write that is going on must find nothing left to do: the encoder is no longer ours when this has ended.
    this.#isDiscarding = true;
    this.#isWriting = false;
    this.#chunks.length = 0;
    this.#end();
  }

  /** Reads what has arrived; stops at a full block, until that is written. */
  #read(): void {
    try {
      for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
        this.#offset = this.#frames.read(chunk, this.#offset);
        if (this.#offset === chunk.length) {
          this.#chunks.shift();
          this.#offset = 0;
          this.#socket.free(chunk);
        }
        if (this.#state === 'ready') {
          this.#finish();
          return;
        }
        if (!this.#isDiscarding && this.#encoder.pendingBytes >= this.#blockBytes) {
          this.#write();
          return;
        }
      }
    } catch (error) {
      // Nobody knows where the next message begins.
      this.#fail(error);
      this.destroy();
    }
  }

  #write(): void {
    this.#isWriting = true;
    const block = this.#encoder.take();
    // A writer that throws at once is no different from one that rejects.
    Promise.resolve()
      .then(() => this.#out.write(block))
      .then(
        () => {
          if (this.#isWriting) this.#goOn();
        },
        (error: unknown) => {
          this.#fail(error);
        },
      );
  }

  #goOn(): void {
    this.#isWriting = false;
    this.#read();
    if (this.#chunks.length < WAITING_CHUNKS && this.#socket.isPaused) this.#socket.resume();
  }

  #fail(error: unknown): void {
    if (this.#isDiscarding) return;
    this.discard();
    this.#onFailure(error);
  }

  #finish(): void {
    // Nothing comes behind ReadyForQuery but what nobody asked for: it is pg's.
    for (const chunk of this.#chunks.splice(0)) {
      this.#socket.giveToDriver(chunk.subarray(this.#offset));
      this.#offset = 0;
    }
    this.#end();
  }
}

/** `COPY 42`, zero-terminated. https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-COMMANDCOMPLETE */
function rowsOfTag(bytes: Buffer): number {
  const match = /^COPY (\d+)\0$/.exec(bytes.toString('latin1', 5));
  if (match === null) throw new FrameViolation('the end of a statement that is no COPY');
  return Number(match[1]);
}
