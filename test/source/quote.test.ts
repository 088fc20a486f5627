import { describe, expect, it } from 'vitest';
import { quoteIdentifier, quoteLiteral, quoteRelation } from '../../functions/engine/source/postgres/quote.ts';

describe('quoting', () => {
  it.each([
    ['plain', '"plain"'],
    ['Weird "Name"', '"Weird ""Name"""'],
    ['', '""'],
    ["it's\n\\", `"it's\n\\"`],
  ])('puts the name %j in double quotes', (name, quoted) => {
    expect(quoteIdentifier(name)).toBe(quoted);
  });

  it('joins schema and table', () => {
    expect(quoteRelation({ schema: 'a.b', table: 'c"d' })).toBe('"a.b"."c""d"');
  });

  it.each([
    ['plain', `'plain'`],
    ["it's", `'it''s'`],
    ['a\\b', ` E'a\\\\b'`],
    ["\\'; drop", ` E'\\\\''; drop'`],
    ['', `''`],
  ])('makes a literal of %j', (text, quoted) => {
    expect(quoteLiteral(text)).toBe(quoted);
  });

  it.each([quoteIdentifier, quoteLiteral])('refuses a zero byte', (quote) => {
    expect(() => quote('a\0b')).toThrow(RangeError);
  });
});
