import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../../functions/engine/encode/byte-writer.ts';
import { valueWriter } from '../../functions/engine/encode/value-writer.ts';
import type { ValueType } from '../../functions/engine/model/catalog.ts';
import { anyText } from './any-text.ts';
import { encodeRow, shapeOf } from './encode-rows.ts';

// What PostgreSQL's output functions do, written as its manual describes it; the corpus checks the same against a server.
const copyEscape = (text: string): string =>
  text.replaceAll(
    /[\\\b\f\n\r\t\v]/g,
    (c) => `\\${{ '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't', '\v': 'v' }[c] ?? ''}`,
  );
const backslashed = (text: string): string => `"${text.replaceAll(/["\\]/g, (c) => `\\${c}`)}"`;
const arrayText = (values: Nested): string =>
  `{${values.map((value) => (value === null ? 'NULL' : typeof value === 'string' ? backslashed(value) : arrayText(value))).join(',')}}`;
const compositeText = (values: readonly (string | null)[]): string =>
  `(${values.map((value) => (value === null ? '' : `"${value.replaceAll(/["\\]/g, (c) => c + c)}"`)).join(',')})`;
const hstoreText = (entries: readonly (readonly [string, string | null])[]): string =>
  entries.map(([key, value]) => `${backslashed(key)}=>${value === null ? 'NULL' : backslashed(value)}`).join(', ');

type Nested = readonly (string | null | Nested)[];

const TEXT: ValueType = { kind: 'text', name: 'text' };
const HSTORE: ValueType = { kind: 'hstore', name: 'hstore' };
const arrayOf = (element: ValueType): ValueType => ({ kind: 'array', name: `_${element.name}`, element, delimiter: ',' });

/** Both ways of a value: through COPY between two other columns, in a small row and in a huge one, and as raw text. */
function everyWay(type: ValueType, text: string): readonly unknown[] {
  const shape = shapeOf([
    { name: 'a', type: TEXT },
    { name: 'v', type },
    { name: 'z', type: TEXT },
  ]);
  const out = new ByteWriter(1);
  const bytes = Buffer.from(text);
  valueWriter(type, { jsonColumns: 'string', profile: 'default' })(bytes, 0, bytes.length, out);
  const raw = out.take().toString();
  const small = encodeRow(shape, `x\t${copyEscape(text)}\ty`);
  const huge = encodeRow(shape, `${'x'.repeat(20_000)}\t${copyEscape(text)}\ty`);
  expect(small).toBe(`"a":"x","v":${raw},"z":"y"`);
  expect(huge).toBe(`"a":"${'x'.repeat(20_000)}","v":${raw},"z":"y"`);
  return [JSON.parse(raw)];
}

