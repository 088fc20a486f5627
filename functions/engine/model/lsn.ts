declare const lsnBrand: unique symbol;

/** A WAL position: an unsigned 64-bit integer that PostgreSQL prints as `16/B374D848`. Compare with `<`, never as text. */
export type Lsn = bigint & { readonly [lsnBrand]: true };

/** Parses PostgreSQL's `hi/lo` form. Throws a RangeError on anything else. https://www.postgresql.org/docs/current/datatype-pg-lsn.html */
export function parseLsn(text: string): Lsn {
  const match = /^([0-9a-fA-F]{1,8})\/([0-9a-fA-F]{1,8})$/.exec(text);
  if (match === null) throw new RangeError('not a WAL position of the form 16/B374D848');
  return ((BigInt(`0x${match[1] ?? ''}`) << 32n) | BigInt(`0x${match[2] ?? ''}`)) as Lsn;
}

/** Prints a WAL position the way PostgreSQL does. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`;
}
