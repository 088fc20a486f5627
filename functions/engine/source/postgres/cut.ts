import type { CopyRange } from '../../model/bookmark.ts';
import type { Table } from '../../model/catalog.ts';
import type { Connection } from './connection.ts';
import { beginRead } from './copy-transaction.ts';
import { keyRanges } from './cut-keys.ts';
import { pageRanges } from './cut-pages.ts';
import { currentStorage } from './cut-storage.ts';
import type { CurrentStorage } from './cut-storage.ts';

/** A table has no more ranges than about this: each is a claim, a commit and an object. */
const MAX_RANGES = 2_000;

const WHOLE: readonly CopyRange[] = [{ kind: 'whole' }];

/**
 * Cuts a table into ranges of about `rangeBytes` (more where there would be over 2,000 of them), and a last one, `catch-up`, which is to be read after
 * all others are done. Ranges may be read in any order, in parallel, in different jobs, each in a snapshot of its own, and still every row arrives:
 *
 * A row version older than `CopyStart.oldestXid` was finished when the copy began. It never changes its place or its key and is visible to every later
 * snapshot until it is deleted: the one range that has its place delivers it, once. All other versions are left to the catch-up, which reads
 * them in one snapshot. A row that was updated meanwhile is in a range (the old version) and in the catch-up, whose `_sdc_sequence` is higher. A row
 * that was deleted meanwhile may have been delivered: the log, or the next copy, tells.
 *
 * That takes a key to put the two versions of a row together. So a table without a primary key is one COPY in one snapshot, as are views and
 * foreign tables, which have no row versions at all. A materialized view has no key either, but rarely changes: its catch-up refuses new versions.
 */
export async function cut(
  connection: Connection,
  table: Table,
  rangeBytes: number,
  signal: AbortSignal,
): Promise<readonly CopyRange[]> {
  if (!canBeCut(connection, table)) return WHOLE;
  await using _ = await beginRead(connection, { isolation: 'read committed' }, signal);
  const storage = await currentStorage(connection, table, signal);
  const bytes = storage.reduce((sum, { bytes }) => sum + Number(bytes), 0);
  const ranges =
    bytes <= rangeBytes || !storage.every(({ isHeap }) => isHeap)
      ? []
      : await rangesOf(
          connection,
          { table, storage, bytes, rangeBytes: Math.max(rangeBytes, Math.ceil(bytes / MAX_RANGES)) },
          signal,
        );
  if (ranges.length < 2) return WHOLE;
  return [...ranges, { kind: 'catch-up', known: storage.map(({ identity }) => identity) }];
}

function canBeCut({ dialect }: Connection, table: Table): boolean {
  switch (table.kind) {
    case 'table':
    case 'partitioned-table':
      // Before 9.4 freezing overwrites xmin, so a new version could become an old one.
      return table.primaryKey.length > 0 && dialect.version >= 90_400;
    case 'materialized-view':
      return dialect.hasTidRangeScan;
    case 'view':
    case 'foreign-table':
      return false;
  }
}

interface Cutting {
  readonly table: Table;
  readonly storage: readonly CurrentStorage[];
  readonly bytes: number;
  readonly rangeBytes: number;
}

async function rangesOf(
  connection: Connection,
  { table, storage, bytes, rangeBytes }: Cutting,
  signal: AbortSignal,
): Promise<readonly CopyRange[]> {
  // Neither the rights nor the policies of a root hold for a leaf that is read directly.
  const isSameRows = storage.every(({ isReadable, isLeaf }) => isReadable && !(isLeaf && table.rowSecurity));
  if (connection.dialect.hasTidRangeScan && isSameRows) return pageRanges(storage, rangeBytes);
  return keyRanges(connection, table, Math.ceil(bytes / rangeBytes), signal);
}
