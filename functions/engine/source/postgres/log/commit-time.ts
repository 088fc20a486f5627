/** Microseconds from 1970-01-01 to PostgreSQL's epoch, 2000-01-01. */
const POSTGRES_EPOCH_US = 946_684_800_000_000n;
/** What a `Date` can hold. */
const LAST_MS = 8_640_000_000_000_000n;
const TEXT = /^(?<day>\d{4,6}-\d\d-\d\d) (?<time>\d\d:\d\d:\d\d)(?:\.(?<fraction>\d{1,6}))?(?<offset>[+-]\d\d(?::\d\d){0,2})$/;

/** Microseconds of PostgreSQL's epoch as ISO 8601 in UTC with six digits of fraction; undefined beyond the years of a `Date`. */
export function commitTime(postgresUs: bigint): string | undefined {
  return isoOf(postgresUs + POSTGRES_EPOCH_US);
}

/** A `timestamptz` as the server prints it in ISO style, in any zone with a numeric offset, in the same form; undefined for other text. */
export function commitTimeOf(text: string): string | undefined {
  const groups = TEXT.exec(text)?.groups;
  if (groups === undefined) return undefined;
  const { day = '', time = '', fraction = '', offset = '' } = groups;
  const ms = Date.parse(`${day.length > 10 ? `+${day.padStart(12, '0')}` : day}T${time}Z`);
  if (Number.isNaN(ms)) return undefined;
  const [hours = '0', minutes = '0', seconds = '0'] = offset.slice(1).split(':');
  const east = BigInt((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000_000n;
  return isoOf(BigInt(ms) * 1000n + BigInt(fraction.padEnd(6, '0')) - (offset.startsWith('-') ? -east : east));
}

function isoOf(us: bigint): string | undefined {
  const below = ((us % 1000n) + 1000n) % 1000n;
  const ms = (us - below) / 1000n;
  if (ms > LAST_MS || ms < -LAST_MS) return undefined;
  return `${new Date(Number(ms)).toISOString().slice(0, -1)}${below.toString().padStart(3, '0')}Z`;
}
