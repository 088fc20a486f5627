import type { ValueType } from '../model/catalog.ts';
import { arrayWriter } from './array-value.ts';
import type { ByteWriter } from './byte-writer.ts';
import { writeBytea } from './bytea-value.ts';
import { compositeWriter } from './composite-value.ts';
import { dateWriter, timestampWriter, timestamptzWriter } from './date-values.ts';
import { writeHstore } from './hstore-value.ts';
import { writeString } from './json-string.ts';
import { writeBoolean, writeNestedJson } from './plain-values.ts';
import { numberWriter } from './number-value.ts';
import { timeWriter, timetzWriter } from './time-values.ts';

/** Appends the JSON of the value whose PostgreSQL text is `bytes[start, end)`, all protocol escapes removed. Throws `UnreadableValueError`, leaving a part of the value behind. */
export type ValueWriter = (bytes: Buffer, start: number, end: number, out: ByteWriter) => void;

/** What besides the type decides the form of a value. */
export interface ValueForm {
  readonly jsonColumns: 'string' | 'nested';
  readonly profile: 'default' | 'stitch';
}

/** The writer of a type. Make it once per column. SQL NULL is not its concern: see `nullOf`. */
export function valueWriter(type: ValueType, form: ValueForm): ValueWriter {
  switch (type.kind) {
    case 'number':
      return numberWriter(form.profile);
    case 'boolean':
    case 'bit':
      return writeBoolean;
    case 'timestamp':
      return timestampWriter(form.profile);
    case 'timestamptz':
      return timestamptzWriter(form.profile);
    case 'date':
      return dateWriter(form.profile);
    case 'time':
      return timeWriter(form.profile);
    case 'timetz':
      return timetzWriter(form.profile);
    case 'interval':
    case 'text':
      return writeString;
    case 'json':
      return form.jsonColumns === 'nested' ? writeNestedJson : writeString;
    case 'bytea':
      return writeBytea;
    case 'hstore':
      return writeHstore;
    case 'array':
      return arrayWriter(valueWriter(type.element, form), type.delimiter);
    case 'composite':
      return compositeWriter(
        type.attributes.map((attribute) => ({ name: attribute.name, write: valueWriter(attribute.type, form) })),
      );
  }
}

/** The JSON of SQL NULL in a column of this type: Stitch cannot tell a NULL array from an empty one. */
export function nullOf(type: ValueType, form: ValueForm): 'null' | '[]' {
  return type.kind === 'array' && form.profile === 'stitch' ? '[]' : 'null';
}
