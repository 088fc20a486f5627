import type { CopyStart } from '../../model/bookmark.ts';
import { quoteIdentifier } from './quote.ts';

/** Transactions that a copy may live through; see `isNewer`. */
export const MAX_COPY_XIDS = 2 ** 30;

/** `select` of columns in the order given. */
export function selectFrom(columns: readonly string[], from: string, where?: string): string {
  const list = columns.map((column) => quoteIdentifier(column)).join(', ');
  return `select ${list} from ${from}${where === undefined ? '' : ` where ${where}`}`;
}

/**
 * Whether a row version was made by a transaction that may have been running when the copy began, or by a later one.
 *
 * `xmin` has 32 bits, so this asks whether it lies less than 2^30 behind the copy's oldest transaction, modulo 2^32: an answer that depends on
 * nothing but the two, and so is the same in every snapshot, job and session. `age()` is only the way to a number: both ages are taken from the same
 * "now", which cancels out (and one of them from a sub-select, which is computed once). What follows:
 * - Permanent xids (2, frozen before 9.4; age is 2^31 - 1) are old.
 * - 9.4 and later keep the `xmin` of a frozen row. One frozen 3.2 to 4.3 thousand million transactions ago looks new: then the catch-up delivers it
 *   and no range does. Late, and right.
 * - A copy that lives through 2^30 transactions would take new for old; the catch-up refuses such a copy.
 * - A subtransaction has a higher xid than its parent, so what a running transaction wrote is new, whatever the subtransaction.
 */
export function isNewer(start: CopyStart): string {
  // A copy beside the log has no catch-up: its ranges deliver all that they see.
  if (start.oldestXid === null) return 'false';
  const xid = BigInt(start.oldestXid) & 0xffff_ffffn;
  return `((((select pg_catalog.age('${xid}'::pg_catalog.xid)) - pg_catalog.age(xmin)::int8) & 4294967295) < ${MAX_COPY_XIDS})`;
}
