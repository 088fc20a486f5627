import { describe, expect, it } from 'vitest';
import {
  displayWidth,
  fitTo,
  humanBytes,
  humanCount,
  humanDuration,
  humanTime,
  printable,
  printableJson,
  printableLines,
  textTable,
} from '../../functions/engine/report/render-text.ts';

describe('text for people', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [1_234_567.4, '1,234,567'],
  ])('counts %d as %s', (count, text) => {
    expect(humanCount(count)).toBe(text);
  });

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 KB'],
    [9_994, '9.99 KB'],
    [9_996, '10.0 KB'],
    [99_960, '100 KB'],
    [999_499, '999 KB'],
    [999_500, '1.00 MB'],
    [2_000_000_000_000, '2.00 TB'],
    [5e18, '5000 PB'],
  ])('says %d bytes as %s', (bytes, text) => {
    expect(humanBytes(bytes)).toBe(text);
  });

  it.each([
    [0, '0.00 s'],
    [420, '0.42 s'],
    [996, '1.0 s'],
    [59_940, '59.9 s'],
    [59_960, '1 min 00 s'],
    [245_000, '4 min 05 s'],
    [3_599_600, '1 h 00 min'],
    [11_220_000, '3 h 07 min'],
    [187_200_000, '2 d 04 h'],
    [-5, '0.00 s'],
  ])('says %d ms as %s', (durationMs, text) => {
    expect(humanDuration(durationMs)).toBe(text);
  });

  it('says times in UTC, and leaves alone what is none', () => {
    expect(humanTime('2026-11-22T08:12:00.999Z')).toBe('2026-11-22 08:12:00 UTC');
    expect(humanTime('soon')).toBe('soon');
  });
});

describe('printable text', () => {
  it.each([
    ['plain "Name" ünï', 'plain "Name" ünï'],
    ['\u001b]0;x\u0007', '\\u001b]0;x\\u0007'],
    ['a\nb\tc\u007f', 'a\\u000ab\\u0009c\\u007f'],
    ['\u009b2J', '\\u009b2J'],
    ['\u202egnp.exe', '\\u202egnp.exe'],
    ['zero\u200bwidth\ufeff', 'zero\\u200bwidth\\ufeff'],
    ['lone \ud800', 'lone \\ud800'],
    ['日本 😀', '日本 😀'],
  ])('of %j is %s', (text, expected) => {
    expect(printable(text)).toBe(expected);
  });

  it('of several lines keeps its newlines only', () => {
    expect(printableLines('a\nb\r')).toBe('a\nb\\u000d');
  });

  it('of JSON is the same JSON', () => {
    const value = { 'k\u009b': '\u202e\u007f\u0000\ud800 "q"' };

    expect(JSON.parse(printableJson(value))).toEqual(value);
    expect(printableJson(value)).toMatch(/^[ -~]+$/);
  });
});

describe('tables', () => {
  it('align columns by what a terminal shows', () => {
    const bold = (text: string): string => `*${text}*`;
    const text = textTable(
      [{ title: 'A' }, { title: 'B', align: 'right' }, { title: 'C' }],
      [
        ['日本', '1', { text: 'x', mark: bold }],
        ['e\u0301a', '22', ''],
      ],
    );

    expect(text).toBe('A      B  C\n日本   1  *x*\ne\u0301a    22\n');
  });

  it('are nothing without rows', () => {
    expect(textTable([{ title: 'A' }], [])).toBe('');
  });

  it.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 4, 'abc…'],
    ['日本語', 4, '日…'],
    ['abc', 0, ''],
  ])('cut %s to %i columns as %s', (text, columns, expected) => {
    expect(fitTo(text, columns)).toBe(expected);
    expect(displayWidth(fitTo(text, columns))).toBeLessThanOrEqual(columns);
  });
});
