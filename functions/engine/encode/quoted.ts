import type { ByteWriter, ScratchStack } from './byte-writer.ts';
import { UnreadableValueError } from './unreadable-value.ts';
import type { ValueWriter } from './value-writer.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** How a quote is written inside double quotes: `\"` in arrays and hstore, `""` (and `\"`) in composites. */
export type QuoteRule = 'backslash' | 'doubled';

/** Writes the quoted part that begins, after its opening quote, at `start` by the writer of its type; returns where its closing quote is. */
export function writeQuoted(
  bytes: Buffer,
  start: number,
  end: number,
  quoting: { readonly rule: QuoteRule; readonly write: ValueWriter },
  out: ByteWriter,
): number {
  let i = start;
  while (i < end && bytes[i] !== QUOTE && bytes[i] !== BACKSLASH) i++;
  const close = closingQuote(bytes, i, end, quoting.rule);
  if (close === i) {
    quoting.write(bytes, start, close, out);
    return close;
  }
  const { scratch } = out;
  const from = scratch.top;
  pushUnquoted(bytes, start, close, scratch);
  quoting.write(scratch.bytes, from, scratch.top, out);
  scratch.top = from;
  return close;
}

function closingQuote(bytes: Buffer, start: number, end: number, rule: QuoteRule): number {
  for (let i = start; i < end; i++) {
    const c = bytes[i];
    if (c === BACKSLASH) i++;
    else if (c === QUOTE) {
      if (rule === 'backslash' || i + 1 >= end || bytes[i + 1] !== QUOTE) return i;
      i++;
    }
  }
  throw new UnreadableValueError();
}

/** Puts what the inside of quotes stands for on top of the stack. */
function pushUnquoted(bytes: Buffer, start: number, end: number, scratch: ScratchStack): void {
  scratch.reserve(end - start);
  const target = scratch.bytes;
  let o = scratch.top;
  for (let i = start; i < end; i++) {
    const c = bytes[i] ?? 0;
    // Both rules at once: a quote inside comes after a backslash or is the first of two.
    if (c === BACKSLASH || c === QUOTE) i++;
    target[o++] = bytes[i] ?? 0;
  }
  scratch.top = o;
}
