import fc from 'fast-check';

const PIECES = [
  ...[
    '"',
    "'",
    '\\',
    '\t',
    '\n',
    '\r',
    '\b',
    '\f',
    '\v',
    '{',
    '}',
    '(',
    ')',
    '[',
    ']',
    ',',
    ';',
    '=>',
    ' ',
    '\u0001',
    '\u001f',
    '\u007f',
  ],
  ...['NULL', 'null', '\\N', '\\.', 'ü', '\u2028', '😀', 'abcd', '0'],
];

/** Any text that PostgreSQL can hold: no NUL, no lone surrogates; rich in what needs care. */
export const anyText: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary' })), { maxLength: 12 })
  .map((parts) => parts.join('').replaceAll('\0', ''));
