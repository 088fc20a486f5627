import type { CopyRange, CopyStart, KeyBookmark } from '../model/bookmark.ts';
import { ReplicationError } from '../model/errors.ts';
import { parseStreamState, streamItems } from '../model/stream-state.ts';
import type { CutCopy } from '../model/stream-state.ts';
import { rangesLeft } from '../plan/plan.ts';
import type { Unit } from '../plan/plan.ts';
import type { Json } from '../ledger/ledger.ts';
import type { SourceSession } from '../source/source.ts';
import { activate } from './activate.ts';
import { claimHead } from './claim-head.ts';
import type { JobContext, JobStream } from './job.ts';
import { commitFacts } from './commit-facts.ts';
import { keepRanges } from './cut-copies.ts';
import type { CutCopies } from './cut-copies.ts';
import { columnNames, emptyBookmark, identityOf, updateState } from './stream-store.ts';
import { writeBatch } from './write-batch.ts';
import type { WrittenBatch } from './write-batch.ts';

/** A read that cannot be resumed commits after this many objects' worth of JSON, so that a commit stays within one item of the ledger. */
const PARTIAL_COMMIT_OBJECTS = 400;

/** Of the 350 KB that an item may have. */
const MAX_RANGES_BYTES = 300_000;

interface UnitScope {
  readonly context: JobContext;
  readonly stream: JobStream;
  readonly session: SourceSession;
  readonly worker: string;
  /** What this worker knows of cut copies. */
  readonly copies: CutCopies;
  readonly signal: AbortSignal;
}

/** Begins a copy: reads a small table at once, cuts a large one. Returns the units that this adds to the job. */
export async function startCopy(scope: UnitScope, version: number): Promise<readonly Unit[]> {
  const { context, stream } = scope;
  // Of a stream that nobody knows yet no report could name what this copy commits before it is complete.
  if (stream.known === null) await updateState(context, stream, (state) => state);
  if (await isSuperseded(scope, version)) return [];
  // The bookmark from before the copy: what changes from now on is read again by key, whatever the copy saw of it.
  const keyBookmark = stream.method === 'INCREMENTAL' ? await keyBookmarkNow(scope) : null;
  const start = await startOf(scope);
  const ranges = await cutToFit(scope);
  if (ranges.length <= 1) {
    await copyWhole(scope, version, keyBookmark);
    return [];
  }
  // Ranges first: a state that says "cut" must find them. What is there of this version stays: a worker that was killed and does this again may meet others who read by it.
  const kept = await keepRanges(context, stream, { version, ranges });
  const none = '0'.repeat(kept.length);
  // The log brings what changes meanwhile: no catch-up is needed.
  const done = stream.method === 'LOG_BASED' ? markRange(none, kept.length - 1) : none;
  const fresh: CutCopy = { start, total: kept.length, done, schemaHash: stream.schemaHash, keyBookmark };
  const after = await updateState(context, stream, (state) =>
    state.copy !== null && state.version === version
      ? state
      : { ...state, ...identityOf(stream), version, copy: fresh, resetAt: null },
  );
  const { copy } = after;
  if (copy === null || after.version !== version) return [];
  context.log.log('INFO', 'copy-cut', { stream: stream.id, version, ranges: copy.total });
  return rangesLeft(copy.done).map((range) => ({ kind: 'range', stream: stream.id, version, range }));
}

/** Ranges are kept in one item of the ledger: a table with very many or very long names is cut into larger ones. */
async function cutToFit({ context, stream, session, signal }: UnitScope): Promise<readonly CopyRange[]> {
  for (let { rangeBytes } = context.settings; ; rangeBytes *= 2) {
    const ranges = await session.cut(stream.table, rangeBytes, signal);
    if (Buffer.byteLength(JSON.stringify(ranges)) <= MAX_RANGES_BYTES || ranges.length <= 2) return ranges;
  }
}

