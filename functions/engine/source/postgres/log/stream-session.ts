import { formatLsn } from '../../../model/lsn.ts';
import type { Lsn } from '../../../model/lsn.ts';
import type { LogEnd, LogRequest } from '../../log.ts';
import type { Link } from '../link.ts';
import { quoteIdentifier } from '../quote.ts';
import { FrameViolation } from '../copy-frames.ts';
import { ProtocolFailure } from '../socket.ts';
import type { CommitWatch } from './commit-watch.ts';
import { CopyMessages } from './copy-messages.ts';
import type { MessageTaker } from './copy-messages.ts';
import type { LogDecoder } from './decoder.ts';
import { openDecoder } from './open-decoder.ts';
import type { PluginStart } from './plugin-start.ts';
import { REPLICATION, standbyStatus } from './standby-status.ts';

/** So much WAL without anything of ours is worth a checkpoint: the server keeps it until then. */
export const CHECKPOINT_BYTES = 64n * 1024n * 1024n;
const TICK_MS = 25;
/** The first questions come quickly, since a job on an idle database has nothing else to wait for. */
const FIRST_PING_MS = 50;
const LONGEST_PING_MS = 1_000;
/** A server that is silent for this long is gone. Long, since before 15 it may say nothing while it works through a large transaction that has nothing of ours. */
const SILENCE_MS = 600_000;
/** The server has not gone on for so long: it may be waiting for the rest of a WAL record that nobody writes. */
const STANDSTILL_MS = 2_000;
/** How long a clean end, and then a cancelled one, may take. */
const FINISH_MS = 2_000;

export interface StreamOptions {
  /** The session's own; disposed of with it. */
  readonly link: Link;
  readonly request: LogRequest;
  readonly start: PluginStart;
  readonly from: Lsn;
  readonly watch: CommitWatch;
  /** Of the server; 0: none. */
  readonly senderTimeoutMs: number;
  /** What was confirmed in this session; 0 at first. */
  readonly confirmed: () => Lsn;
  /** A time at which the server had decoded all there is and waited for more: microseconds since 2000-01-01 by its clock. Undefined: it does not wait. */
  readonly waitingSince: (seen: Lsn) => Promise<bigint | undefined>;
  readonly checkpointBytes: bigint;
  readonly signal: AbortSignal;
}

/**
 * One START_REPLICATION, from its start to its end. After the read it stays open, so that what was read can be confirmed cheaply. Its link is of no use afterwards: a server
 * takes the end of one logical stream for that of the next one in the same session.
 */
