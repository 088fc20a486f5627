import { afterAll, beforeAll, expect, test } from 'vitest';
import { sharedServer } from '../support/postgres.ts';
import { hasWal2json } from '../support/wal2json.ts';
import { runCell } from './cell.ts';
import { columnName } from './columns.ts';
import type { Column } from './columns.ts';
import { openStores } from './stores.ts';
import type { Stores } from './stores.ts';
import { everyMethod } from './subset.ts';

/** The tests of one kind of store: every failpoint by every method. `npm run crash-matrix` has all decoders by both kinds of store. */
export function testMatrix(store: Column['store']): void {
  let stores: Stores;
  beforeAll(async () => {
    stores = await openStores();
  });
  afterAll(() => stores[Symbol.asyncDispose]());

  const cells = everyMethod().flatMap(({ name, column }) =>
    column.store === store ? [{ name, column, way: columnName(column) }] : [],
  );
  const isAble = ({ column }: (typeof cells)[number]): boolean => column.log?.plugin !== 'wal2json' || hasWal2json();
  // Without wal2json its cells are reported as skipped: node scripts/install-wal2json.mjs installs it.
  test.skip.each(cells.filter((cell) => !isAble(cell)))('killed at $name by $way', () => undefined);
  test.each(cells.filter(isAble))(
    'killed at $name by $way, nothing is lost, named twice or left over',
    async ({ name, column }) => {
      const { broken } = await runCell({ stores, serverOf: sharedServer }, name, column);

      expect(broken).toEqual([]);
    },
  );
}