/** Reads one range of a cut copy. Returns the catch-up as a further unit when all other ranges are done by this. */
export async function copyRange(scope: UnitScope, version: number, range: number): Promise<readonly Unit[]> {
  const { context, stream, session, worker, signal } = scope;
  const cut = await scope.copies.of(stream, { version, range });
  if (cut === undefined) return [];
  const { copy } = cut;
  if (!copy.done.includes('0')) {
    await completeCopy(scope, version, copy);
    return [];
  }
  const spec = cut.ranges[range];
  if (copy.done[range] !== '0' || spec === undefined) return [];

  const claim = await claimHead(context, streamItems.copyHead(stream.id, version, range), worker, openCopy(stream));
  if (stateOf(claim.head.bookmark) !== 'done') {
    // The catch-up reads what appeared since the copy began: its rows carry a later position, so that they win over the ranges' rows.
    const start = spec.kind === 'catch-up' ? laterThan(copy.start, await session.startOfCopy(signal)) : copy.start;
    const startedAt = context.clock.now().toISOString();
    const written = await writeBatch(
      context,
      {
        stream,
        version,
        unit: { kind: 'copy', range },
        batch: claim.head.batch + 1,
        fence: claim.fence,
        sequence: start.sequence,
        extractedAt: start.at,
      },
      (encoder, out) =>
        session.copy({ table: stream.table, columns: columnNames(stream), range: spec, start }, encoder, out, signal),
      signal,
    );
    await claim.commit({
      tables: [
        {
          stream: stream.id,
          tableVersion: version,
          objects: written.objects,
          rowsRead: written.rowsRead,
          facts: commitFacts({ startedAt, extractedAt: start.at, batchedAt: written.batchedAt }),
        },
      ],
      after: { ...openCopy(stream), state: 'done' },
    });
  }
  const next = await markDone(scope, version, range);
  await context.lease.retire(claim);
  return next;
}

async function copyWhole(scope: UnitScope, wanted: number, keyBookmark: KeyBookmark | null): Promise<void> {
  const { context, stream, session, worker, signal } = scope;
  let version = wanted;
  let claim = await claimHead(context, streamItems.copyHead(stream.id, version, 0), worker, openCopy(stream));
  // Part of this version was committed by a read that cannot be resumed: it never becomes active, a fresh version begins.
  while (claim.head.batch > 0 && stateOf(claim.head.bookmark) !== 'done') {
    // The log is being delivered under this version already: only the next job can begin another one for both.
    if (stream.method === 'LOG_BASED') throw new ReplicationError('copy-interrupted', { stream: stream.id });
    await context.lease.retire(claim);
    version += 1;
    claim = await claimHead(context, streamItems.copyHead(stream.id, version, 0), worker, openCopy(stream));
  }
  if (stateOf(claim.head.bookmark) !== 'done') {
    const start = await startOf(scope);
    const startedAt = context.clock.now().toISOString();
    const commit = async (batch: WrittenBatch, state: 'partial' | 'done') =>
      claim.commit({
        tables: [
          {
            stream: stream.id,
            tableVersion: version,
            objects: batch.objects,
            rowsRead: batch.rowsRead,
            facts: commitFacts({ startedAt, extractedAt: start.at, batchedAt: batch.batchedAt }),
          },
        ],
        after: { ...openCopy(stream), state },
      });
    const written = await writeBatch(
      context,
      {
        stream,
        version,
        unit: { kind: 'copy', range: 0 },
        batch: claim.head.batch + 1,
        fence: claim.fence,
        sequence: start.sequence,
        extractedAt: start.at,
      },
      (encoder, out) =>
        session.copy(
          { table: stream.table, columns: columnNames(stream), range: { kind: 'whole' }, start },
          encoder,
          out,
          signal,
        ),
      signal,
      {
        everyJsonBytes: PARTIAL_COMMIT_OBJECTS * context.settings.rotateBytes,
        commit: async (batch) => (await commit(batch, 'partial')).batch + 1,
      },
    );
    await commit(written, 'done');
  }
  await activate(context, stream, worker, { version, keyBookmark });
  await context.lease.retire(claim);
}

