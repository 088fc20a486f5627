import type { ValueType } from '../model/catalog.ts';
import type { ByteWriter } from './byte-writer.ts';
import {
  copyDate,
  copyStitchDate,
  copyStitchTimestamp,
  copyStitchTimestamptz,
  copyTimestamp,
  copyTimestamptz,
} from './copy-dates.ts';
import { copyBoolean, copyNumber, copyText } from './copy-scalars.ts';
import type { ValueForm } from './value-writer.ts';

/**
 * Writes one field of COPY text that begins at `i` and is not NULL, in one pass that finds its end, removes COPY's escapes and writes JSON.
 * `view` is the same memory as `bytes`. Returns where the field ends (at its tab or at `end`), or -1, with nothing written, if its text is
 * unusual: the caller then takes the general way. Six bytes for every byte up to `end` and FIELD_SLACK more must be reserved.
 */
export type CopyField = (bytes: Buffer, view: DataView, i: number, end: number, out: ByteWriter) => number;

/** What a field may take beyond six bytes for each of its own: quotes, a time zone, and what a store of four bytes overshoots. */
export const FIELD_SLACK = 16;

/** The one-pass writer of a type; undefined where values always take the general way. Writes what `valueWriter` of the type writes. */
export function copyFieldOf(type: ValueType, form: ValueForm): CopyField | undefined {
  const isStitch = form.profile === 'stitch';
  switch (type.kind) {
    case 'text':
    case 'interval':
      return copyText;
    case 'json':
      return form.jsonColumns === 'string' ? copyText : undefined;
    case 'number':
      return copyNumber;
    case 'boolean':
      return copyBoolean;
    case 'timestamp':
      return isStitch ? copyStitchTimestamp : copyTimestamp;
    case 'timestamptz':
      return isStitch ? copyStitchTimestamptz : copyTimestamptz;
    case 'date':
      return isStitch ? copyStitchDate : copyDate;
    default:
      return undefined;
  }
}
