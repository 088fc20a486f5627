import type { LogRelation } from '../model/log-change.ts';
import { copyFormOf } from './copy-field.ts';
import type { RowShape } from './encode.ts';
import { isOtherType } from './log-encoder-types.ts';
import { nullOf, valueWriter } from './value-writer.ts';
import type { ValueWriter } from './value-writer.ts';

/** A column of a record. */
export interface LogField {
  readonly name: string;
  /** PostgreSQL's name of its type, for errors. */
  readonly type: string;
  /** Comma, name and colon, filled up to whole words of four bytes, low byte first. */
  readonly keyWords: Int32Array;
  /** Without what it is filled up with. */
  readonly keyBytes: number;
  /** The JSON of SQL NULL. */
  readonly null: 'null' | '[]';
  readonly write: ValueWriter;
  /** One of COPY_FORM: the way that is tried first, for values of usual size. */
  readonly form: number;
}

/** The fields of a stream's records, each with the writer of its type. */
export class LogFields {
  readonly all: readonly LogField[];
  readonly shape: RowShape;

  constructor(shape: RowShape) {
    this.shape = shape;
    this.all = shape.fields.map(({ name, type }) => ({
      name,
      type: type.name,
      ...keyOf(name),
      null: nullOf(type, shape),
      write: valueWriter(type, shape),
      form: copyFormOf(type, shape),
    }));
  }
}

function keyOf(name: string): Pick<LogField, 'keyWords' | 'keyBytes'> {
  const key = Buffer.from(`,${JSON.stringify(name)}:`);
  const padded = Buffer.concat([key, Buffer.alloc(-key.length & 3)]);
  return {
    keyWords: Int32Array.from({ length: padded.length / 4 }, (_, word) => padded.readInt32LE(word * 4)),
    keyBytes: key.length,
  };
}

/** Where a relation has the fields of a stream. */
export class LogBinding {
  readonly fields: readonly LogField[];
  /** The column of each field; -1 where the relation has none, or one of another type. */
  readonly columns: Int32Array;
  readonly lacksFields: boolean;
  readonly #places: ReadonlyMap<string, number>;

  constructor(fields: LogFields, relation: LogRelation) {
    this.fields = fields.all;
    this.#places = new Map(relation.columns.map(({ name }, place) => [name, place]));
    this.columns = Int32Array.from(fields.shape.fields, ({ name, type }) => {
      const place = this.#places.get(name) ?? -1;
      return place < 0 || isOtherType(relation.columns[place]?.typeOid ?? 0, type) ? -1 : place;
    });
    this.lacksFields = this.columns.includes(-1);
  }

  /** Columns by their names; -1 for a name that the relation does not have. */
  placesOf(names: readonly string[]): Int32Array {
    return Int32Array.from(names, (name) => this.#places.get(name) ?? -1);
  }
}