/**
 * Marks a range done. The worker whose mark leaves only the catch-up adds it to the work; the one whose mark leaves nothing activates the version. Killed in between,
 * the next job finds a copy of which nothing is left, and activates it.
 */
async function markDone(scope: UnitScope, version: number, range: number): Promise<readonly Unit[]> {
  const { context, stream } = scope;
  const after = await updateState(context, stream, (state) =>
    state.copy === null || state.version !== version
      ? state
      : { ...state, copy: { ...state.copy, done: markRange(state.copy.done, range) } },
  );
  scope.copies.note(after);
  if (after.copy === null || after.version !== version) return [];
  const left = rangesLeft(after.copy.done);
  if (left.length === 0) {
    await completeCopy(scope, version, after.copy);
    return [];
  }
  const catchUp = after.copy.total - 1;
  return left.length === 1 && left[0] === catchUp ? [{ kind: 'range', stream: stream.id, version, range: catchUp }] : [];
}

/** Idempotent: two workers may come here at once. */
async function completeCopy({ context, stream, worker }: UnitScope, version: number, copy: CutCopy): Promise<void> {
  await activate(context, stream, worker, { version, keyBookmark: copy.keyBookmark });
  await context.ledger.updateDocument(streamItems.ranges(stream.id), () => undefined);
}

/** The start of the catch-up: which rows it reads follows the copy's start; the position that they carry is higher, also where no WAL was written meanwhile. */
function laterThan(first: CopyStart, now: CopyStart): CopyStart {
  const sequence = BigInt(now.sequence) > BigInt(first.sequence) ? now.sequence : String(BigInt(first.sequence) + 1n);
  return { ...now, sequence, oldestXid: first.oldestXid };
}

/** What is true before a copy reads. Of a log-based stream the rows carry the position that the log of this version begins at: whatever the log brings for a row wins over its copy. */
async function startOf({ context, stream, session, signal }: UnitScope): Promise<CopyStart> {
  const start = await session.startOfCopy(signal);
  if (stream.method !== 'LOG_BASED') return start;
  const state = parseStreamState((await context.ledger.document(streamItems.state(stream.id)))?.value);
  return { ...start, sequence: state?.logFrom ?? '0', oldestXid: null };
}

async function keyBookmarkNow(scope: UnitScope): Promise<KeyBookmark> {
  const { stream, session, signal } = scope;
  const from = emptyBookmark(stream);
  await using read = await session.keyed(
    { table: stream.table, columns: columnNames(stream), from, lookBack: stream.lookBack, maxRows: Number.MAX_SAFE_INTEGER },
    signal,
  );
  return read.next;
}

/** Whether the log of this job has brought a TRUNCATE meanwhile, with a version that begins empty: its rows are all that there are, and no report would name those of this copy. */
async function isSuperseded({ context, stream }: UnitScope, version: number): Promise<boolean> {
  if (stream.method !== 'LOG_BASED') return false;
  const state = parseStreamState((await context.ledger.document(streamItems.state(stream.id)))?.value);
  return state !== undefined && state.version > version;
}

/** The bookmark of a copy's head: whether its rows are all durable, partly (of a read that cannot be resumed), or not at all. */
function openCopy(stream: JobStream): { readonly state: 'open' | 'partial' | 'done'; readonly table: string } {
  return { state: 'open', table: stream.destinationTable };
}

function markRange(done: string, range: number): string {
  return `${done.slice(0, range)}1${done.slice(range + 1)}`;
}

function stateOf(bookmark: Json): unknown {
  return typeof bookmark === 'object' && bookmark !== null && 'state' in bookmark ? bookmark.state : undefined;
}
