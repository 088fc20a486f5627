import type { LookBack } from './config.ts';
import { parseDuration } from './units.ts';

/** PostgreSQL keeps `statement_timeout` in a 32-bit integer of milliseconds. */
const MAX_STATEMENT_TIMEOUT_SECONDS = 2_147_483;

/** Milliseconds of `2 hours`; 0 for `none`; undefined for anything else. */
export function parseStatementTimeout(text: string): number | undefined {
  if (text === 'none') return 0;
  const seconds = parseDuration(text);
  return seconds !== undefined && seconds >= 1 && seconds <= MAX_STATEMENT_TIMEOUT_SECONDS ? seconds * 1000 : undefined;
}

/** A duration of at most 366 days for time keys, or a whole number (as text if it is large) for numeric keys; undefined for anything else. */
export function parseLookBack(value: string | number): LookBack | undefined {
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && value >= 0 ? { kind: 'number', amount: String(value) } : undefined;
  if (/^\d{1,30}$/.test(value)) return { kind: 'number', amount: value.replace(/^0+(?=\d)/, '') };
  const seconds = parseDuration(value);
  return seconds !== undefined && seconds <= 366 * 86_400 ? { kind: 'interval', seconds } : undefined;
}

/** Whether text is an ISO 8601 time of a real day with a zone, from 1970 to 2199. */
export function isInstant(text: string): boolean {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null || Number.isNaN(Date.parse(text))) return false;
  const [year, month, day, hour] = match.slice(1, 5).map(Number);
  if (year === undefined || month === undefined || day === undefined || hour === undefined) return false;
  // Date.parse takes February 30 for March 2.
  return year >= 1970 && year <= 2199 && hour < 24 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** Whether the runtime knows a time zone by this IANA name. */
export function isTimeZone(text: string): boolean {
  // Offsets such as +02:00 are no zones to EventBridge.
  if (!/^[A-Za-z]/.test(text)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
