import type { ByteWriter } from './byte-writer.ts';
import { equals } from './plain-values.ts';
import { UnreadableValueError } from './unreadable-value.ts';
import type { ValueForm, ValueWriter } from './value-writer.ts';

const NOT_FINITE = ['NaN', 'Infinity', '-Infinity'].map((text) => ({ text: Buffer.from(text), json: Buffer.from(`"${text}"`) }));

/**
 * Numbers keep all their digits. JSON has no NaN and no infinities: strings in the default profile, null as Stitch has it.
 * What is neither a JSON number nor one of these is unreadable; PostgreSQL writes no leading zeros, no `+`, no bare decimal point.
 */
export function numberWriter(profile: ValueForm['profile']): ValueWriter {
  return (bytes, start, end, out) => {
    if (isJsonNumber(bytes, start, end)) out.writeBytes(bytes, start, end);
    else writeNotFinite(bytes, start, end, out, profile);
  };
}

function writeNotFinite(bytes: Buffer, start: number, end: number, out: ByteWriter, profile: ValueForm['profile']): void {
  const found = NOT_FINITE.find(({ text }) => equals(bytes, start, end, text));
  if (found === undefined) throw new UnreadableValueError();
  if (profile === 'stitch') out.writeAscii('null');
  else out.writeBytes(found.json, 0, found.json.length);
}

/** The grammar of RFC 8259 section 6. */
function isJsonNumber(bytes: Buffer, start: number, end: number): boolean {
  let i = start < end && bytes[start] === 0x2d ? start + 1 : start;
  const integer = digitsEnd(bytes, i, end);
  if (integer === i) return false;
  // A leading zero is no JSON number.
  if (bytes[i] === 0x30 && integer > i + 1) return false;
  i = integer;
  if (i < end && bytes[i] === 0x2e) {
    const fraction = digitsEnd(bytes, i + 1, end);
    if (fraction === i + 1) return false;
    i = fraction;
  }
  if (i < end && ((bytes[i] ?? 0) | 0x20) === 0x65) {
    i++;
    if (i < end && (bytes[i] === 0x2b || bytes[i] === 0x2d)) i++;
    const exponent = digitsEnd(bytes, i, end);
    if (exponent === i) return false;
    i = exponent;
  }
  return i === end;
}

function digitsEnd(bytes: Buffer, start: number, end: number): number {
  let i = start;
  while (i < end && isDigit(bytes[i])) i++;
  return i;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
