import { ReplicationError, asUnexpected } from '../../model/errors.ts';
import type { LogRelation } from '../../model/log-change.ts';
import { formatLsn } from '../../model/lsn.ts';
import type { Lsn } from '../../model/lsn.ts';
import type { LogUnit } from '../../plan/plan.ts';
import type { Claim, CommitTable } from '../../ledger/ledger.ts';
import type { LogTable } from '../../source/log.ts';
import type { LogSession } from '../../source/log-session.ts';
import { claimHead } from '../claim-head.ts';
import { commitFacts } from '../commit-facts.ts';
import type { JobContext, JobStream } from '../job.ts';
import { noteOutcome } from '../stream-outcome.ts';
import { completePartials } from './complete-partials.ts';
import { findGap } from './find-gap.ts';
import { LogBatch } from './log-batch.ts';
import { openLogObjects } from './log-objects.ts';
import { LogStream } from './log-stream.ts';
import { logEncoderOf, logSystemColumns } from './log-encoders.ts';
import { relationIndex } from './relation-index.ts';
import { parseSlotBookmark, sameBookmark, slotBookmarkJson, slotHead } from './slot-bookmark.ts';
import type { SlotBookmark } from './slot-bookmark.ts';
import { applyTruncates, logVersions } from './log-versions.ts';
import { sweepTruncated } from '../sweep.ts';
import { failpoint } from '../../runtime/failpoints.ts';

/** A batch of more JSON than this is committed: it bounds memory, whatever the number of tables, since every table of a batch has an upload under way. */
const BATCH_JSON_BYTES = 64 * 1024 * 1024;
/** A batch is committed after this long, so that the slot moves and a killed job repeats little. */
const BATCH_MS = 60_000;

interface LogScope {
  readonly context: JobContext;
  readonly worker: string;
  readonly signal: AbortSignal;
  readonly stop: AbortSignal;
}

/**
 * Reads a database's slot up to the end of the WAL as it was when the job began. Each batch follows the one rule: objects durable, bookmark committed, slot confirmed.
 * The end is confirmed even where no row was ours, so that an idle database holds no WAL.
 */
export async function readLog(scope: LogScope, unit: LogUnit): Promise<'done' | 'more'> {
  const { context, worker, signal } = scope;
  await using session = await context.source.logSession(unit.database, signal, 'keep');
  const claim = await claimHead(context, slotHead(unit.database), worker, null);
  const bookmark = parseSlotBookmark(claim.head.bookmark);
  if (bookmark === undefined) throw new ReplicationError('unexpected', { what: 'a slot without a bookmark' });
  const { from, end: endNow } = await whereWeAre(scope, unit, session, bookmark);
  const planned = BigInt(unit.to) as Lsn;
  const to = endNow < planned ? endNow : planned;
  if (from.lsn >= to && from.inside === null) return 'done';

  await using reader = await session.reader({ consume: unit.consume, plugin: unit.plugin }, signal);
  await using batches = new SlotBatches(scope, unit, {
    session,
    claim,
    from,
    confirm: (lsn) => reader.confirm(unit.slot, lsn, signal),
  });
  const end = await reader.read(
    {
      slot: unit.slot,
      plugin: unit.plugin,
      from: from.lsn,
      to,
      publication: unit.publication,
      tables: batches.tables,
      isEnough: () => scope.stop.aborted,
    },
    batches.handler,
    signal,
  );
  for (const warning of reader.warnings) context.log.log('WARNING', 'log-caveat', { database: unit.database, warning });
  if (end.state === 'reached') batches.handler.reached(end.lsn);
  await batches.settle(batches.handler.place);
  return end.state === 'reached' ? 'done' : 'more';
}

/** The server behind a name may have become another one since the plan: an attempt after a lost connection must not take its slot for ours. */
async function whereWeAre(
  { context, signal }: LogScope,
  unit: LogUnit,
  session: LogSession,
  bookmark: SlotBookmark,
): Promise<{ readonly from: SlotBookmark; readonly end: Lsn }> {
  const end = await session.endOfLog(signal);
  const slot = await session.slot(unit.slot, signal);
  // One that is gone is the reader's error.
  if (slot === undefined) return { from: bookmark, end: end.lsn };
  // Whoever holds the claim is the only one of this job who reads: what is left of an earlier attempt, or of a worker that died, is in the way.
  const warnings = slot.activePid === null ? [] : await session.freeSlot(unit.slot, new Set([context.lease.job]), signal);
  for (const warning of warnings) context.log.log('WARNING', 'slot-freed', { database: unit.database, warning });
  const place = { integration: context.settings.integration, database: unit.database };
  const { gap, timeline } = await findGap(session, place, { bookmark, slot, end }, signal);
  if (gap !== undefined) throw gap;
  return { from: { ...bookmark, timeline }, end: end.lsn };
}

