import type { LogRelation } from '../model/log-change.ts';
import type { RowShape } from './encode.ts';
import { kernelFormOf } from './kernel-form.ts';
import { programOf } from './kernel-memory.ts';
import type { KernelField, KernelProgram } from './kernel-program.ts';
import { isOtherType } from './log-encoder-types.ts';
import { nullOf, valueWriter } from './value-writer.ts';
import type { ValueWriter } from './value-writer.ts';

/** A column of a record; its key begins with a comma. */
export interface LogField extends KernelField {
  readonly name: string;
  /** PostgreSQL's name of its type, for errors. */
  readonly type: string;
  readonly write: ValueWriter;
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
      key: Buffer.from(`,${JSON.stringify(name)}:`),
      null: nullOf(type, shape),
      write: valueWriter(type, shape),
      kernelForm: kernelFormOf(type, shape),
    }));
  }
}

/** Where a relation has the fields of a stream. */
export class LogBinding {
  readonly fields: readonly LogField[];
  /** The column of each field; -1 where the relation has none, or one of another type. */
  readonly columns: Int32Array;
  readonly lacksFields: boolean;
  /** Undefined: too large for the kernel. */
  readonly program: KernelProgram | undefined;
  readonly #places: ReadonlyMap<string, number>;

  constructor(fields: LogFields, relation: LogRelation) {
    this.fields = fields.all;
    this.#places = new Map(relation.columns.map(({ name }, place) => [name, place]));
    this.columns = Int32Array.from(fields.shape.fields, ({ name, type }) => {
      const place = this.#places.get(name) ?? -1;
      return place < 0 || isOtherType(relation.columns[place]?.typeOid ?? 0, type) ? -1 : place;
    });
    this.lacksFields = this.columns.includes(-1);
    this.program = programOf(fields.all, this.columns);
  }

  /** Columns by their names; -1 for a name that the relation does not have. */
  placesOf(names: readonly string[]): Int32Array {
    return Int32Array.from(names, (name) => this.#places.get(name) ?? -1);
  }
}
