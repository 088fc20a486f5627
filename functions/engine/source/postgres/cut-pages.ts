import type { CopyRange, PagePart } from '../../model/bookmark.ts';
import type { CurrentStorage } from './cut-storage.ts';

/** So many small leaves share one range, and one statement. */
const MAX_PARTS = 64;

/**
 * Ranges of pages of about `rangeBytes`. The last one of each storage has no end, for pages that are added meanwhile; an empty storage has one too,
 * since rows may come before the copy begins. Small leaves of a partitioned table share ranges.
 */
export function pageRanges(storage: readonly CurrentStorage[], rangeBytes: number): readonly CopyRange[] {
  const ranges: CopyRange[] = [];
  let shared: PagePart[] = [];
  let sharedBytes = 0;
  const closeShared = (): void => {
    if (shared.length > 0) ranges.push({ kind: 'pages', parts: shared });
    shared = [];
    sharedBytes = 0;
  };
  for (const one of storage) {
    const bytes = Number(one.bytes);
    if (bytes > rangeBytes) {
      for (const part of cutOne(one, Math.ceil(bytes / rangeBytes))) ranges.push({ kind: 'pages', parts: [part] });
      continue;
    }
    if (sharedBytes + bytes > rangeBytes || shared.length === MAX_PARTS) closeShared();
    shared.push(partOf(one, 0));
    sharedBytes += bytes;
  }
  closeShared();
  return ranges;
}

function cutOne(storage: CurrentStorage, count: number): readonly PagePart[] {
  // TOAST counts for the size, but only the main pages can be cut.
  const starts = [...new Set(Array.from({ length: count }, (_, index) => Math.floor((storage.pages * index) / count)))];
  return starts.map((from, index) => partOf(storage, from, starts[index + 1]));
}

function partOf({ schema, table, filenode }: CurrentStorage, from: number, to?: number): PagePart {
  return { schema, table, filenode, from, ...(to === undefined ? {} : { to }) };
}
