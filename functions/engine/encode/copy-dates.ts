import type { ByteWriter } from './byte-writer.ts';

const TAB = 0x09;
const QUOTE = 0x22;

// Four bytes of the form and, per byte, what brings the difference from it to 0x80 or more if the byte is neither the separator nor a digit.
const DDDD = 0x30303030;
const DIGITS = 0x76767676;
const _DD_ = 0x2d30302d;
const SEPARATED = 0x7f76767f;
const D_DD = 0x30302d30;
const DIGITS_DASH = 0x76767f76;
const DD_BLANK_D = 0x30203030;
const DIGITS_BLANK = 0x767f7676;
const BLANK_TO_T = (0x20 ^ 0x54) << 16;
const D_COLON_DD = 0x30303a30;
const DIGITS_COLON = 0x76767f76;

/** A timestamp from year 1 to 9999, as `"2020-02-03T04:05:06.789Z"`. */
export function copyTimestamp(bytes: Buffer, view: DataView, start: number, end: number, out: ByteWriter): number {
  const fractionEnd = writeDateTime(bytes, view, start, end, out);
  if (fractionEnd < 0 || (fractionEnd < end && bytes[fractionEnd] !== TAB)) return -1;
  closeDateTime(fractionEnd - start, out);
  return fractionEnd;
}

/** As {@link copyTimestamp}, from text that ends in `+00`. */
export function copyTimestamptz(bytes: Buffer, view: DataView, start: number, end: number, out: ByteWriter): number {
  const fractionEnd = writeDateTime(bytes, view, start, end, out);
  if (fractionEnd < 0 || !isUtcEnd(bytes, fractionEnd, end)) return -1;
  closeDateTime(fractionEnd - start, out);
  return fractionEnd + 3;
}

/** A timestamp from year 1 to 9999 as Stitch has it, `"2020-02-03T04:05:06.789000+00:00"`. */
export function copyStitchTimestamp(bytes: Buffer, view: DataView, start: number, end: number, out: ByteWriter): number {
  const fractionEnd = writeDateTime(bytes, view, start, end, out);
  if (fractionEnd < 0 || (fractionEnd < end && bytes[fractionEnd] !== TAB)) return -1;
  closeStitchDateTime(fractionEnd - start, out);
  return fractionEnd;
}

/** As {@link copyStitchTimestamp}, from text that ends in `+00`. */
export function copyStitchTimestamptz(bytes: Buffer, view: DataView, start: number, end: number, out: ByteWriter): number {
  const fractionEnd = writeDateTime(bytes, view, start, end, out);
  if (fractionEnd < 0 || !isUtcEnd(bytes, fractionEnd, end)) return -1;
  closeStitchDateTime(fractionEnd - start, out);
  return fractionEnd + 3;
}

/** A date from year 1 to 9999. */
export function copyDate(bytes: Buffer, view: DataView, start: number, end: number, out: ByteWriter): number {
  if (!writeDate(bytes, view, start, end, out)) return -1;
  out.bytes[out.length + 11] = QUOTE;
  out.length += 12;
  return start + 10;
}

/** A date from year 1 to 9999 as Stitch has it, `"2020-02-03T00:00:00+00:00"`. */
export function copyStitchDate(bytes: Buffer, view: DataView, start: number, end: number, out: ByteWriter): number {
  if (!writeDate(bytes, view, start, end, out)) return -1;
  out.length += 11;
  out.writeAscii('T00:00:00+00:00"');
  return start + 10;
}

function isOther(four: number, form: number, allowance: number): boolean {
  const difference = four ^ form;
  return ((((difference & 0x7f7f7f7f) + allowance) | difference) & 0x80808080) !== 0;
}

/** Writes `"2020-02-03T04:05:06.789` beyond `out.length`, without moving it; returns where the fraction ends, or -1. */
function writeDateTime(bytes: Buffer, view: DataView, start: number, end: number, out: ByteWriter): number {
  if (start + 19 > end) return -1;
  const year = view.getInt32(start, true);
  const month = view.getInt32(start + 4, true);
  const day = view.getInt32(start + 8, true);
  const minute = view.getInt32(start + 12, true);
  const second = view.getInt32(start + 15, true);
  if (isOther(year, DDDD, DIGITS) || isOther(month, _DD_, SEPARATED) || isOther(day, DD_BLANK_D, DIGITS_BLANK)) return -1;
  // 12..15 is `4:05`, 15..18 is `5:06`.
  if (isOther(minute, D_COLON_DD, DIGITS_COLON) || isOther(second, D_COLON_DD, DIGITS_COLON)) return -1;
  const o = out.length;
  const target = out.view;
  out.bytes[o] = QUOTE;
  target.setInt32(o + 1, year, true);
  target.setInt32(o + 5, month, true);
  target.setInt32(o + 9, day ^ BLANK_TO_T, true);
  target.setInt32(o + 13, minute, true);
  target.setInt32(o + 16, second, true);
  let i = start + 19;
  if (i >= end || bytes[i] !== 0x2e) return i;
  let at = o + 20;
  out.bytes[at++] = 0x2e;
  for (i++; i < end && i < start + 26; i++) {
    const c = bytes[i] ?? 0;
    if (c < 0x30 || c > 0x39) break;
    out.bytes[at++] = c;
  }
  return i === start + 20 ? -1 : i;
}

function closeDateTime(length: number, out: ByteWriter): void {
  const o = out.length + 1 + length;
  out.bytes[o] = 0x5a;
  out.bytes[o + 1] = QUOTE;
  out.length = o + 2;
}

function closeStitchDateTime(length: number, out: ByteWriter): void {
  const target = out.bytes;
  let o = out.length + 1 + length;
  // 19 bytes have no fraction; with one they become 26.
  for (let k = length; k > 19 && k < 26; k++) target[o++] = 0x30;
  out.length = o;
  out.writeAscii('+00:00"');
}

/** Whether `+00` and the end of the field stand at `i`. */
function isUtcEnd(bytes: Buffer, i: number, end: number): boolean {
  if (i + 3 > end || bytes[i] !== 0x2b || bytes[i + 1] !== 0x30 || bytes[i + 2] !== 0x30) return false;
  return i + 3 === end || bytes[i + 3] === TAB;
}

/** Writes `"2020-02-03` beyond `out.length`, without moving it, if a date and nothing else stands at `start`. */
function writeDate(bytes: Buffer, view: DataView, start: number, end: number, out: ByteWriter): boolean {
  if (start + 10 > end || (start + 10 < end && bytes[start + 10] !== TAB)) return false;
  const a = view.getInt32(start, true);
  const b = view.getInt32(start + 4, true);
  const c = view.getInt32(start + 6, true);
  if (isOther(a, DDDD, DIGITS) || isOther(b, _DD_, SEPARATED) || isOther(c, D_DD, DIGITS_DASH)) return false;
  const o = out.length;
  const target = out.view;
  out.bytes[o] = QUOTE;
  target.setInt32(o + 1, a, true);
  target.setInt32(o + 5, b, true);
  target.setInt32(o + 7, c, true);
  return true;
}
