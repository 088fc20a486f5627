import type { Duplex } from 'node:stream';
import type pg from 'pg';
import { freeChunk } from './free-chunk.ts';

type DataListener = (chunk: Buffer) => void;

/** Who reads the bytes of a borrowed socket. */
export interface SocketReader {
  readonly onData: (chunk: Buffer) => void;
  /** The connection is gone; the socket has been given back. */
  readonly onClose: () => void;
}

/**
 * The socket of a pg client, whose bytes are ours from `borrow` to `giveBack`. The only place that knows pg's inside. What it relies on, true of pg 8.0 to 8.23
 * (pg-protocol 1.0 to 1.16) and covered by the tests of those who borrow:
 * - `client.query(submittable)` calls `submit(connection)` when the session is free, then `handleError` for an ErrorResponse or (a turn later)
 *   for a lost connection, and `handleReadyForQuery` at the end;
 * - `connection.stream` is the socket (after TLS), and pg's parser is its `data` listener, with nothing in it between two statements.
 *   Should a message that nobody asked for be cut in half at that very moment, its rest is an unknown message here: a clean error.
 *
 * Messages of the COPY stay with the borrower; errors, notices, parameters and the end are handed to pg's listener as whole messages, so that its own state is right.
 */
export class BorrowedSocket {
  readonly #reader: SocketReader;
  #stream: Duplex | undefined;
  #theirs: readonly DataListener[] = [];

  constructor(reader: SocketReader) {
    this.#reader = reader;
  }

  /** Whether it was ever borrowed. */
  get wasBorrowed(): boolean {
    return this.#stream !== undefined;
  }

  /** Whether bytes can be written. */
  get isOpen(): boolean {
    return this.#stream?.destroyed === false;
  }

  /** Takes the socket over and sends the statement; tells the reader at once of a connection that is gone. */
  borrow(connection: pg.Connection, sql: string): void {
    const stream = connection.stream;
    this.#stream = stream;
    this.#theirs = stream.listeners('data') as DataListener[];
    // `addListener`, since `on` may have been replaced to guard pg's listener, and such a wrapper could not be removed.
    stream.addListener('data', this.#reader.onData);
    for (const listener of this.#theirs) stream.removeListener('data', listener);
    stream.addListener('close', this.#onClose);
    if (stream.destroyed) this.#onClose();
    else connection.query(sql);
  }

  /** Gives the socket back, once. Before pg learns that the session is free, since pg may submit the next statement at once. */
  giveBack(): void {
    const stream = this.#stream;
    if (stream === undefined || !stream.listeners('data').includes(this.#reader.onData)) return;
    for (const listener of this.#theirs) stream.addListener('data', listener);
    stream.removeListener('data', this.#reader.onData);
    stream.removeListener('close', this.#onClose);
    stream.resume();
  }

  /** Hands bytes to pg's parser: whole messages. */
  giveToDriver(bytes: Buffer): void {
    for (const listener of this.#theirs) listener.call(this.#stream, bytes);
  }

  write(bytes: Buffer): void {
    this.#stream?.write(bytes);
  }

  /** Gives up the memory of a chunk that was read; it has no bytes afterwards. */
  free(chunk: Buffer): void {
    freeChunk(this.#stream, chunk);
  }

  /** The socket stops reading, then the server stops sending. */
  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  get isPaused(): boolean {
    return this.#stream?.isPaused() === true;
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#stream?.destroy();
  }

  readonly #onClose = (): void => {
    this.giveBack();
    this.#reader.onClose();
  };
}
