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

/** What a field may take beyond six bytes for each of its own: quotes, a time zone, and what a store of four bytes overshoots. */
export const FIELD_SLACK = 16;

/** The ways from COPY text to JSON in one pass, as numbers: a row's fields are a plain array of them. */
export const COPY_FORM = {
  /** No way in one pass. */
  none: 0,
  text: 1,
  number: 2,
  boolean: 3,
  timestamp: 4,
  timestamptz: 5,
  date: 6,
  stitchTimestamp: 7,
  stitchTimestamptz: 8,
  stitchDate: 9,
} as const;

/** The one-pass form of a type; it writes what `valueWriter` of the type writes. */
export function copyFormOf(type: ValueType, form: ValueForm): number {
  const isStitch = form.profile === 'stitch';
  switch (type.kind) {
    case 'text':
    case 'interval':
      return COPY_FORM.text;
    case 'json':
      return form.jsonColumns === 'string' ? COPY_FORM.text : COPY_FORM.none;
    case 'number':
      return COPY_FORM.number;
    case 'boolean':
      return COPY_FORM.boolean;
    case 'timestamp':
      return isStitch ? COPY_FORM.stitchTimestamp : COPY_FORM.timestamp;
    case 'timestamptz':
      return isStitch ? COPY_FORM.stitchTimestamptz : COPY_FORM.timestamptz;
    case 'date':
      return isStitch ? COPY_FORM.stitchDate : COPY_FORM.date;
    case 'bit':
    case 'time':
    case 'timetz':
    case 'bytea':
    case 'hstore':
    case 'array':
    case 'composite':
      return COPY_FORM.none;
  }
}

/**
 * Writes one field of COPY text that begins at `i` and is not NULL, in one pass that finds its end, removes COPY's escapes and writes JSON.
 * `view` is the same memory as `bytes`. Returns where the field ends (at its tab or at `end`), or -1, with nothing written, if its text is
 * unusual: the caller then takes the general way. Six bytes for every byte up to `end` and FIELD_SLACK more must be reserved.
 */
export function copyField(form: number, bytes: Buffer, view: DataView, i: number, end: number, out: ByteWriter): number {
  // Direct calls: V8 has one target for each, whatever table it is that is being read.
  switch (form) {
    case COPY_FORM.text:
      return copyText(bytes, view, i, end, out);
    case COPY_FORM.number:
      return copyNumber(bytes, view, i, end, out);
    case COPY_FORM.boolean:
      return copyBoolean(bytes, view, i, end, out);
    case COPY_FORM.timestamp:
      return copyTimestamp(bytes, view, i, end, out);
    case COPY_FORM.timestamptz:
      return copyTimestamptz(bytes, view, i, end, out);
    case COPY_FORM.date:
      return copyDate(bytes, view, i, end, out);
    case COPY_FORM.stitchTimestamp:
      return copyStitchTimestamp(bytes, view, i, end, out);
    case COPY_FORM.stitchTimestamptz:
      return copyStitchTimestamptz(bytes, view, i, end, out);
    case COPY_FORM.stitchDate:
      return copyStitchDate(bytes, view, i, end, out);
    default:
      return -1;
  }
}