export class StreamSession implements MessageTaker, AsyncDisposable {
  readonly #options: StreamOptions;
  readonly #decoder: LogDecoder;
  readonly #messages: CopyMessages;
  readonly #outcome: Promise<LogEnd>;
  #resolve: (end: LogEnd) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #state: 'reading' | 'over' = 'reading';
  #decoding: 'done' | 'more' = 'done';
  #isSettling = false;
  /** Up to where the server has decoded, as its keep-alives say. */
  #seen = 0n as Lsn;
  #seenAt = performance.now();
  /** A time, by the server's clock, at which it waited; `answered` by a later message, behind which nothing of before can be under way. */
  #standstill: bigint | 'answered' | undefined;
  #checkpointed: Lsn;
  #pingedAt = 0;
  #pingMs: number;
  #farewell: Promise<void> | undefined;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#decoder = openDecoder(options.start.decoder);
    this.#checkpointed = options.from;
    this.#pingMs = FIRST_PING_MS;
    this.#outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#messages = new CopyMessages(startSql(options), this, (error) => this.#fail(error));
  }

  /** What the decoder cannot see. */
  get caveats(): LogDecoder['caveats'] {
    return this.#decoder.caveats;
  }

  get isReading(): boolean {
    return this.#state === 'reading';
  }

  /** Whether {@link status} still reaches the server. */
  get isOpen(): boolean {
    return this.#messages.isOpen;
  }

  /** Reads to the end. Rejects with `signal.reason`, what decoder or handler threw, or the server's error as the link maps it. */
  async read(): Promise<LogEnd> {
    const { link, signal } = this.#options;
    signal.throwIfAborted();
    const onAbort = (): void => this.#fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    void this.#messages.ended.then(() => this.#ended());
    link.client.query(this.#messages);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    try {
      return await this.#outcome;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Tells the server what is confirmed. */
  status(reply: 'wanted' | 'not-needed'): boolean {
    return this.#messages.send(standbyStatus(this.#options.confirmed(), reply));
  }

  take(bytes: Buffer, start: number, end: number): 'done' | 'more' {
    const type = bytes[start];
    if (type === REPLICATION.data && end - start >= REPLICATION.dataHeaderBytes) {
      if (this.#state === 'over') return 'done';
      const lsn = bytes.readBigUInt64BE(start + 1) as Lsn;
      this.#decoding = this.#decoder.push(bytes, start + REPLICATION.dataHeaderBytes, end, lsn, this.#options.watch);
      return this.#decoding;
    }
    if (type !== REPLICATION.keepAlive || end - start < REPLICATION.keepAliveBytes)
      throw new FrameViolation('a message that is not of the replication protocol');
    const seen = bytes.readBigUInt64BE(start + 1) as Lsn;
    if (seen > this.#seen) {
      this.#seen = seen;
      this.#seenAt = performance.now();
      this.#standstill = undefined;
    }
    const sentAt = bytes.readBigInt64BE(start + REPLICATION.keepAliveTimeAt);
    if (typeof this.#standstill === 'bigint' && sentAt > this.#standstill) this.#standstill = 'answered';
    if (bytes[start + 17] === 1) this.status('not-needed');
    return 'done';
  }

  settle(): Promise<void> | undefined {
    if (this.#state === 'over') return undefined;
    // Most of what arrives asks for nothing: then nothing is awaited, and the socket goes on.
    const draining = this.#decoding === 'done' ? this.#options.watch.drained() : undefined;
    const isIdle = draining === undefined && this.#decoding === 'done' && !this.#mayEnd() && !this.#isCheckpointDue();
    return isIdle ? undefined : this.#settle(draining);
  }

  async #settle(draining: Promise<void> | undefined): Promise<void> {
    this.#isSettling = true;
    const { watch, request } = this.#options;
    try {
      await draining;
      while (this.#decoding === 'more' && !watch.hasPassed) {
        await watch.drained();
        if (request.isEnough()) break;
        this.#decoding = this.#decoder.more(watch);
      }
      await watch.drained();
      const end = await this.#findEnd();
      if (end === undefined) await this.#checkpoint();
      else this.#finishReading(end);
    } finally {
      this.#isSettling = false;
    }
  }

  /** Ends the stream so that the slot is free afterwards: cleanly where the server listens, else by cancelling it, at last by closing the connection. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#farewell ??= this.#close();
    return this.#farewell;
  }

  /** Whether {@link #findEnd} has anything to look at. */
  #mayEnd(): boolean {
    const { watch, request } = this.#options;
    return watch.hasPassed || watch.lastEnd >= request.to || this.#seen >= request.to || request.isEnough() || this.#isStill();
  }

  async #findEnd(): Promise<LogEnd | undefined> {
    const { watch, request } = this.#options;
    if (watch.hasPassed || watch.lastEnd >= request.to) return { state: 'reached', lsn: later(watch.lastEnd, request.to) };
    if (!watch.isInside && this.#seen >= request.to) return { state: 'reached', lsn: later(watch.lastEnd, request.to) };
    if (request.isEnough()) return { state: 'left' };
    return (await this.#standsStill()) ? { state: 'reached', lsn: later(watch.lastEnd, this.#seen) } : undefined;
  }

  /**
   * The flushed end of the WAL may lie inside of a record whose rest is written only with the next one: on an idle server nothing can reach it. When the server has decoded
   * all whole records and waits, that is the end, where it stands. What it sent before may still be under way to us; it is not when the server has answered since.
   */
  async #standsStill(): Promise<boolean> {
    if (this.#standstill === 'answered') return !this.#options.watch.isInside;
    if (!this.#isStill()) return false;
    this.#standstill = await this.#options.waitingSince(this.#seen);
    this.#seenAt = performance.now();
    if (this.#standstill !== undefined) this.status('wanted');
    return false;
  }

  #isStill(): boolean {
    if (this.#options.watch.isInside || this.#seen === 0n) return false;
    return this.#standstill === 'answered' || performance.now() - this.#seenAt >= STANDSTILL_MS;
  }

  #isCheckpointDue(): boolean {
    const { watch, checkpointBytes } = this.#options;
    if (watch.isInside) return false;
    return later(watch.lastEnd, this.#seen) - later(this.#checkpointed, watch.lastChangedEnd) >= checkpointBytes;
  }

  async #checkpoint(): Promise<void> {
    if (!this.#isCheckpointDue()) return;
    const { watch } = this.#options;
    const position = later(watch.lastEnd, this.#seen);
    await watch.checkpoint(position);
    this.#checkpointed = position;
  }

  #tick(): void {
    const now = performance.now();
    if (this.#state === 'reading' && !this.#isSettling && now - this.#messages.heardAt > SILENCE_MS) {
      this.#fail(this.#options.link.fail(Object.assign(new Error('the server is silent'), { code: 'ETIMEDOUT' }), SESSION));
      return;
    }
    const { senderTimeoutMs } = this.#options;
    const longest = senderTimeoutMs > 0 ? Math.min(LONGEST_PING_MS, senderTimeoutMs / 4) : LONGEST_PING_MS;
    if (now - this.#pingedAt < this.#pingMs) return;
    // An answer that nobody reads now would only lie in the way.
    if (!this.status(this.#state === 'reading' && !this.#isSettling ? 'wanted' : 'not-needed')) return;
    this.#pingedAt = now;
    this.#pingMs = Math.min(this.#pingMs * 2, longest);
  }

  #finishReading(end: LogEnd): void {
    this.#state = 'over';
    // What follows is read and dropped, so that the server does not get stuck and hears what is confirmed.
    this.#messages.discard();
    this.#resolve(end);
  }

  #fail(error: unknown): void {
    this.#state = 'over';
    this.#messages.discard();
    this.#reject(
      error instanceof FrameViolation
        ? this.#options.link.fail(new ProtocolFailure(error.message, { cause: error }), SESSION)
        : error,
    );
  }

  #ended(): void {
    clearInterval(this.#timer);
    this.#state = 'over';
    // Without an error of its own: the server shuts down.
    const error = this.#messages.serverError ?? Object.assign(new Error('the server ended the stream'), { code: 'ECONNRESET' });
    this.#reject(this.#options.link.fail(error, SESSION));
  }

  async #close(): Promise<void> {
    this.#state = 'over';
    // Nobody may be waiting for it any more.
    this.#outcome.catch(() => undefined);
    this.#reject(new Error('closed'));
    this.#messages.finish();
    if (!(await endsWithin(this.#messages.ended, FINISH_MS))) {
      await this.#options.link.cancel();
      if (!(await endsWithin(this.#messages.ended, FINISH_MS))) this.#messages.destroy();
    }
    clearInterval(this.#timer);
    await this.#options.link[Symbol.asyncDispose]();
    await this.#decoder[Symbol.asyncDispose]();
  }
}

const SESSION = { phase: 'session' } as const;

function startSql({ request, start, from }: StreamOptions): string {
  // Names and values as the replication grammar takes them: its strings have no escapes but doubled quotes.
  const options = start.options.map(([name, value]) => `${quoteIdentifier(name)} '${value.replaceAll("'", "''")}'`).join(', ');
  return `START_REPLICATION SLOT ${quoteIdentifier(request.slot)} LOGICAL ${formatLsn(from)} (${options})`;
}

function later(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b;
}

async function endsWithin(ended: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), ms)));
  try {
    return await Promise.race([ended.then(() => true as const), late]);
  } finally {
    clearTimeout(timer);
  }
}
