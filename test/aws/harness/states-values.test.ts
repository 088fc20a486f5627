import { describe, expect, test } from 'vitest';
import type { Json } from './json.ts';
import { choiceHolds } from './states-choice.ts';
import { evaluateIntrinsic } from './states-intrinsics.ts';
import { applyTemplate, placeResult, requiredAt } from './states-paths.ts';

describe('rules of a choice', () => {
  const input = { s: 'log-7.txt', n: 3, m: 4, b: true, z: null, t: '2026-01-01T00:00:00Z', star: 'a*b' };
  const rules: readonly [rule: object, holds: boolean][] = [
    [{ Variable: '$.s', StringEquals: 'log-7.txt' }, true],
    [{ Variable: '$.n', StringEquals: '3' }, false],
    [{ Variable: '$.s', StringMatches: 'log-*.txt' }, true],
    [{ Variable: '$.s', StringMatches: 'log-*.tx' }, false],
    [{ Variable: '$.star', StringMatches: 'a\\*b' }, true],
    [{ Variable: '$.s', StringMatches: 'a\\*b' }, false],
    [{ Variable: '$.n', NumericLessThan: 4 }, true],
    [{ Variable: '$.n', NumericGreaterThanEquals: 4 }, false],
    [{ Variable: '$.n', NumericLessThanPath: '$.m' }, true],
    [{ Variable: '$.b', BooleanEquals: true }, true],
    [{ Variable: '$.t', TimestampLessThan: '2026-01-01T01:00:00+02:00' }, false],
    [{ Variable: '$.t', IsTimestamp: true }, true],
    [{ Variable: '$.z', IsNull: true }, true],
    [{ Variable: '$.n', IsNumeric: false }, false],
    [{ Variable: '$.no', IsPresent: false }, true],
    [{ Not: { Variable: '$.no', IsPresent: true } }, true],
    [
      {
        And: [
          { Variable: '$.n', IsPresent: true },
          { Variable: '$.n', IsNumeric: true },
        ],
      },
      true,
    ],
    [
      {
        Or: [
          { Variable: '$.b', BooleanEquals: false },
          { Variable: '$.n', NumericEquals: 3 },
        ],
      },
      true,
    ],
  ];
  test.each(rules)('%j', (rule, holds) => {
    expect(choiceHolds({ ...rule, Next: 'X' }, { input, context: {} })).toBe(holds);
  });

  test('an operator that does not exist is refused', () => {
    expect(() => choiceHolds({ Variable: '$.n', NumericIsh: 3 }, { input, context: {} })).toThrow('NumericIsh');
  });
});

describe('paths', () => {
  const input = { a: { 'b c': [1, { d: 2 }, { d: 3 }] } };
  test.each([
    ['$', input],
    ["$.a['b c'][0]", 1],
    ["$['a']['b c'][*].d", [2, 3]],
    ["$.a['b c'][-1].d", 3],
    ['$$.x', 7],
  ] as const)('%s', (path, value) => {
    expect(requiredAt(path, { input, context: { x: 7 } })).toEqual(value);
  });

  test.each(['$..d', '$.a[?(@.d)]', '$.a[0:1]'])('%s is refused', (path) => {
    expect(() => requiredAt(path, { input, context: {} })).toThrow('does not know');
  });

  test('results make the objects on their way', () => {
    expect(placeResult('$.x.y', { a: 1 }, 2)).toEqual({ a: 1, x: { y: 2 } });
  });
});

describe('intrinsic functions', () => {
  const context = { input: { a: 'x', list: [3, 1, 3], o: { k: 1 }, json: '{"v":[1]}' }, context: {} };
  test.each<[string, Json]>([
    ["States.Format('{}-{}', $.a, 1)", 'x-1'],
    ["States.Format('it\\'s {}', States.Array($.a, 2))", 'it\'s ["x",2]'],
    ['States.StringToJson($.json)', { v: [1] }],
    ['States.JsonToString($.o)', '{"k":1}'],
    ['States.ArrayLength($.list)', 3],
    ['States.ArrayGetItem($.list, 1)', 1],
    ['States.ArrayContains($.list, 1)', true],
    ['States.ArrayUnique($.list)', [3, 1]],
    ['States.ArrayRange(1, 9, 4)', [1, 5, 9]],
    ['States.ArrayPartition($.list, 2)', [[3, 1], [3]]],
    ['States.JsonMerge($.o, $.o, false)', { k: 1 }],
    ["States.StringSplit('1,2;3', ',;')", ['1', '2', '3']],
    ['States.MathAdd(1, -2)', -1],
    ["States.Base64Decode(States.Base64Encode('é'))", 'é'],
    ["States.Hash('abc', 'SHA-1')", 'a9993e364706816aba3e25717850c26c9cd0d89d'],
    ['States.Array()', []],
  ])('%s', (expression, value) => {
    expect(evaluateIntrinsic(expression, (path) => requiredAt(path, context))).toEqual(value);
  });

  test.each([
    "States.Nothing('a')",
    "States.Format('{}')",
    'States.MathAdd(1, $.a)',
    'States.Array(1',
    'States.ArrayGetItem($.list, 9)',
  ])('%s fails', (expression) => {
    expect(() => evaluateIntrinsic(expression, (path) => requiredAt(path, context))).toThrow('States.IntrinsicFailure');
  });

  test('in templates', () => {
    expect(applyTemplate({ list: [{ 'v.$': 'States.UUID()' }] }, context)).toEqual({
      list: [{ v: expect.stringMatching(/^[0-9a-f-]{36}$/) }],
    });
  });
});
