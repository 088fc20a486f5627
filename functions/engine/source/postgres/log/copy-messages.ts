import type pg from 'pg';
import { BorrowedSocket } from '../borrowed-socket.ts';
import { CopyFrames, FrameViolation, MessageType } from '../copy-frames.ts';
import type { FrameReader } from '../copy-frames.ts';

/** What the messages of a COPY are handed to. */
export interface MessageTaker {
  /** Takes what one CopyData message carries, `bytes[start, end)`. `more`: nothing more before {@link settle}; the bytes stay as they are until then. */
  take(bytes: Buffer, start: number, end: number): 'done' | 'more';
  /**
   * Called when everything that has arrived was taken, or after `more`. Nothing is read until it resolves: that is back-pressure. Undefined where there is nothing to wait for.
   */
  settle(): Promise<void> | undefined;
}

/** Less than this at once means that the server sends message by message, each with a system call on both sides. */
const SHORT_BYTES = 32 * 1024;
/** Then a pause lets the kernel gather messages, which halves the CPU time of both. Longer pauses fill the socket's buffer and are slower again. */
const GATHER_MS = 1;
/** Chunks of the socket, 64 KiB each, that may wait until the taker has settled before the socket is told to stop. */
const WAITING_CHUNKS = 4;

/**
 * One COPY OUT or COPY BOTH on a pg client, read past the driver as `CopyReader` does for rows in text format. From `submit` to ReadyForQuery the socket is borrowed: no event, no object and no copy per message. In COPY BOTH (the replication protocol) it also writes.
 */
export class CopyMessages implements pg.Submittable, FrameReader {
  /** Fulfilled once the session is free again, or lost. Never rejects. */
  readonly ended: Promise<void>;
  /** What the server, or the loss of the connection, put an end to the COPY with. */
  serverError: Error | undefined;
  /** When the last bytes came, `performance.now()`. */
  heardAt = performance.now();

  readonly #sql: string;
  readonly #taker: MessageTaker;
  readonly #onFailure: (error: unknown) => void;
  readonly #frames = new CopyFrames(this, 'any');
  readonly #chunks: Buffer[] = [];
  readonly #socket = new BorrowedSocket({ onData: (chunk) => this.#onData(chunk), onClose: () => this.#onClose() });
  #end: () => void = () => undefined;
  #offset = 0;
  #state: 'submitted' | 'copying' | 'copied' | 'ready' = 'submitted';
  #isSettling = false;
  #isDiscarding = false;
  #hasFinished = false;
  #isBoth = false;
  #takenBytes = 0;
  /** Whether the taker still needs the bytes of the message that it has. */
  #isHeld = false;

  /** `onFailure` is told, once, what the taker threw, or that the bytes are not the protocol. */
  constructor(sql: string, taker: MessageTaker, onFailure: (error: unknown) => void) {
    this.#sql = sql;
    this.#taker = taker;
    this.#onFailure = onFailure;
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  /** Whether messages can be sent: the server is in COPY mode, and we have not ended it. */
  get isOpen(): boolean {
    return this.#state === 'copying' && !this.#hasFinished && this.#socket.isOpen;
  }

  /** Sends one CopyData message; false where none can be sent. */
  send(payload: Buffer): boolean {
    if (!this.isOpen) return false;
    const header = Buffer.alloc(5);
    header[0] = MessageType.copyData;
    header.writeUInt32BE(payload.length + 4, 1);
    this.#socket.write(Buffer.concat([header, payload]));
    return true;
  }

  /** From now on messages are dropped and nothing is awaited. */
  discard(): void {
    if (this.#isDiscarding) return;
    this.#isDiscarding = true;
    if (this.#isSettling) this.#goOn();
  }

  /** Asks the server for the end of a COPY BOTH. Messages that are under way are dropped. */
  finish(): void {
    if (this.isOpen && this.#isBoth) this.#socket.write(Buffer.from([MessageType.copyDone, 0, 0, 0, 4]));
    this.#hasFinished = true;
    this.discard();
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
    if (!this.#socket.wasBorrowed) this.#end();
  }

  handleReadyForQuery(): void {
    // pg calls it; the message itself has told us.
  }

  row(bytes: Buffer, start: number, end: number): boolean {
    if (this.#state !== 'copying' && !this.#hasFinished) throw new FrameViolation('data outside of a COPY');
    if (this.#isDiscarding) return true;
    try {
      this.#isHeld = this.#taker.take(bytes, start, end) === 'more';
      return !this.#isHeld;
    } catch (error) {
      this.#fail(error);
      return true;
    }
  }

  message(type: number, bytes: Buffer): boolean {
    switch (type) {
      case MessageType.copyBothResponse:
        this.#isBoth = true;
        this.#state = 'copying';
        return true;
      case MessageType.copyOutResponse:
        this.#state = 'copying';
        return true;
      case MessageType.copyDone:
        // The server may end a COPY BOTH as well, and waits for our answer then.
        if (this.#isBoth) this.finish();
        this.#state = 'copied';
        return true;
      case MessageType.commandComplete:
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
    this.heardAt = performance.now();
    this.#chunks.push(chunk);
    if (!this.#isSettling) this.#read();
    else if (this.#chunks.length >= WAITING_CHUNKS) this.#socket.pause();
  }

  #onClose(): void {
    this.serverError ??= new Error('Connection terminated unexpectedly');
    this.#isDiscarding = true;
    this.#isSettling = false;
    this.#chunks.length = 0;
    this.#end();
  }

  #read(): void {
    try {
      for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
        const from = this.#offset;
        this.#offset = this.#frames.read(chunk, from);
        this.#takenBytes += this.#offset - from;
        const isStopped = this.#offset < chunk.length;
        if (!isStopped) {
          this.#chunks.shift();
          this.#offset = 0;
          if (!this.#isHeld) this.#socket.free(chunk);
        }
        if (this.#state === 'ready') {
          this.#finishReading();
          return;
        }
        if (isStopped) break;
      }
    } catch (error) {
      // Nobody knows where the next message begins.
      this.#fail(error);
      this.destroy();
      return;
    }
    if (!this.#isDiscarding && this.#state === 'copying') this.#settle();
  }

  #settle(): void {
    this.#isSettling = true;
    let settling: Promise<void> | undefined;
    try {
      settling = this.#taker.settle();
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (settling === undefined) this.#gather();
    else
      settling.then(
        () => {
          if (this.#isSettling) this.#gather();
        },
        (error: unknown) => this.#fail(error),
      );
  }

  /** Goes on, after a pause where little came. */
  #gather(): void {
    const isShort = this.#takenBytes < SHORT_BYTES && this.#chunks.length === 0;
    this.#takenBytes = 0;
    if (!isShort) {
      this.#goOn();
      return;
    }
    this.#socket.pause();
    setTimeout(() => this.#isSettling && this.#goOn(), GATHER_MS);
  }

  #goOn(): void {
    this.#isSettling = false;
    if (this.#chunks.length > 0) this.#read();
    this.#resumeUnlessSettling();
  }

  #resumeUnlessSettling(): void {
    if (!this.#isSettling && this.#socket.isPaused) this.#socket.resume();
  }

  #fail(error: unknown): void {
    if (this.#isDiscarding) return;
    this.discard();
    this.#onFailure(error);
  }

  #finishReading(): void {
    // Nothing comes behind ReadyForQuery but what nobody asked for: it is pg's.
    for (const chunk of this.#chunks.splice(0)) {
      this.#socket.giveToDriver(chunk.subarray(this.#offset));
      this.#offset = 0;
    }
    this.#end();
  }
}
