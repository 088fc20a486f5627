import { createDatabaseOn } from '../support/test-database.ts';
import type { ServerAddress, TestDatabase } from '../support/test-database.ts';
import type { IntegrationYaml } from '../support/workspace.ts';
import type { Column } from './columns.ts';
import { fillSource } from './source.ts';
import type { Place, Stores } from './stores.ts';

/** What cells run on. */
export interface Bench {
  readonly stores: Stores;
  readonly serverOf: (major: number) => Promise<ServerAddress>;
}

/** A source of its own, and a place to replicate it to. */
export interface Scene extends AsyncDisposable {
  readonly db: TestDatabase;
  readonly place: Place;
}

/** Fills a fresh database and makes a configuration for it. */
export async function openScene(
  { stores, serverOf }: Bench,
  column: Column,
  { isWide, connections = 1 }: { readonly isWide: boolean; readonly connections?: number },
): Promise<Scene> {
  const db = await createDatabaseOn(await serverOf(column.major), column.major, { sessionsAtEnd: 'any' });
  await fillSource(db, { isWide });
  const place = await stores.openPlace(column.store, db, yamlOf(column, { slot: db.database, isWide, connections }));
  return {
    db,
    place,
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]();
      await db[Symbol.asyncDispose]();
    },
  };
}

interface SceneSettings {
  readonly slot: string;
  readonly isWide: boolean;
  readonly connections: number;
}

function yamlOf({ method, log }: Column, { slot, isWide, connections }: SceneSettings): IntegrationYaml {
  const table = (name: string): string =>
    `  - { table: public.${name}, method: ${method}${method === 'INCREMENTAL' ? ', replicationKey: at' : ''} }`;
  return {
    lines: [
      `rangeBytes: ${isWide ? '1 GiB' : '32 KiB'}`,
      // With one worker, what a job comes by, and how often, is the same each time.
      `connections: ${String(connections)}`,
      ...(log === undefined ? [] : [`logBased: { plugin: ${log.plugin}, consume: ${log.consume}, slot: ${slot} }`]),
      'tables:',
      table('items'),
      table('small'),
    ],
    destination: isWide ? ['compression: none'] : ['rotateBytes: 20000'],
  };
}
