import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileRowEncoder } from '../../functions/engine/encode/row-encoder.ts';
import { ReplicationError } from '../../functions/engine/model/errors.ts';
import { CopyFrames, FrameViolation } from '../../functions/engine/source/postgres/copy-frames.ts';
import type { FrameReader } from '../../functions/engine/source/postgres/copy-frames.ts';
import { FIELDS, ROWS } from './copy-table.ts';

const NAMES = FIELDS.map(({ name }) => name);

function message(type: string, body: Buffer | string): Buffer {
  const content = Buffer.from(body);
  const header = Buffer.alloc(5);
  header.write(type, 'latin1');
  header.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([header, content]);
}

/** A whole answer to a COPY, message by message. */
const MESSAGES: readonly Buffer[] = [
  message('H', '\0\0\0'),
  ...ROWS.map((row) => message('d', `${row}\n`)),
  message('c', ''),
  message('C', `COPY ${String(ROWS.length)}\0`),
  message('Z', 'I'),
];
const STREAM = Buffer.concat(MESSAGES);

/** What became of bytes: the lines up to an error, which must be one of ours. */
interface Outcome {
  readonly lines: readonly string[];
  readonly failed: boolean;
}

/** Rows are read all at once and one by one, and must be the same. */
function read(chunks: readonly Buffer[]): Outcome {
  const atOnce = readRows(chunks.map(copyOf), 'at-once');
  const oneByOne = readRows(chunks, 'one-by-one');
  // An error takes the whole block with it, which has one row only where rows are read one by one.
  const lines = atOnce.failed ? oneByOne.lines.slice(0, atOnce.lines.length) : oneByOne.lines;
  expect(atOnce).toEqual({ lines, failed: oneByOne.failed });
  return oneByOne;
}

function readRows(chunks: readonly Buffer[], way: 'at-once' | 'one-by-one'): Outcome {
  const encoder = compileRowEncoder(
    { fields: FIELDS, jsonColumns: 'string', profile: 'default', rowId: false },
    { stream: 'db.public.t' },
  ).open([]);
  const lines: string[] = [];
  const take = (): void => void lines.push(...encoder.take().bytes.toString('utf8').split('\n').slice(0, -1));
  const reader: FrameReader = {
    row: (bytes, start, end) => {
      encoder.copyRow(bytes, start, end);
      take();
      return true;
    },
    message: () => true,
    ...(way === 'at-once' && {
      rows: (chunk, at) => {
        const next = encoder.copyMessages(chunk, at, 1_000_000);
        take();
        return next;
      },
    }),
  };
  const frames = new CopyFrames(reader);
  try {
    for (const chunk of chunks) {
      // No read comes back without having gone on: what is read is bounded by what came.
      let turns = 0;
      for (let at = 0; at < chunk.length; turns += 1) {
        if (turns > chunk.length) throw new Error('it does not end');
        at = frames.read(chunk, at);
      }
      // What was handed in is not looked at again.
      chunk.fill(0xff);
    }
    return { lines, failed: false };
  } catch (error) {
    // Anything else is a crash: a RangeError, a value outside of its row.
    if (!(error instanceof FrameViolation) && !(error instanceof ReplicationError)) throw error;
    return { lines, failed: true };
  }
}

function copyOf(bytes: Buffer): Buffer {
  return Buffer.from(bytes);
}

const WHOLE = read([copyOf(STREAM)]);

/** Which message a byte of the stream is in. */
function messageAt(offset: number): number {
  let end = 0;
  return MESSAGES.findIndex(({ length }) => offset < (end += length));
}

describe('the bytes of a COPY', () => {
  test('are rows', () => {
    expect(WHOLE.failed).toBe(false);
    expect(WHOLE.lines.length).toBe(ROWS.length);
    for (const line of WHOLE.lines) expect(Object.keys(JSON.parse(line) as object)).toEqual(NAMES);
  });

  test('are the same rows byte by byte, and cut in two anywhere', () => {
    expect(read(Array.from(STREAM, (byte) => Buffer.of(byte)))).toEqual(WHOLE);
    for (let cut = 1; cut < STREAM.length; cut += 1)
      expect(read([copyOf(STREAM.subarray(0, cut)), copyOf(STREAM.subarray(cut))]), `cut at ${String(cut)}`).toEqual(WHOLE);
  });

  test('are the same rows in pieces of any sizes', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(STREAM.length), { maxLength: 30 }), (places) => {
        const cuts = [0, ...places.sort((a, b) => a - b), STREAM.length];
        const pieces = cuts.slice(1).map((end, index) => copyOf(STREAM.subarray(cuts[index], end)));

        expect(read(pieces)).toEqual(WHOLE);
      }),
      { numRuns: 500 },
    );
  });

  test('that end anywhere are the rows that came whole', () => {
    for (let end = 0; end < STREAM.length; end += 1) {
      const { lines } = read([copyOf(STREAM.subarray(0, end))]);

      expect(lines).toEqual(WHOLE.lines.slice(0, lines.length));
      expect(lines.length).toBe(Math.max(0, Math.min(ROWS.length, messageAt(end) - 1)));
    }
  });

  /** Every line is whole and of all columns; the rows before the first damaged byte are what they were. */
  function expectNothingMisplaced({ lines }: Outcome, firstDamage: number): void {
    const untouched = Math.max(0, Math.min(ROWS.length, messageAt(firstDamage) - 1));
    expect(lines.slice(0, untouched)).toEqual(WHOLE.lines.slice(0, untouched));
    for (const line of lines) expect(Object.keys(JSON.parse(line) as object)).toEqual(NAMES);
  }

  test('with any one byte changed in any way are an error, or rows of which only that one differs', () => {
    for (let place = 0; place < STREAM.length; place += 1) {
      for (const flip of [0x01, 0x20, 0x80, 0xff]) {
        const damaged = copyOf(STREAM);
        damaged[place] = (damaged[place] ?? 0) ^ flip;
        const at = messageAt(place);
        const isInRow = MESSAGES[at]?.[0] === 0x64;

        const outcome = read([damaged]);

        expectNothingMisplaced(outcome, place);
        // A byte of a value stays in its row: the others are what they were. A byte of a header may tear the frames.
        const offset = place - MESSAGES.slice(0, at).reduce((sum, { length }) => sum + length, 0);
        if (isInRow && offset >= 5 && !outcome.failed) {
          const without = (lines: readonly string[]): readonly string[] => lines.filter((_, index) => index !== at - 1);
          expect(without(outcome.lines)).toEqual(without(WHOLE.lines));
        }
      }
    }
  });

  test('with bytes put in, taken out and changed at random are an error, or whole rows', () => {
    const damage = fc.record({
      place: fc.nat(STREAM.length - 1),
      remove: fc.nat(12),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 12 }),
        fc
          .constantFrom('\t', '\n', '\\', '\\N', '\\.', 'd', '\0\0\0\x04', '{', '"', ',')
          .map((text) => Uint8Array.from(Buffer.from(text, 'latin1'))),
      ),
    });
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 3 }), (damages) => {
        let bytes = copyOf(STREAM);
        for (const { place, remove, insert } of damages)
          bytes = Buffer.concat([bytes.subarray(0, place), insert, bytes.subarray(place + remove)]);

        expectNothingMisplaced(read([bytes]), Math.min(...damages.map(({ place }) => place)) - 36);
      }),
      { numRuns: 4_000 },
    );
  });

  test('without any sense are an error, and nothing is read from them for ever', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const line of read([Buffer.from(bytes)]).lines) JSON.parse(line);
      }),
      { numRuns: 2_000 },
    );
  });
});
