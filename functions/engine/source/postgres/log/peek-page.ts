import type { LogRequest } from '../../log.ts';
import type { Connection } from '../connection.ts';
import { beginRead } from '../copy-transaction.ts';
import { FrameViolation } from '../copy-frames.ts';
import { formatLsn } from '../../../model/lsn.ts';
import { ReplicationError } from '../../../model/errors.ts';
import { quoteLiteral } from '../quote.ts';
import { BinaryRows } from './binary-rows.ts';
import type { CommitWatch } from './commit-watch.ts';
import { CopyMessages } from './copy-messages.ts';
import type { MessageTaker } from './copy-messages.ts';
import type { LogDecoder } from './decoder.ts';
import { optionArguments } from './slot-confirm.ts';
import type { PluginStart } from './plugin-start.ts';

/** How long a cancelled COPY may take to end before its connection is cut. */
const GRACE_MS = 5_000;

export interface PageOptions {
  readonly connection: Connection;
  readonly request: LogRequest;
  readonly start: PluginStart;
  readonly decoder: LogDecoder;
  readonly watch: CommitWatch;
  /** Messages after which the server ends the page, at the next commit. */
  readonly changes: number;
  /** How long the server may decode before the first row comes. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

/** `late`: the server gave nothing in time, and was cancelled. `left`: the handler had enough. */
export type PageEnd = { readonly state: 'read' | 'left' | 'late'; readonly rows: number; readonly decodeMs: number };

/**
 * Reads one page of a slot, which stays where it is: the server decodes all of it first, into a file of its own, and sends it then. The slot is taken only while it decodes.
 * Rejects with `signal.reason`, what decoder or handler threw, or as `Connection.fail` says. The session is free afterwards, or closed.
 */
export async function readPage(options: PageOptions): Promise<PageEnd> {
  const { connection, signal } = options;
  await using _ = await beginRead(connection, { isolation: 'read committed' }, signal);
  const page = new Page(options);
  return await page.read();
}

class Page implements MessageTaker {
  readonly #options: PageOptions;
  readonly #rows = new BinaryRows();
  readonly #messages: CopyMessages;
  readonly #startedAt = performance.now();
  #count = 0;
  #decodeMs: number | undefined;
  #decoding: 'done' | 'more' = 'done';
  #stopping: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #state: PageEnd['state'] = 'read';

  constructor(options: PageOptions) {
    this.#options = options;
    this.#messages = new CopyMessages(copySql(options), this, (error) => {
      this.#failure ??= { error };
      this.#stop();
    });
  }

  async read(): Promise<PageEnd> {
    const { connection, signal, patienceMs } = this.#options;
    signal.throwIfAborted();
    const onAbort = (): void => {
      this.#failure ??= { error: signal.reason };
      this.#stop();
    };
    const timer = setTimeout(() => {
      this.#state = 'late';
      this.#stop();
    }, patienceMs);
    this.#onFirst = () => clearTimeout(timer);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      connection.client.query(this.#messages);
      await this.#messages.ended;
      // The request to cancel must have been served before anything else runs here.
      await this.#stopping;
      if (this.#failure !== undefined) throw failureOf(this.#failure.error, connection);
      if (this.#state === 'read') {
        if (this.#messages.serverError !== undefined) throw connection.fail(this.#messages.serverError);
        await this.settle();
      }
      return { state: this.#state, rows: this.#count, decodeMs: this.#decodeMs ?? performance.now() - this.#startedAt };
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  take(bytes: Buffer, start: number, end: number): 'done' | 'more' {
    if (this.#decodeMs === undefined) {
      this.#decodeMs = performance.now() - this.#startedAt;
      this.#onFirst();
    }
    if (this.#rows.read(bytes, start, end) === 'none') return 'done';
    this.#count += 1;
    const { decoder, watch } = this.#options;
    this.#decoding = decoder.push(bytes, this.#rows.start, this.#rows.end, this.#rows.lsn, watch);
    return this.#decoding;
  }

  async settle(): Promise<void> {
    const { decoder, watch, request } = this.#options;
    while (this.#decoding === 'more' && !watch.hasPassed) {
      await watch.drained();
      if (request.isEnough()) break;
      this.#decoding = decoder.more(watch);
    }
    await watch.drained();
    if (this.#state !== 'read' || this.#failure !== undefined) return;
    if (!request.isEnough()) return;
    this.#state = 'left';
    this.#stop();
  }

  #onFirst: () => void = () => undefined;

  #stop(): void {
    this.#messages.discard();
    this.#stopping ??= this.#cancel();
  }

  async #cancel(): Promise<void> {
    await this.#options.connection.cancel();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, GRACE_MS)));
    await Promise.race([this.#messages.ended, late.then(() => this.#messages.destroy())]);
    clearTimeout(timer);
  }
}

function copySql({ request, start, changes }: PageOptions): string {
  // What wal2json writes is text, which is converted to UTF-8 on its way; pgoutput has done so itself.
  const peek = request.plugin === 'pgoutput' ? 'pg_logical_slot_peek_binary_changes' : 'pg_logical_slot_peek_changes';
  const bounds = `${quoteLiteral(request.slot)}, ${quoteLiteral(formatLsn(request.to))}, ${changes}`;
  return `copy (select c.lsn, c.data from pg_catalog.${peek}(${bounds}${optionArguments(start.options)}) as c(lsn, xid, data)) to stdout (format binary)`;
}

function failureOf(error: unknown, connection: Connection): unknown {
  return error instanceof FrameViolation
    ? new ReplicationError('protocol-violation', { ...connection.endpoint, what: error.message }, { cause: error })
    : error;
}
