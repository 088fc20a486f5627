import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type pg from 'pg';

/** What of the driver's connection a COPY needs. */
interface CopyConnection {
  readonly stream: Writable;
  query(sql: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
}

/** Loads whole lines of JSON into the one column of a table. JSON holds no raw control characters, so two of them can serve as delimiter and quote. */
export async function copyLinesIn(client: pg.Client, table: string, lines: Readable): Promise<void> {
  const sql = `copy ${table} from stdin with (format csv, delimiter e'\\x02', quote e'\\x01')`;
  await new Promise<void>((resolve, reject) => {
    client.query(
      new CopyIn(sql, lines, (error) => (error === undefined ? resolve() : reject(error))) as unknown as pg.Submittable,
    );
  });
}

/** A query of the driver that answers the server's request for data; see `Client._handleCopyInResponse` of pg. */
class CopyIn {
  readonly #sql: string;
  readonly #lines: Readable;
  readonly #done: (error?: Error) => void;
  #error: Error | undefined;

  constructor(sql: string, lines: Readable, done: (error?: Error) => void) {
    this.#sql = sql;
    this.#lines = lines;
    this.#done = done;
  }

  submit(connection: CopyConnection): void {
    connection.query(this.#sql);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    this.#send(connection).then(
      () => connection.endCopyFrom(),
      (error: unknown) => connection.sendCopyFail(error instanceof Error ? error.message : 'unknown'),
    );
  }

  handleCommandComplete(): void {
    // The end is what counts: ReadyForQuery follows.
  }

  handleError(error: Error): void {
    this.#error = error;
    this.#done(error);
  }

  handleReadyForQuery(): void {
    if (this.#error === undefined) this.#done();
  }

  async #send(connection: CopyConnection): Promise<void> {
    for await (const chunk of this.#lines as AsyncIterable<Buffer>) {
      connection.sendCopyFromChunk(chunk);
      if (connection.stream.writableNeedDrain) await once(connection.stream, 'drain');
    }
  }
}
