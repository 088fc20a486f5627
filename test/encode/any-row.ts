import fc from 'fast-check';
import type { FieldShape } from '../../functions/engine/encode/encode.ts';
import type { ValueType } from '../../functions/engine/model/catalog.ts';
import { anyText } from './any-text.ts';

/** Too much for the kernel's memory: all rows of such an encoder go by field. */
export const TOO_MUCH = [{ name: 'filler', json: `"${'x'.repeat(9_000)}"` }];

function arrayOf(element: ValueType): Extract<ValueType, { kind: 'array' }> {
  return { kind: 'array', name: `_${element.name}`, element, delimiter: ',' };
}

export const ANY_FIELDS: readonly FieldShape[] = [
  { name: 'n', type: { kind: 'number', name: 'numeric' } },
  { name: 't', type: { kind: 'text', name: 'text' } },
  { name: 'ok', type: { kind: 'boolean', name: 'bool' } },
  { name: 'at', type: { kind: 'timestamptz', name: 'timestamptz' } },
  { name: 'local "x"', type: { kind: 'timestamp', name: 'timestamp' } },
  { name: 'day', type: { kind: 'date', name: 'date' } },
  { name: 'list', type: { kind: 'array', name: '_text', element: { kind: 'text', name: 'text' }, delimiter: ',' } },
  { name: 'numbers', type: arrayOf({ kind: 'number', name: 'int4' }) },
  { name: 'times', type: arrayOf({ kind: 'timestamptz', name: 'timestamptz' }) },
  { name: 'flags', type: arrayOf({ kind: 'boolean', name: 'bool' }) },
  { name: 'boxes', type: { ...arrayOf({ kind: 'text', name: 'box' }), delimiter: ';' } },
  { name: 'raw', type: { kind: 'bytea', name: 'bytea' } },
  { name: 'more', type: { kind: 'text', name: 'varchar' } },
];

const ESCAPES: Readonly<Record<string, string>> = {
  '\b': String.raw`\b`,
  '\f': String.raw`\f`,
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
  '\v': String.raw`\v`,
  '\\': '\\\\',
};

/** Text as COPY TO writes it. */
export function copyTextOf(value: string): string {
  return value.replaceAll(/[\b\f\n\r\t\v\\]/g, (c) => ESCAPES[c] ?? c);
}

const digits = (from: number, to: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...Array.from('0123456789')), minLength: from, maxLength: to });
const NUMBER = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }).map(String),
  fc.tuple(fc.constantFrom('', '-'), digits(1, 40), fc.constantFrom('', '.'), digits(0, 40)).map((parts) => parts.join('')),
  fc.double().map(String),
  fc.constantFrom('NaN', 'Infinity', '-Infinity', '1e+20', '1.5e-07', '1e', '-', '.5', '00', '0', '-0', '1.', 'e5', '1E5'),
);
const DATE = fc
  .tuple(digits(4, 5), digits(2, 2), digits(2, 2), fc.constantFrom('', '', '', ' BC'))
  .map(([year, month, day, era]) => `${year}-${month}-${day}${era}`);
const TIMESTAMP = fc
  .tuple(DATE, digits(2, 2), digits(2, 2), digits(2, 2), fc.constantFrom('', '.'), digits(0, 7))
  .map(([date, hour, minute, second, point, fraction]) => `${date} ${hour}:${minute}:${second}${point}${fraction}`);
const PLAIN = fc.string({ unit: fc.constantFrom(...Array.from('abc xyz')), maxLength: 80 });
const TEXT = fc.oneof(PLAIN, anyText, fc.string({ unit: 'grapheme', maxLength: 60 }), fc.constant('z'.repeat(5_000)));
/** An element of an array as PostgreSQL quotes it, or as it does not have to. */
function quoted(text: string): string {
  if (/^[a-z0-9]+$/i.test(text) && text !== 'NULL') return text;
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

/** Arrays of one and of two dimensions, with bounds now and then, and now and then broken. */
function arrayText(element: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const list = fc.array(fc.oneof({ weight: 9, arbitrary: element }, { weight: 1, arbitrary: fc.constant('NULL') }), {
    maxLength: 5,
  });
  const row = list.map((elements) => `{${elements.join(',')}}`);
  return fc.oneof(
    { weight: 6, arbitrary: row },
    { weight: 2, arbitrary: fc.array(row, { minLength: 1, maxLength: 3 }).map((rows) => `{${rows.join(',')}}`) },
    { weight: 1, arbitrary: row.map((text) => `[0:3]=${text}`) },
    {
      weight: 1,
      arbitrary: fc.tuple(row, fc.constantFrom('', '}', '{', ',', 'x', '"')).map(([text, end]) => `${text.slice(0, -1)}${end}`),
    },
  );
}

/** Text of a value for each of ANY_FIELDS: of its type, or nearly so. */
export const ANY_VALUES: readonly fc.Arbitrary<string>[] = [
  NUMBER,
  TEXT,
  fc.constantFrom('t', 'f'),
  fc.oneof(
    TIMESTAMP.map((text) => `${text}+00`),
    fc.constantFrom('infinity', '-infinity', '2020-01-01 00:00:00+01'),
  ),
  fc.oneof(TIMESTAMP, fc.constant('infinity')),
  fc.oneof(DATE, fc.constant('infinity')),
  arrayText(
    fc
      .oneof(
        PLAIN,
        anyText,
        PLAIN.map((text) => `${text}\u0001`),
      )
      .map(quoted),
  ),
  arrayText(fc.oneof({ weight: 3, arbitrary: fc.bigInt().map(String) }, { weight: 1, arbitrary: NUMBER })),
  arrayText(TIMESTAMP.map((text) => `"${text}+00"`)),
  arrayText(fc.constantFrom('t', 'f')),
  fc.constantFrom('{(1,1),(0,0)}', '{(1,1),(0,0);(2,2),(1,1)}', '{}'),
  digits(0, 20).map((hex) => String.raw`\x` + hex.padEnd(hex.length + (hex.length % 2), '0')),
  TEXT,
];