class SlotBatches implements AsyncDisposable {
  readonly handler: LogBatch;
  readonly tables: readonly LogTable[];
  readonly #scope: LogScope;
  readonly #unit: LogUnit;
  readonly #session: LogSession;
  readonly #claim: Claim;
  readonly #confirm: (lsn: Lsn) => Promise<void>;
  readonly #index: (relation: LogRelation) => readonly JobStream[];
  readonly #versions: Map<string, { version: number; isCopying: boolean }>;
  readonly #failed = new Set<string>();
  #streams = new Map<string, LogStream>();
  /** What the index found, in this batch: one look-up per change. */
  #opened = new Map<readonly JobStream[], readonly LogStream[]>();
  /** Streams of this batch that a TRUNCATE superseded: nobody needs their rows any more, and no report would name them. */
  readonly #superseded: LogStream[] = [];
  #bookmark: SlotBookmark;
  #jsonBytes = 0;
  #openedAtMs: number;
  #batchedAt: string;

  constructor(
    scope: LogScope,
    unit: LogUnit,
    parts: {
      readonly session: LogSession;
      readonly claim: Claim;
      readonly from: SlotBookmark;
      readonly confirm: (lsn: Lsn) => Promise<void>;
    },
  ) {
    this.#scope = scope;
    this.#unit = unit;
    this.#session = parts.session;
    this.#claim = parts.claim;
    this.#confirm = parts.confirm;
    this.#bookmark = parts.from;
    const streams = [...scope.context.streams.values()].filter((stream) => unit.streams.includes(stream.id));
    this.#index = relationIndex(streams);
    this.tables = streams.flatMap(({ table: { name, storage, columns, primaryKey, replicaIdentity } }) =>
      [name, ...storage].map(({ schema, table }) => ({ schema, table, columns, primaryKey, replicaIdentity })),
    );
    this.#versions = logVersions(streams, parts.from);
    this.#openedAtMs = scope.context.clock.now().getTime();
    this.#batchedAt = scope.context.clock.now().toISOString();
    this.handler = new LogBatch(
      {
        streamsOf: (relation) => this.#streamsOf(relation),
        streams: () => this.#streams.values(),
        write: (stream) => this.#write(stream),
        complete: (stream) => completePartials(this.#session, stream, scope.signal),
        truncate: (stream, committedAt) => this.#truncate(stream, committedAt),
        settle: (place) => this.settle(place),
        isFull: () => this.#isFull(),
      },
      parts.from,
    );
  }

  /** The one rule, for everything since the last time: objects, then the bookmark, then the slot. */
  async settle(place: Pick<SlotBookmark, 'lsn' | 'inside'>): Promise<void> {
    const { context } = this.#scope;
    await this.#dropSuperseded();
    const all = [...this.#streams.values()];
    for (const stream of all) {
      if (stream.partials.length > 0) await completePartials(this.#session, stream, this.#scope.signal);
      await this.#write(stream);
    }
    const tables: CommitTable[] = [];
    for (const stream of all) {
      const objects = (await stream.set?.finish()) ?? [];
      if (stream.failure !== undefined) await this.#fail(stream);
      if (objects.length === 0 && stream.records === 0) continue;
      const written = objects.reduce((sum, object) => sum + object.rows, 0);
      if (written !== stream.records) {
        throw new ReplicationError('rows-mismatch', { stream: stream.stream.id, sent: stream.records, written });
      }
      tables.push({
        stream: stream.stream.id,
        tableVersion: stream.version,
        objects,
        rowsRead: stream.records,
        facts: commitFacts({
          startedAt: this.#batchedAt,
          extractedAt: this.#batchedAt,
          batchedAt: this.#batchedAt,
          changes: stream.counts,
        }),
      });
    }
    const next: SlotBookmark = { ...this.#bookmark, lsn: place.lsn, inside: place.inside };
    if (tables.length > 0 || !sameBookmark(next, this.#bookmark)) {
      await this.#claim.commit({ tables, after: slotBookmarkJson(next) });
      await applyTruncates(context, next.truncated);
      await sweepTruncated(context, this.#claim.head, next.truncated, this.#scope.signal);
    }
    this.#bookmark = { ...next, truncated: {} };
    if (place.inside === null) {
      await failpoint('confirm.before');
      await this.#confirm(place.lsn);
      await failpoint('confirm.after');
    }
    context.log.log('INFO', 'log-committed', {
      database: this.#unit.database,
      lsn: formatLsn(place.lsn),
      inside: place.inside !== null,
      tables: tables.length,
    });
    this.#streams = new Map();
    this.#opened = new Map();
    this.#jsonBytes = 0;
    this.#openedAtMs = context.clock.now().getTime();
    this.#batchedAt = context.clock.now().toISOString();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dropSuperseded();
    for (const stream of this.#streams.values()) await stream.set?.[Symbol.asyncDispose]();
  }

  #streamsOf(relation: LogRelation): readonly LogStream[] {
    const places = this.#index(relation);
    const remembered = this.#opened.get(places);
    if (remembered !== undefined) return remembered;
    const opened = places.filter((stream) => !this.#failed.has(stream.id)).map((stream) => this.#open(stream));
    this.#opened.set(places, opened);
    return opened;
  }

  #open(stream: JobStream): LogStream {
    const known = this.#streams.get(stream.id);
    if (known !== undefined) return known;
    const { version, isCopying } = this.#versions.get(stream.id) ?? { version: 0, isCopying: false };
    const encoder = logEncoderOf(this.#scope.context.settings, stream).open(logSystemColumns({ version, at: this.#batchedAt }));
    const opened = new LogStream({ stream, version, isCopying, encoder });
    this.#streams.set(stream.id, opened);
    return opened;
  }

  async #write(stream: LogStream): Promise<void> {
    if (stream.encoder.pendingBytes === 0) return;
    const { context, signal } = this.#scope;
    stream.set ??= openLogObjects(context, { stream: stream.stream, version: stream.version, claim: this.#claim, signal });
    const block = stream.encoder.take();
    const jsonBytes = block.bytes.length;
    this.#jsonBytes += jsonBytes;
    await stream.set.write(block);
    context.progress({ kind: 'rows', stream: stream.stream.id, rows: block.rows, jsonBytes });
  }

  async #dropSuperseded(): Promise<void> {
    for (const stream of this.#superseded.splice(0)) await stream.set?.[Symbol.asyncDispose]();
  }

  /** TRUNCATE begins a new version: what came before it is superseded as soon as the batch is committed. */
  #truncate(stream: LogStream, committedAt: string): void {
    const { id } = stream.stream;
    const version = Math.max(Date.parse(committedAt), stream.version + 1);
    this.#versions.set(id, { version, isCopying: false });
    this.#bookmark = { ...this.#bookmark, truncated: { ...this.#bookmark.truncated, [id]: version } };
    this.#streams.delete(id);
    this.#opened = new Map();
    this.#superseded.push(stream);
  }

  /** A stream whose rows cannot be encoded has a gap from here on: only a fresh copy closes it. */
  async #fail(stream: LogStream): Promise<void> {
    const { context } = this.#scope;
    const { code, message, remedy } = asUnexpected(stream.failure);
    this.#failed.add(stream.stream.id);
    context.progress({ kind: 'stream-failed', stream: stream.stream.id, code });
    context.log.log('ERROR', 'stream-failed', { stream: stream.stream.id, code, message, remedy });
    await noteOutcome(context, stream.stream, { error: { code, message, remedy }, warnings: [], nullKeys: null, copyAnew: true });
  }

  #isFull(): boolean {
    const pending = [...this.#streams.values()].reduce((sum, stream) => sum + stream.encoder.pendingBytes, this.#jsonBytes);
    return (
      pending >= BATCH_JSON_BYTES || (pending > 0 && this.#scope.context.clock.now().getTime() - this.#openedAtMs >= BATCH_MS)
    );
  }
}
