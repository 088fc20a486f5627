import { randomBytes } from 'node:crypto';
import type { ByteWriter } from './byte-writer.ts';
import type { SystemColumns } from './encode.ts';

const ZERO = 0x30;
const NINE = 0x39;
const LOWER_A = 0x61;
const LOWER_F = 0x66;
/** Hex digits of the ordinal: 2^48 rows. */
const ORDINAL_DIGITS = 12;

/** The end of every record of a batch: the system columns, the row's UUID where there is one, and the end of the line. */
export class RowTail {
  /** What is written, with the ordinal of the row before. */
  readonly text: Buffer;
  /** Where the last digit of the ordinal is; -1 without a UUID. */
  readonly lastDigit: number;

  /** `first`: nothing stands before the tail, not even the opening brace. */
  constructor(system: SystemColumns, options: { readonly rowId: boolean; readonly first: boolean }) {
    const members = system.map(({ name, json }) => `${JSON.stringify(name)}:${json}`);
    if (options.rowId) members.push(`"__sdc_primary_key":"${firstRowId()}"`);
    const separator = options.first || members.length === 0 ? '' : ',';
    this.text = Buffer.from(`${options.first ? '{' : ''}${separator}${members.join(',')}}\n`);
    this.lastDigit = options.rowId ? this.text.length - '"}\n'.length - 1 : -1;
  }

  /** Appends the tail; its room is reserved. */
  write(out: ByteWriter): void {
    const text = this.text;
    if (this.lastDigit >= 0) countUp(text, this.lastDigit);
    out.bytes.set(text, out.length);
    out.length += text.length;
  }
}

/**
 * A UUID of version 8 (RFC 9562: contents of our own): 74 random bits for this encoder, then the row's ordinal as the last 48 bits.
 * A new encoder has new random bits, so a batch that is read again has new UUIDs, as its rows have new objects.
 */
function firstRowId(): string {
  const random = randomBytes(10).toString('hex');
  const variant = (8 + (Number.parseInt(random.charAt(19), 16) & 3)).toString(16);
  return `${random.slice(0, 8)}-${random.slice(8, 12)}-8${random.slice(12, 15)}-${variant}${random.slice(15, 18)}-${'0'.repeat(ORDINAL_DIGITS)}`;
}

/** Adds one to the hex number that ends at `last`, in place. */
function countUp(text: Buffer, last: number): void {
  for (let at = last; at > last - ORDINAL_DIGITS; at--) {
    const digit = text[at];
    if (digit !== LOWER_F) {
      text[at] = digit === NINE ? LOWER_A : (digit ?? 0) + 1;
      return;
    }
    text[at] = ZERO;
  }
}
