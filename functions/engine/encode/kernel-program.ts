/** Of all fields of a table. */
export const MOST_PROGRAM_BYTES = 256 * 1024;

/** What a field may take beyond six bytes for each of its own: quotes, a time zone, and what a store of sixteen bytes overshoots. */
const FIELD_SLACK = 32;
/** Keys are copied sixteen bytes at a time. */
const KEY_STEP = 16;
/** Six words: see `kernel/fields.ts`. */
const FIELD_BYTES = 24;

/** A column as the kernel needs it. */
export interface KernelField {
  /** What stands before the value: `{` or `,`, then the name as JSON, then `:`. */
  readonly key: Buffer;
  /** The JSON of SQL NULL. */
  readonly null: 'null' | '[]';
  /** One of KERNEL_FORM. */
  readonly kernelForm: number;
}

/** The fields of a table as the kernel reads them; made once for each shape. */
export interface KernelProgram {
  /** The words of each field, then the keys. */
  readonly bytes: Buffer;
  readonly fields: number;
  /** What a row may need besides six bytes for each of its own and its tail. */
  readonly mostConstantBytes: number;
}

/**
 * The program that will lie at `address`; undefined if it would be larger than MOST_PROGRAM_BYTES. `columns`: of each field in a tuple, -1 for none; rows of COPY have their fields
 * in order.
 */
export function kernelProgram(fields: readonly KernelField[], address: number, columns?: Int32Array): KernelProgram | undefined {
  const sizes = fields.map(({ key }) => Math.ceil(key.length / KEY_STEP) * KEY_STEP);
  const keyBytes = sizes.reduce((sum, size) => sum + size, 0);
  const constantBytes = keyBytes + fields.length * FIELD_SLACK;
  const size = fields.length * FIELD_BYTES + keyBytes;
  if (Math.max(size, constantBytes) > MOST_PROGRAM_BYTES) return undefined;
  const bytes = Buffer.alloc(size);
  let keyAt = fields.length * FIELD_BYTES;
  for (const [index, field] of fields.entries()) {
    const words = [
      address + keyAt,
      field.key.length,
      field.kernelForm,
      Buffer.from(field.null.padEnd(4)).readInt32LE(),
      field.null.length,
      columns?.[index] ?? index,
    ];
    for (const [word, value] of words.entries()) bytes.writeInt32LE(value, index * FIELD_BYTES + word * 4);
    field.key.copy(bytes, keyAt);
    keyAt += sizes[index] ?? 0;
  }
  return { bytes, fields: fields.length, mostConstantBytes: constantBytes };
}
