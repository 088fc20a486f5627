import type { LogRelation } from '../../model/log-change.ts';
import type { JobStream } from '../job.ts';

const NONE: readonly JobStream[] = [];

/**
 * Finds the streams of a relation in the log: by OID where the plugin sends it (a renamed table stays itself), else by name. Leaves of a partitioned table are their root's;
 * a child by inheritance is its own stream and its parent's, as a SELECT of either shows its rows. Answers are remembered per relation object.
 */
export function relationIndex(streams: readonly JobStream[]): (relation: LogRelation) => readonly JobStream[] {
  const byOid = new Map<number, JobStream[]>();
  const byName = new Map<string, JobStream[]>();
  for (const stream of streams) {
    const { name, oid, storage } = stream.table;
    const places = [{ schema: name.schema, table: name.table, oid }, ...storage.filter((place) => place.oid !== oid)];
    for (const place of places) {
      add(byOid, place.oid, stream);
      add(byName, nameOf(place.schema, place.table), stream);
    }
  }
  const known = new WeakMap<LogRelation, readonly JobStream[]>();
  return (relation) => {
    const remembered = known.get(relation);
    if (remembered !== undefined) return remembered;
    const found = relation.oid === 0 ? byName.get(nameOf(relation.schema, relation.table)) : byOid.get(relation.oid);
    known.set(relation, found ?? NONE);
    return found ?? NONE;
  };
}

function add<K>(index: Map<K, JobStream[]>, key: K, stream: JobStream): void {
  const known = index.get(key);
  if (known === undefined) index.set(key, [stream]);
  else known.push(stream);
}

function nameOf(schema: string, table: string): string {
  return JSON.stringify([schema, table]);
}
