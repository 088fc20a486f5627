import type { KeyUnit } from '../plan/key-template.ts';
import type { Json } from '../ledger/ledger.ts';

/** What a head advances: see `streamItems` for how its id is made. */
export interface HeadPlace {
  readonly stream: string;
  readonly version: number;
  readonly unit: KeyUnit;
}

/** Reads the id of a head; undefined for ids of another form. */
export function headPlace(id: string): HeadPlace | undefined {
  const match = /^(?:copy\/(?<copied>.+)\/(?<copyVersion>\d+)\/(?<range>\d{6})|key\/(?<keyed>.+)\/(?<keyVersion>\d+))$/s.exec(id);
  const groups = match?.groups;
  if (groups === undefined) return undefined;
  const { copied, copyVersion, range, keyed, keyVersion } = groups;
  if (copied !== undefined) return { stream: copied, version: Number(copyVersion), unit: { kind: 'copy', range: Number(range) } };
  return { stream: keyed ?? '', version: Number(keyVersion), unit: { kind: 'key' } };
}

/** Bookmarks of heads name the destination table, so that what a dead job left of it can be found without its selection. */
export function tableOf(bookmark: Json): string | undefined {
  return typeof bookmark === 'object' && bookmark !== null && 'table' in bookmark && typeof bookmark.table === 'string' ? bookmark.table : undefined;
}
