import type { LogTransaction } from '../../../model/log-change.ts';
import { parseLsn } from '../../../model/lsn.ts';
import type { Lsn } from '../../../model/lsn.ts';
import { commitTimeOf } from './commit-time.ts';
import { logUnreadable } from './log-unreadable.ts';
import type { JsonReader } from './wal2json-json.ts';

/** Where the members of a transaction's head have their values. */
export interface HeadPlaces {
  readonly xid?: number | undefined;
  readonly timestamp?: number | undefined;
  readonly lsn?: number | undefined;
  readonly nextlsn?: number | undefined;
}

/** Reads a transaction from its members; `reader` is moved. */
export function wal2jsonTransaction(reader: JsonReader, places: HeadPlaces, commitLsn: Lsn): LogTransaction {
  if (places.xid === undefined) throw logUnreadable('wal2json', 'a transaction without its number (include-xids)');
  if (places.timestamp === undefined) throw logUnreadable('wal2json', 'a transaction without its time (include-timestamp)');
  reader.i = places.xid;
  const xid = reader.integer();
  reader.i = places.timestamp;
  const committedAt = commitTimeOf(reader.string());
  if (committedAt === undefined) throw logUnreadable('wal2json', 'a time of commit that is none');
  return { xid, commitLsn, committedAt };
}

/** Reads the position at `place`; undefined if there is none. `reader` is moved. */
export function wal2jsonLsn(reader: JsonReader, place: number | undefined): Lsn | undefined {
  if (place === undefined) return undefined;
  reader.i = place;
  const text = reader.string();
  try {
    return parseLsn(text);
  } catch (cause) {
    throw logUnreadable('wal2json', 'a position that is none', { cause });
  }
}