describe('every value comes back as it was', () => {
  test('text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(everyWay(TEXT, text)).toEqual([text]);
      }),
    );
  });

  test('arrays of text with NULLs, of one and two dimensions', () => {
    const row = fc.array(fc.option(anyText), { minLength: 1, maxLength: 5 });
    const grid = fc.oneof(row, fc.array(row, { minLength: 1, maxLength: 4 }));
    fc.assert(
      fc.property(grid, (values) => {
        expect(everyWay(arrayOf(TEXT), arrayText(values))).toEqual([values]);
      }),
    );
  });

  test('composites, and arrays of composites with arrays', () => {
    const inner: ValueType = {
      kind: 'composite',
      name: 'inner',
      attributes: [
        { name: 'p', type: TEXT },
        { name: 'q', type: arrayOf(TEXT) },
      ],
    };
    const value = fc.tuple(fc.option(anyText), fc.option(fc.array(fc.option(anyText), { maxLength: 3 })));
    fc.assert(
      fc.property(fc.array(fc.option(value), { maxLength: 4 }), (values) => {
        const text = arrayText(
          values.map((pair) => (pair === null ? null : compositeText([pair[0], pair[1] === null ? null : arrayText(pair[1])]))),
        );

        expect(everyWay(arrayOf(inner), text)).toEqual([
          values.map((pair) => (pair === null ? null : { p: pair[0], q: pair[1] })),
        ]);
      }),
    );
  });

  test('composites in composites', () => {
    const inner: ValueType = {
      kind: 'composite',
      name: 'inner',
      attributes: [
        { name: 'p', type: TEXT },
        { name: 'q', type: TEXT },
      ],
    };
    const outer: ValueType = {
      kind: 'composite',
      name: 'outer',
      attributes: [
        { name: 'i', type: inner },
        { name: 't', type: TEXT },
        { name: 'h', type: HSTORE },
      ],
    };
    fc.assert(
      fc.property(fc.option(anyText), fc.option(anyText), anyText, (p, q, t) => {
        expect(everyWay(outer, compositeText([compositeText([p, q]), t, hstoreText([[t, q]])]))).toEqual([
          { i: { p, q }, t, h: { [t]: q } },
        ]);
      }),
    );
  });

  test('hstore', () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, fc.option(anyText)), (members) => {
        const entries = Object.entries(members);

        const [found] = everyWay(HSTORE, hstoreText(entries)) as readonly object[];

        expect(Object.entries(found ?? {})).toEqual(entries);
      }),
    );
  });

  test('bytea', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const [found] = everyWay({ kind: 'bytea', name: 'bytea' }, `\\x${Buffer.from(bytes).toString('hex')}`);

        expect(found).toBe(Buffer.from(bytes).toString('base64'));
      }),
    );
  });

  test('numbers keep every digit', () => {
    const digits = fc.stringMatching(/^-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?(e[+-][0-9]{1,3})?$/);
    const type: ValueType = { kind: 'number', name: 'numeric' };
    const shape = shapeOf([
      { name: 'v', type },
      { name: 'w', type },
    ]);
    fc.assert(
      fc.property(digits, (text) => {
        expect(encodeRow(shape, `${text}\t${text}`)).toBe(`"v":${text},"w":${text}`);
      }),
    );
  });

  test('timestamps have one form, by COPY and as raw text', () => {
    const moment = fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true });
    const type: ValueType = { kind: 'timestamptz', name: 'timestamptz' };
    const day: ValueType = { kind: 'date', name: 'date' };
    fc.assert(
      fc.property(moment, fc.constantFrom('', '.5', '.000001', '.123456'), (date, fraction) => {
        const seconds = date.toISOString().slice(0, 19);

        expect(everyWay(type, `${seconds.replace('T', ' ')}${fraction}+00`)).toEqual([`${seconds}${fraction}Z`]);
        expect(everyWay({ kind: 'timestamp', name: 'timestamp' }, `${seconds.replace('T', ' ')}${fraction}`)).toEqual([
          `${seconds}${fraction}Z`,
        ]);
        expect(everyWay(day, seconds.slice(0, 10))).toEqual([seconds.slice(0, 10)]);
      }),
    );
  });
});

test('no bytes whatever make a line that is not a line of JSON', () => {
  const types: readonly ValueType[] = [
    TEXT,
    { kind: 'number', name: 'numeric' },
    { kind: 'timestamptz', name: 'timestamptz' },
    { kind: 'date', name: 'date' },
    { kind: 'boolean', name: 'bool' },
    arrayOf(TEXT),
    HSTORE,
    { kind: 'bytea', name: 'bytea' },
  ];
  const noise = fc.string({
    unit: fc.constantFrom('t', '\\', '\\\\', '"', '{', '}', ',', '1', '-', '.', 'e', ' ', '\u0002', 'ü', '=>', 'N', 'n', '\r'),
    maxLength: 12,
  });
  fc.assert(
    fc.property(fc.constantFrom(...types), noise, (type, text) => {
      let line: string;
      try {
        line = encodeRow(
          shapeOf([
            { name: 'v', type },
            { name: 'w', type },
          ]),
          `${text}\t${text}`,
        );
      } catch {
        return;
      }
      expect(line).not.toMatch(/[\n\r]/);
      expect(Object.keys(JSON.parse(`{${line}}`) as object)).toEqual(['v', 'w']);
    }),
    { numRuns: 2000 },
  );
});
