import type { KeyUnit } from '../plan/key-template.ts';
import type { Json } from '../ledger/ledger.ts';

/** What a head advances: see `streamItems` and `slotHead` for how its id is made. */
export type HeadPlace =
  | { readonly kind: 'stream'; readonly stream: string; readonly version: number; readonly unit: KeyUnit }
  | { readonly kind: 'slot'; readonly database: string };

/** Ids of everything that advances begin so. */
export const HEAD_PREFIXES = ['copy/', 'key/', 'slot/'] as const;

/** Reads the id of a head; undefined for ids of another form. */
export function headPlace(id: string): HeadPlace | undefined {
  const pattern =
    /^(?:copy\/(?<copied>.+)\/(?<copyVersion>\d+)\/(?<range>\d{6})|key\/(?<keyed>.+)\/(?<keyVersion>\d+)|slot\/(?<database>.+))$/s;
  const groups = pattern.exec(id)?.groups;
  if (groups === undefined) return undefined;
  const { copied, copyVersion, range, keyed, keyVersion, database } = groups;
  if (database !== undefined) return { kind: 'slot', database };
  if (copied !== undefined)
    return { kind: 'stream', stream: copied, version: Number(copyVersion), unit: { kind: 'copy', range: Number(range) } };
  return { kind: 'stream', stream: keyed ?? '', version: Number(keyVersion), unit: { kind: 'key' } };
}

/** Bookmarks of heads name the destination table, so that what a dead job left of it can be found without its selection. */
export function tableOf(bookmark: Json): string | undefined {
  return typeof bookmark === 'object' && bookmark !== null && 'table' in bookmark && typeof bookmark.table === 'string'
    ? bookmark.table
    : undefined;
}
