import type { Json } from '../../ledger/ledger.ts';
import type { OutputPlugin } from '../../model/log-change.ts';
import { parseLsn } from '../../model/lsn.ts';
import type { Lsn } from '../../model/lsn.ts';

/** Where the reading of a slot starts next time: the bookmark of the head `slot/<database>`. */
export interface SlotBookmark {
  readonly slot: string;
  readonly plugin: OutputPlugin;
  /** Another server behind the same name is no continuation. Null where the role may not know. */
  readonly systemIdentifier: string | null;
  readonly timeline: number | null;
  /** Everything that committed before this position is durable. */
  readonly lsn: Lsn;
  /** How far a transaction was read that did not fit into one batch: changes below `lsn`, and `count` of those at it, are durable. */
  readonly inside: { readonly commitLsn: Lsn; readonly lsn: Lsn; readonly count: number } | null;
  /** Table versions that a TRUNCATE began, until the states of the streams have them. */
  readonly truncated: Readonly<Record<string, number>>;
}

/** The id of the head of a database's slot. */
export function slotHead(database: string): string {
  return `slot/${database}`;
}

export function slotBookmarkJson(bookmark: SlotBookmark): Json {
  const { inside } = bookmark;
  return {
    ...bookmark,
    lsn: bookmark.lsn.toString(),
    inside: inside === null ? null : { commitLsn: inside.commitLsn.toString(), lsn: inside.lsn.toString(), count: inside.count },
  };
}

/** Reads the bookmark of a slot's head; undefined if it has none yet. */
export function parseSlotBookmark(value: Json | undefined): SlotBookmark | undefined {
  if (typeof value !== 'object' || value === null || !('slot' in value) || typeof value.lsn !== 'string') return undefined;
  const kept = value as unknown as Omit<SlotBookmark, 'lsn' | 'inside'> & {
    readonly lsn: string;
    readonly inside: { readonly commitLsn: string; readonly lsn: string; readonly count: number } | null;
  };
  return {
    ...kept,
    lsn: lsnOf(kept.lsn),
    inside:
      kept.inside === null
        ? null
        : { commitLsn: lsnOf(kept.inside.commitLsn), lsn: lsnOf(kept.inside.lsn), count: kept.inside.count },
  };
}

/** A position that is kept as a decimal number, as `_sdc_sequence` is, or in PostgreSQL's form. */
function lsnOf(text: string): Lsn {
  return text.includes('/') ? parseLsn(text) : (BigInt(text) as Lsn);
}

/** Whether two bookmarks are the same place, with the same versions to apply. */
export function sameBookmark(a: SlotBookmark, b: SlotBookmark): boolean {
  return JSON.stringify(slotBookmarkJson(a)) === JSON.stringify(slotBookmarkJson(b));
}
