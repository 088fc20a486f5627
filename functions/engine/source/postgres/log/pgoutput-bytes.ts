import type { Lsn } from '../../../model/lsn.ts';
import { logUnreadable } from './log-unreadable.ts';

/** Bytes that stop before the message should. */
export function cutOff(): Error {
  return logUnreadable('pgoutput', 'a message that is cut off');
}

/** Reads unsigned: OIDs and transaction ids go beyond 2^31. */
export function uint32(bytes: Buffer, i: number, end: number): number {
  if (i + 4 > end) throw cutOff();
  return bytes.readUInt32BE(i);
}

export function uint16(bytes: Buffer, i: number, end: number): number {
  if (i + 2 > end) throw cutOff();
  return bytes.readUInt16BE(i);
}

export function byte(bytes: Buffer, i: number, end: number): number {
  if (i >= end) throw cutOff();
  return bytes[i] ?? 0;
}

export function lsnAt(bytes: Buffer, i: number, end: number): Lsn {
  if (i + 8 > end) throw cutOff();
  return bytes.readBigUInt64BE(i) as Lsn;
}

export function int64(bytes: Buffer, i: number, end: number): bigint {
  if (i + 8 > end) throw cutOff();
  return bytes.readBigInt64BE(i);
}

/** Where the string that begins at `i` has its closing zero. */
export function stringEnd(bytes: Buffer, i: number, end: number): number {
  let zero = i;
  while (zero < end && bytes[zero] !== 0) zero++;
  if (zero >= end) throw cutOff();
  return zero;
}

/** The message must stop where it was read to. */
export function atEnd(i: number, end: number): void {
  if (i !== end) throw logUnreadable('pgoutput', 'a message that goes on behind its end');
}
