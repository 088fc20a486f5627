import type { ValueType } from '../model/catalog.ts';
import type { ValueForm } from './value-writer.ts';

/** The kernel's ways from text to JSON, as it knows them: `kernel/values.ts`. */
export const KERNEL_FORM = {
  /** None: the host writes the value. */
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

/** Added to the form of an array's elements. */
const ARRAY_FORM = 16;

/** The kernel's way for a type; it writes what `valueWriter` of the type writes. */
export function kernelFormOf(type: ValueType, form: ValueForm): number {
  const isStitch = form.profile === 'stitch';
  switch (type.kind) {
    case 'text':
    case 'interval':
      return KERNEL_FORM.text;
    case 'json':
      return form.jsonColumns === 'string' ? KERNEL_FORM.text : KERNEL_FORM.none;
    case 'number':
      return KERNEL_FORM.number;
    case 'boolean':
      return KERNEL_FORM.boolean;
    case 'timestamp':
      return isStitch ? KERNEL_FORM.stitchTimestamp : KERNEL_FORM.timestamp;
    case 'timestamptz':
      return isStitch ? KERNEL_FORM.stitchTimestamptz : KERNEL_FORM.timestamptz;
    case 'date':
      return isStitch ? KERNEL_FORM.stitchDate : KERNEL_FORM.date;
    case 'array': {
      const element = kernelFormOf(type.element, form);
      return type.delimiter !== ',' || element === KERNEL_FORM.none ? KERNEL_FORM.none : ARRAY_FORM + element;
    }
    case 'bit':
    case 'time':
    case 'timetz':
    case 'bytea':
    case 'hstore':
    case 'composite':
      return KERNEL_FORM.none;
  }
}
