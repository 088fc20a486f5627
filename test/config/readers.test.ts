import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCron } from '../../functions/engine/config/cron.ts';
import { editDistance, suggest } from '../../functions/engine/config/suggest.ts';
import { formatTableName, parseTableName } from '../../functions/engine/config/table-name.ts';
import { parseStatementTimeout } from '../../functions/engine/config/time-settings.ts';
import { parseDuration, parseSize } from '../../functions/engine/config/units.ts';

test.each([
  ['128 MiB', 134_217_728],
  ['1.5 GiB', 1_610_612_736],
  ['1 TiB', 1_099_511_627_776],
  ['2TB', 2_000_000_000_000],
  ['64KB', 64_000],
  ['10mb', 10_000_000],
  ['8192', 8192],
  ['12 B', 12],
  [4096, 4096],
  [0, 0],
  [-1, undefined],
  [1.5, undefined],
  ['0.3 B', undefined],
  ['MiB', undefined],
  ['1 PB', undefined],
  ['1 MiB MiB', undefined],
  ['constructor', undefined],
  ['99999999 GiB', undefined],
])('the size %j is %j bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each([
  ['30 minutes', 1800],
  ['1 hour', 3600],
  ['day', 86_400],
  ['Hour', 3600],
  ['1 hour 30 minutes', 5400],
  ['1h30m', 5400],
  ['90s', 90],
  ['2 weeks', 1_209_600],
  ['m', undefined],
  ['30', undefined],
  ['', undefined],
  ['minutes 30', undefined],
  ['1.5 hours', undefined],
  ['-1 hour', undefined],
  ['3 fortnights', undefined],
])('the duration %j is %j seconds', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test.each([
  ['none', 0],
  ['1 second', 1000],
  ['24 days', 2_073_600_000],
  ['25 days', undefined],
  ['0 seconds', undefined],
])('the statement timeout %j is %j ms', (text, ms) => {
  expect(parseStatementTimeout(text)).toBe(ms);
});

describe('table names', () => {
  test.each([
    ['orders', { table: 'orders' }],
    ['public.orders', { schema: 'public', table: 'orders' }],
    ['shop.public.Orders', { database: 'shop', schema: 'public', table: 'Orders' }],
    ['public."Weird ""Name"""', { schema: 'public', table: 'Weird "Name"' }],
    ['"a.b"."c.d"."e.f"', { database: 'a.b', schema: 'c.d', table: 'e.f' }],
    ['public.Order Lines', { schema: 'public', table: 'Order Lines' }],
    ['public.über-größe', { schema: 'public', table: 'über-größe' }],
    ['', undefined],
    ['.', undefined],
    ['a.', undefined],
    ['.a', undefined],
    ['a..b', undefined],
    ['a.b.c.d', undefined],
    ['""', undefined],
    ['public."orders', undefined],
    ['public.or"ders', undefined],
    ['public."a"b', undefined],
    ['public. ', undefined],
  ])('%j is %j', (text, name) => {
    expect(parseTableName(text)).toEqual(name);
  });

  test('are read back as they were printed', () => {
    const part = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((text) => !text.includes('\0') && text.trim() !== '');
    fc.assert(
      fc.property(part, part, part, (database, schema, table) => {
        expect(parseTableName(formatTableName({ database, schema, table }))).toEqual({ database, schema, table });
      }),
    );
  });
});

describe('cron expressions', () => {
  const fields = (minute: string, hour: string, dayOfMonth: string, month: string, dayOfWeek: string, year = '*') => ({
    minute,
    hour,
    dayOfMonth,
    month,
    dayOfWeek,
    year,
  });

  test.each([
    ['0 0/15 * ? * MON-FRI', fields('0/15', '*', '?', '*', 'MON-FRI')],
    ['0 0 12 ? * MON-FRI *', fields('0', '12', '?', '*', 'MON-FRI')],
    ['0 0 12 1/5 * ? 2027-2030', fields('0', '12', '1/5', '*', '?', '2027-2030')],
    ['0 5-10,30 8 LW * ?', fields('5-10,30', '8', 'LW', '*', '?')],
    ['0 0 8 L-3 jan,jul ?', fields('0', '8', 'L-3', 'JAN,JUL', '?')],
    ['0 0 8 15W * ?', fields('0', '8', '15W', '*', '?')],
    ['0 0 8 ? * 6L', fields('0', '8', '?', '*', '6L')],
    ['0 0 8 ? * WED#2', fields('0', '8', '?', '*', 'WED#2')],
    ['0/15 * ? * MON-FRI *', fields('0/15', '*', '?', '*', 'MON-FRI')],
    ['cron(0 12 1 * ? *)', fields('0', '12', '1', '*', '?')],
    ['  0   */5  0-23/2 * *  ? ', fields('*/5', '0-23/2', '*', '*', '?')],
  ])('%j is read', (text, expected) => {
    expect(parseCron(text)).toEqual(expected);
  });

  test.each([
    ['*/5 * * * *', '6 or 7 fields, this has 5'],
    ['', '6 or 7 fields, this has 1'],
    ['30 0 12 ? * MON', 'seconds and must be 0'],
    ['* * * ? * MON', 'seconds and must be 0'],
    ['0 0 12 1 * MON', 'exactly one of day-of-month and day-of-week'],
    ['0 0 12 ? * ?', 'exactly one of day-of-month and day-of-week'],
    ['0 60 12 ? * MON', 'minutes from 0 to 59'],
    ['0 0 24 ? * MON', 'hours from 0 to 23'],
    ['0 0 12 32 * ?', 'day of month from 1 to 31'],
    ['0 0 12 1 13 ?', 'month from 1 to 12 or JAN-DEC'],
    ['0 0 12 ? * 0', 'day of week from 1 to 7 or SUN-SAT'],
    ['0 0 12 ? * FRI-MON', 'day of week from 1 to 7'],
    ['0 0 12 ? * MON#6', 'day of week from 1 to 7'],
    ['0 0 12 32W * ?', 'day of month from 1 to 31'],
    ['0 0 12 L,1 * ?', 'day of month from 1 to 31'],
    ['0 0 12 1 * ? 1969', 'year from 1970 to 2199'],
    ['0 0/0 12 ? * MON', 'minutes from 0 to 59'],
    ['0 *-5 12 ? * MON', 'minutes from 0 to 59'],
    ['0 ,5 12 ? * MON', 'minutes from 0 to 59'],
  ])('%j is refused', (text, problem) => {
    expect(parseCron(text)).toEqual({ problem: expect.stringContaining(problem) });
  });
});

describe('suggestions', () => {
  const known = ['replicationKey', 'table', 'view', 'method', 'database', 'user', 'integration'];

  test.each([
    ['replication_key', 'replicationKey'],
    ['replicatonKey', 'replicationKey'],
    ['TABLE', 'table'],
    ['tabel', 'table'],
    ['dbname', 'database'],
    ['username', 'user'],
    ['something', undefined],
    ['x', undefined],
    ['', undefined],
    ['toString', undefined],
  ])('for %j is %j', (word, meant) => {
    expect(suggest(word, known)).toBe(meant);
  });

  test('measure distance in edits, a swap being one', () => {
    expect([
      editDistance('', 'abc'),
      editDistance('kitten', 'sitting'),
      editDistance('ab', 'ba'),
      editDistance('same', 'same'),
    ]).toEqual([3, 3, 1, 0]);
  });
});
