import { ReplicationError, asUnexpected } from '../../model/errors.ts';
import { formatLsn } from '../../model/lsn.ts';
import type { StreamState } from '../../model/stream-state.ts';
import type { LogUnit } from '../../plan/plan.ts';
import { defaultSlotName } from '../../plan/slot-name.ts';
import type { LogSession } from '../../source/log-session.ts';
import { claimHead } from '../claim-head.ts';
import type { JobContext, JobStream } from '../job.ts';
import { noteOutcome } from '../stream-outcome.ts';
import { parseSlotBookmark, slotBookmarkJson, slotHead } from './slot-bookmark.ts';
import type { SlotBookmark } from './slot-bookmark.ts';
import { findGap } from './find-gap.ts';

/** What a database's slot means for the plan. */
export type PreparedSlot =
  | {
      readonly state: 'ready';
      readonly unit: LogUnit;
      /** `_sdc_sequence` of copies that begin now: at or below the position of every change that the log will bring, so that the log always wins. Decimal. */
      readonly copySequence: string;
      readonly warnings: readonly string[];
    }
  /** The log-based streams of the database cannot go on; the others can. */
  | {
      readonly state: 'failed';
      readonly database: string;
      readonly streams: readonly JobStream[];
      readonly error: ReplicationError;
    };

interface SlotScope {
  readonly states: ReadonlyMap<string, StreamState>;
  /** Jobs that can commit nothing any more. */
  readonly over: ReadonlySet<string>;
}

interface DatabaseScope extends SlotScope {
  readonly database: string;
  readonly streams: readonly JobStream[];
}

/**
 * Finds, creates and checks the slot of each database with log-based streams, before anything is copied: the slot holds what happens from here on.
 * The end of the WAL is read first: what is written later belongs to the next job.
 */
export async function prepareSlots(
  context: JobContext,
  { states, over }: SlotScope,
  signal: AbortSignal,
): Promise<readonly PreparedSlot[]> {
  const byDatabase = new Map<string, JobStream[]>();
  for (const stream of context.streams.values()) {
    if (stream.method !== 'LOG_BASED') continue;
    const { database } = stream.table.name;
    byDatabase.set(database, [...(byDatabase.get(database) ?? []), stream]);
  }
  const prepared: PreparedSlot[] = [];
  for (const [database, streams] of byDatabase)
    prepared.push(await prepareSlot(context, { database, streams, states, over }, signal));
  return prepared;
}

async function prepareSlot(context: JobContext, of: DatabaseScope, signal: AbortSignal): Promise<PreparedSlot> {
  const { database, streams } = of;
  try {
    await using session = await context.source.logSession(database, signal, 'keep');
    return await openSlot(context, session, of, signal);
  } catch (error) {
    signal.throwIfAborted();
    const known = asUnexpected(error);
    context.log.log('ERROR', 'slot-failed', { database, code: known.code, message: known.message, remedy: known.remedy });
    return { state: 'failed', database, streams, error: known };
  }
}

async function openSlot(context: JobContext, session: LogSession, of: DatabaseScope, signal: AbortSignal): Promise<PreparedSlot> {
  const { database, streams, states, over } = of;
  const { settings, ledger } = context;
  const end = await session.endOfLog(signal);
  const head = await ledger.head(slotHead(database));
  const bookmark = parseSlotBookmark(head?.bookmark);
  // A stream that goes on from the bookmark needs the slot that the bookmark is of; one that is copied anew takes any.
  const isContinued = bookmark !== undefined && streams.some((stream) => goesOn(states.get(stream.id)));
  const slotName = settings.logBased.slot ?? defaultSlotName(database);
  const opened = await session.openSlot(
    {
      slot: slotName,
      plugin: settings.logBased.plugin,
      createSlot: settings.logBased.createSlot && !isContinued,
      publication: slotName,
      over,
      tables: streams.map((stream) => ({ table: stream.table, columns: stream.columns.map((column) => column.name) })),
    },
    signal,
  );
  const { slot, plugin } = opened;
  const { gap, timeline } =
    bookmark === undefined
      ? { gap: undefined, timeline: end.timeline }
      : await findGap(session, { integration: settings.integration, database }, { bookmark, slot, end }, signal);
  if (gap !== undefined && isContinued) throw gap;
  const confirmed = opened.startLsn ?? slot.confirmedLsn ?? slot.restartLsn;
  if (confirmed === null) throw new ReplicationError('unexpected', { what: 'a slot without a position' });
  // Changes from before the publication cannot be decoded: those of all its streams are lost, which are among the added ones.
  const isYounger = opened.publicationCreated && !opened.created;
  await copyAddedAnew(context, of, opened.added);
  if (bookmark === undefined || gap !== undefined || isYounger || bookmark.plugin !== plugin) {
    const fresh: SlotBookmark = {
      slot: slotName,
      plugin,
      systemIdentifier: end.systemIdentifier,
      timeline,
      lsn: bookmark === undefined || gap !== undefined || isYounger ? confirmed : bookmark.lsn,
      inside: null,
      truncated: bookmark?.truncated ?? {},
    };
    const claim = await claimHead(context, slotHead(database), 'start', slotBookmarkJson(fresh));
    await claim.commit({ tables: [], after: slotBookmarkJson(fresh) });
  } else if (timeline !== bookmark.timeline) {
    // A failover that lost nothing: from here on positions are of the new timeline.
    const claim = await claimHead(context, slotHead(database), 'start', null);
    await claim.commit({ tables: [], after: slotBookmarkJson({ ...bookmark, timeline }) });
  }
  context.log.log('INFO', 'slot-ready', {
    database,
    slot: slotName,
    plugin,
    confirmed: formatLsn(confirmed),
    to: formatLsn(end.lsn),
    created: opened.created,
  });
  return {
    state: 'ready',
    unit: {
      kind: 'log',
      database,
      slot: slotName,
      plugin,
      publication: slotName,
      consume: settings.logBased.consume,
      to: end.lsn.toString(),
      streams: streams.map((stream) => stream.id),
    },
    copySequence: (slot.restartLsn ?? confirmed).toString(),
    warnings: [...opened.warnings, ...opened.streamWarnings.map(({ stream, warning }) => `${stream}: ${warning}`)],
  };
}

/** Somebody took streams out of the publication: what was written to them meanwhile is in no log. The next job copies them anew. */
async function copyAddedAnew(
  context: JobContext,
  of: { readonly streams: readonly JobStream[]; readonly states: ReadonlyMap<string, StreamState> },
  added: readonly string[],
): Promise<void> {
  for (const stream of of.streams) {
    if (!added.includes(stream.id) || !goesOn(of.states.get(stream.id))) continue;
    const warnings = ['The publication did not hold it, so that changes were missed: the next job copies it anew.'];
    await noteOutcome(context, stream, { error: null, warnings, nullKeys: null, copyAnew: true });
  }
}

/** Whether a stream continues from the bookmark of its slot. */
function goesOn(state: StreamState | undefined): boolean {
  return (
    state !== undefined &&
    state.method === 'LOG_BASED' &&
    state.resetAt === null &&
    (state.activeVersion !== null || state.copy !== null)
  );
}
