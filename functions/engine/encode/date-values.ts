import type { ByteWriter } from './byte-writer.ts';
import { equals } from './plain-values.ts';
import { UnreadableValueError } from './unreadable-value.ts';
import type { ValueForm, ValueWriter } from './value-writer.ts';

const QUOTE = 0x22;
const DATE = pattern('0000-00-00');
const DATE_TIME = pattern('0000-00-00 00:00:00');
const UTC = Buffer.from('+00');
/** Longer than any date or timestamp. */
const MAX_BYTES = 64;
const ANY = /^(?<year>\d{4,7})-(?<day>\d\d-\d\d)(?: (?<time>\d\d:\d\d:\d\d(?:\.\d{1,6})?))?(?<utc>\+00)?(?: (?<era>BC))?$/;

type Kind = 'date' | 'timestamp' | 'timestamptz';

/**
 * `2020-02-03 04:05:06.789` as `"2020-02-03T04:05:06.789Z"`; `infinity` is kept, years before 1 and after 9999 are in ISO 8601's expanded form
 * (44 BC is `-0043`, 10000 is `+10000`). Stitch: `+00:00`, six digits or none after the point, infinities and years out of range clamped.
 */
export function timestampWriter(profile: ValueForm['profile']): ValueWriter {
  return dateTimeWriter('timestamp', profile);
}

/** As {@link timestampWriter}. A session that is not in UTC gives unreadable values, never shifted ones. */
export function timestamptzWriter(profile: ValueForm['profile']): ValueWriter {
  return dateTimeWriter('timestamptz', profile);
}

/** `2020-02-03` as it is, with the same expanded forms as {@link timestampWriter}; for Stitch a date-time at midnight. */
export function dateWriter(profile: ValueForm['profile']): ValueWriter {
  return (bytes, start, end, out) => {
    if (end - start !== DATE.length || !matches(bytes, start, end, DATE)) {
      writeUnusual(bytes, start, end, out, { kind: 'date', profile });
      return;
    }
    out.writeByte(QUOTE);
    out.writeBytes(bytes, start, end);
    out.writeAscii(profile === 'stitch' ? 'T00:00:00+00:00"' : '"');
  };
}

function dateTimeWriter(kind: 'timestamp' | 'timestamptz', profile: ValueForm['profile']): ValueWriter {
  return (bytes, start, end, out) => {
    const timeEnd = matches(bytes, start, end, DATE_TIME) ? fractionEnd(bytes, start + DATE_TIME.length, end) : -1;
    const regular = timeEnd >= 0 && (kind === 'timestamptz' ? equals(bytes, timeEnd, end, UTC) : timeEnd === end);
    if (!regular) {
      writeUnusual(bytes, start, end, out, { kind, profile });
      return;
    }
    out.writeByte(QUOTE);
    out.writeBytes(bytes, start, start + DATE.length);
    out.writeByte(0x54);
    out.writeBytes(bytes, start + DATE.length + 1, timeEnd);
    if (profile === 'default') {
      out.writeAscii('Z"');
    } else {
      padFraction(timeEnd - start - DATE_TIME.length, out);
      out.writeAscii('+00:00"');
    }
  };
}

/** Infinities, years before 1 and after 9999; everything else is unreadable. */
function writeUnusual(
  bytes: Buffer,
  start: number,
  end: number,
  out: ByteWriter,
  form: { readonly kind: Kind; readonly profile: ValueForm['profile'] },
): void {
  const text = end - start > MAX_BYTES ? '' : bytes.toString('latin1', start, end);
  if (text === 'infinity' || text === '-infinity') {
    out.writeAscii(`"${form.profile === 'stitch' ? clamped(text === 'infinity' ? 'last' : 'first', form.kind) : text}"`);
    return;
  }
  const groups = ANY.exec(text)?.groups;
  const { year, day, time } = groups ?? {};
  if (year === undefined || day === undefined) throw new UnreadableValueError();
  if ((time === undefined) !== (form.kind === 'date') || (groups?.utc === undefined) !== (form.kind !== 'timestamptz'))
    throw new UnreadableValueError();
  const astronomical = groups?.era === undefined ? Number(year) : 1 - Number(year);
  if (form.profile === 'default') {
    out.writeAscii(`"${expandedYear(astronomical)}-${day}${time === undefined ? '' : `T${time}Z`}"`);
  } else if (astronomical < 1) {
    out.writeAscii(`"${clamped('first', form.kind)}"`);
  } else {
    // As the driver of Stitch's tap: the year alone is clamped; 9999 is no leap year.
    const clampedDay = astronomical > 9999 && day === '02-29' ? '02-28' : day;
    out.writeAscii(`"${String(Math.min(astronomical, 9999)).padStart(4, '0')}-${clampedDay}T${time ?? '00:00:00'}`);
    if (time !== undefined) padFraction(time.length - 8, out);
    out.writeAscii('+00:00"');
  }
}

function clamped(to: 'first' | 'last', kind: Kind): string {
  if (to === 'first') return '0001-01-01T00:00:00+00:00';
  return kind === 'date' ? '9999-12-31T00:00:00+00:00' : '9999-12-31T23:59:59.999999+00:00';
}

function expandedYear(year: number): string {
  const digits = String(Math.abs(year)).padStart(4, '0');
  if (year < 0) return `-${digits}`;
  return year > 9999 ? `+${digits}` : digits;
}

/** Fills a fraction of `length` bytes, its point included, up to six digits; none stays none. */
export function padFraction(length: number, out: ByteWriter): void {
  if (length > 0) out.writeAscii('000000'.slice(length - 1));
}

/** The end of an optional `.` and one to six digits at `start`. */
export function fractionEnd(bytes: Buffer, start: number, end: number): number {
  if (start >= end || bytes[start] !== 0x2e) return start;
  let i = start + 1;
  while (i < end && i < start + 7 && isDigit(bytes[i])) i++;
  return i === start + 1 ? start : i;
}

/** Makes a pattern for {@link matches}: `0` is any digit, everything else itself. */
export function pattern(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}

/** Whether the bytes at `start` begin with the pattern. */
export function matches(bytes: Buffer, start: number, end: number, expected: Uint8Array): boolean {
  if (end - start < expected.length) return false;
  for (let k = 0; k < expected.length; k++) {
    const want = expected[k];
    if (want === 0x30 ? !isDigit(bytes[start + k]) : bytes[start + k] !== want) return false;
  }
  return true;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
