import type { StreamState } from '../model/stream-state.ts';
import { batchKeyPrefix, objectKeyReader } from '../plan/key-template.ts';
import type { KeyUnit, ObjectName } from '../plan/key-template.ts';
import type { Commit, Head } from '../ledger/ledger.ts';
import type { Engine } from './engine.ts';
import { headPlace, tableOf } from './head-place.ts';
import type { JobContext } from './job.ts';
import { parseSlotBookmark } from './log/slot-bookmark.ts';
import type { SlotBookmark } from './log/slot-bookmark.ts';

/** Where objects of a head may lie. */
interface Place {
  readonly table: string;
  readonly version: number;
  readonly unit: KeyUnit;
}

/**
 * Removes what dead jobs left in the sink and no commit names: objects of the batch that a head would have committed next, and of batches that were committed under another
 * fence. Every head must have been claimed before: its old claimer can no longer commit what is removed here. Unfinished uploads go too.
 */
export async function sweepOrphans(
  engine: Pick<Engine, 'sink' | 'settings' | 'log'>,
  dead: {
    readonly heads: readonly Head[];
    readonly commits: readonly Commit[];
    readonly states: ReadonlyMap<string, StreamState>;
  },
  signal: AbortSignal,
): Promise<void> {
  const named = new Set(
    dead.commits.flatMap((commit) => commit.tables.flatMap((table) => table.objects.map((object) => object.key))),
  );
  const touched = new Map<string, Set<number>>();
  for (const commit of dead.commits) touched.set(commit.head, (touched.get(commit.head) ?? new Set()).add(commit.batch));

  for (const head of dead.heads) {
    const batches = (touched.get(head.id) ?? new Set<number>()).add(head.batch + 1);
    for (const place of placesOf(head, dead.states)) {
      for (const batch of batches) await sweepBatch(engine, { place, batch, fence: head.fence, named }, signal);
    }
  }
  // Reports and `_table.json` that were being written; in a folder they have temporary files.
  const { integration } = engine.settings;
  const below = `${integration}/`;
  await engine.sink.abandonUploads(below, (key) => isBesideData(key.slice(below.length)), signal);
}

/** Whether a key below the integration is that of a report, of a log or of what describes a table: whoever loads rows passes over names beginning so. */
function isBesideData(key: string): boolean {
  return key.split('/').some((part) => part.startsWith('_'));
}

/**
 * Removes what earlier claimers of a slot left under versions that a TRUNCATE began in the batch that was just committed. No state had these versions when those died, so that
 * nobody knew where to look: reading the same TRUNCATE again gives the same version.
 */
export async function sweepTruncated(
  context: Pick<JobContext, 'sink' | 'settings' | 'log' | 'streams'>,
  { batch, fence }: Pick<Head, 'batch' | 'fence'>,
  truncated: SlotBookmark['truncated'],
  signal: AbortSignal,
): Promise<void> {
  for (const [stream, version] of Object.entries(truncated)) {
    const table = context.streams.get(stream)?.destinationTable;
    if (table === undefined) continue;
    // The fence tells the objects of this commit from all others of its batch.
    const place: Place = { table, version, unit: { kind: 'log' } };
    await sweepBatch(context, { place, batch, fence, named: new Set() }, signal);
  }
}

function placesOf(head: Head, states: ReadonlyMap<string, StreamState>): readonly Place[] {
  const place = headPlace(head.id);
  if (place?.kind === 'slot') {
    // A job may have died between a commit with a TRUNCATE and the states that have its version.
    const truncated = parseSlotBookmark(head.bookmark)?.truncated ?? {};
    return [...states.values()]
      .filter((state) => state.method === 'LOG_BASED' && state.name.database === place.database)
      .flatMap((state) =>
        [...new Set([state.version, truncated[state.stream] ?? state.version])].map((version): Place => ({
          table: state.destinationTable,
          version,
          unit: { kind: 'log' },
        })),
      );
  }
  const table = tableOf(head.bookmark);
  return place === undefined || table === undefined ? [] : [{ table, version: place.version, unit: place.unit }];
}

async function sweepBatch(
  engine: Pick<Engine, 'sink' | 'settings' | 'log'>,
  of: { readonly place: Place; readonly batch: number; readonly fence: number; readonly named: ReadonlySet<string> },
  signal: AbortSignal,
): Promise<void> {
  const { sink, settings, log } = engine;
  const { place, batch, fence, named } = of;
  const { integration, keyTemplate: template } = settings;
  const read = objectKeyReader({ template, integration, table: place.table, version: place.version });
  const isOrphan = (key: string): boolean => {
    const name = read(key);
    return (
      name !== undefined &&
      sameUnit(name, place.unit) &&
      name.batch === batch &&
      name.fence < fence &&
      !named.has(sink.nameOf(key))
    );
  };
  const prefix = batchKeyPrefix({ template, integration, ...place, batch });
  const orphans: string[] = [];
  for await (const { key } of sink.list(prefix, signal)) if (isOrphan(key)) orphans.push(key);
  if (orphans.length > 0) await sink.remove(orphans, signal);
  const uploads = await sink.abandonUploads(prefix, isOrphan, signal);
  if (orphans.length + uploads > 0)
    log.log('INFO', 'orphans-swept', { table: place.table, batch, objects: orphans.length, uploads });
}

function sameUnit(name: ObjectName, unit: KeyUnit): boolean {
  if (name.unit.kind !== unit.kind) return false;
  return name.unit.kind !== 'copy' || unit.kind !== 'copy' || name.unit.range === unit.range;
}
