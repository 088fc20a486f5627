import { asUnexpected } from '../model/errors.ts';
import { streamItems } from '../model/stream-state.ts';
import type { Unit } from '../plan/plan.ts';
import type { Json } from '../ledger/ledger.ts';
import type { IdleStream, KeyedLook } from '../source/source.ts';
import type { JobContext, JobStream } from './job.ts';
import { columnNames, keyBookmarkIn } from './stream-store.ts';
import { noteOutcome } from './stream-outcome.ts';

/** Outcomes that are written at a time. */
const PARALLEL_NOTES = 16;

interface KeyLook extends KeyedLook {
  readonly unit: Unit;
  readonly stream: JobStream;
}

/**
 * Leaves out key-based streams that have nothing new: they are looked at together, as their units would do one by one, and nothing is claimed or written for them but what there is to say.
 * What cannot be told so stays: its unit finds out, and says what is wrong.
 */
export async function withoutIdle(context: JobContext, units: readonly Unit[], signal: AbortSignal): Promise<readonly Unit[]> {
  const byDatabase = await keyLooks(context, units);
  const idle = new Set<Unit>();
  for (const [database, looks] of byDatabase) {
    const found = await lookAt(context, database, looks, signal);
    const notes = looks.flatMap(({ unit, stream }, at) => {
      const quiet = found[at];
      return quiet === undefined ? [] : [{ unit, stream, quiet }];
    });
    for (let start = 0; start < notes.length; start += PARALLEL_NOTES) {
      await Promise.all(
        notes
          .slice(start, start + PARALLEL_NOTES)
          .map(({ stream, quiet }) => noteOutcome(context, stream, { error: null, ...quiet })),
      );
    }
    for (const { unit } of notes) idle.add(unit);
  }
  if (idle.size > 0) context.log.log('INFO', 'nothing-new', { streams: idle.size });
  return units.filter((unit) => !idle.has(unit));
}

async function keyLooks(context: JobContext, units: readonly Unit[]): Promise<ReadonlyMap<string, readonly KeyLook[]>> {
  const byDatabase = new Map<string, KeyLook[]>();
  const streams = units.flatMap((unit) => {
    const stream = unit.kind === 'key' ? context.streams.get(unit.stream) : undefined;
    return unit.kind === 'key' && stream !== undefined ? [{ unit, stream }] : [];
  });
  if (streams.length === 0) return byDatabase;
  // All of them in a few queries, rather than one after the other.
  const bookmarks = new Map<string, Json>();
  for await (const { id, bookmark } of context.ledger.heads('key/')) bookmarks.set(id, bookmark);
  for (const { unit, stream } of streams) {
    const from = keyBookmarkIn(bookmarks.get(streamItems.keyHead(unit.stream, unit.version)), stream);
    const look = { unit, stream, table: stream.table, columns: columnNames(stream), from, lookBack: stream.lookBack };
    const { database } = stream.table.name;
    const known = byDatabase.get(database);
    if (known === undefined) byDatabase.set(database, [look]);
    else known.push(look);
  }
  return byDatabase;
}

/** A look that fails is no failure of the job: the units meet the same trouble, and know what to do about it. */
async function lookAt(
  { source, log }: JobContext,
  database: string,
  looks: readonly KeyLook[],
  signal: AbortSignal,
): Promise<readonly (IdleStream | undefined)[]> {
  try {
    await using session = await source.session(database, signal, 'keep');
    return await session.idle(looks, signal);
  } catch (error) {
    signal.throwIfAborted();
    log.log('WARNING', 'look-failed', { database, code: asUnexpected(error).code });
    return [];
  }
}
