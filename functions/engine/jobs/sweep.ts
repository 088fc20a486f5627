import type { StreamState } from '../model/stream-state.ts';
import { batchKeyPrefix, objectKeyReader } from '../plan/key-template.ts';
import type { KeyUnit, ObjectName } from '../plan/key-template.ts';
import type { Commit, Head } from '../ledger/ledger.ts';
import type { Engine } from './engine.ts';
import { headPlace, tableOf } from './head-place.ts';

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
}

function placesOf(head: Head, states: ReadonlyMap<string, StreamState>): readonly Place[] {
  const place = headPlace(head.id);
  if (place?.kind === 'slot') {
    return [...states.values()]
      .filter((state) => state.method === 'LOG_BASED' && state.name.database === place.database)
      .map((state) => ({ table: state.destinationTable, version: state.version, unit: { kind: 'log' } }));
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
