import { FAILPOINTS } from '../../functions/engine/runtime/failpoint-list.ts';
import type { Failpoint } from '../../functions/engine/runtime/failpoint-list.ts';
import { COLUMNS } from './columns.ts';
import type { Column } from './columns.ts';
import { whyUnreached } from './ways.ts';

/** A place in the matrix. */
export interface CellPlace {
  readonly name: Failpoint;
  readonly column: Column;
}

export const ALL_FAILPOINTS = Object.keys(FAILPOINTS) as readonly Failpoint[];

/** Every cell. */
export function wholeMatrix(): readonly CellPlace[] {
  return ALL_FAILPOINTS.flatMap((name) => COLUMNS.map((column) => ({ name, column })));
}

/** Every failpoint by every method that comes by it; decoders and kinds of store take turns, so that each meets a part of the failpoints. */
export function everyMethod(): readonly CellPlace[] {
  return ALL_FAILPOINTS.flatMap((name, turn) =>
    (['FULL_TABLE', 'INCREMENTAL', 'LOG_BASED'] as const).flatMap((method, offset) => {
      const able = COLUMNS.filter((column) => column.method === method && whyUnreached(name, column) === undefined);
      const column = able[(turn + offset) % able.length];
      return column === undefined ? [] : [{ name, column }];
    }),
  );
}
