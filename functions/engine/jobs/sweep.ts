import { objectKeyPrefix, objectKeyReader } from '../plan/key-template.ts';
import type { KeyUnit, ObjectName } from '../plan/key-template.ts';
import type { Commit, Head } from '../ledger/ledger.ts';
import type { Engine } from './engine.ts';

import { headPlace, tableOf } from './head-place.ts';

/**
 * Removes what dead jobs left in the sink and no commit names: objects of the batch that a head would have committed next, and of batches that were committed under another
 * fence. Every head must have been claimed before: its old claimer can no longer commit what is removed here. Unfinished uploads go too.
 */
export async function sweepOrphans(
  engine: Pick<Engine, 'sink' | 'settings' | 'log'>,
  dead: { readonly heads: readonly Head[]; readonly commits: readonly Commit[] },
  signal: AbortSignal,
): Promise<void> {
  const { sink, settings, log } = engine;
  const named = new Set(dead.commits.flatMap((commit) => commit.objects.map((object) => object.key)));
  const touched = new Map<string, Set<number>>();
  for (const commit of dead.commits) touched.set(commit.head, (touched.get(commit.head) ?? new Set()).add(commit.batch));

  for (const head of dead.heads) {
    const place = headPlace(head.id);
    const table = tableOf(head.bookmark);
    if (place === undefined || table === undefined) continue;
    const batches = (touched.get(head.id) ?? new Set<number>()).add(head.batch + 1);
    const of = {
      ...(settings.keyTemplate === undefined ? {} : { template: settings.keyTemplate }),
      integration: settings.integration,
      table,
      version: place.version,
    };
    const read = objectKeyReader(of);
    const isOrphan = (key: string): boolean => {
      const name = read(key);
      return name !== undefined && sameUnit(name, place.unit) && batches.has(name.batch) && name.fence < head.fence && !named.has(sink.nameOf(key));
    };
    const orphans: string[] = [];
    for await (const { key } of sink.list(objectKeyPrefix(of), signal)) if (isOrphan(key)) orphans.push(key);
    if (orphans.length > 0) await sink.remove(orphans, signal);
    const uploads = await sink.abandonUploads(objectKeyPrefix(of), isOrphan, signal);
    if (orphans.length + uploads > 0) log.log('INFO', 'orphans-swept', { head: head.id, objects: orphans.length, uploads });
  }
}

function sameUnit(name: ObjectName, unit: KeyUnit): boolean {
  if (name.unit.kind !== unit.kind) return false;
  return name.unit.kind !== 'copy' || unit.kind !== 'copy' || name.unit.range === unit.range;
}
