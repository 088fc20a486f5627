import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { longestKey, parseKeyTemplate } from '../../functions/engine/config/key-tokens.ts';
import {
  logKey,
  logPrefix,
  objectKey,
  objectKeyPrefix,
  objectKeyReader,
  reportKey,
  tableInfoKey,
  tableSchemaKey,
} from '../../functions/engine/plan/key-template.ts';
import type { KeyUnit, ObjectKeyParts } from '../../functions/engine/plan/key-template.ts';

const AT = new Date('2026-02-03T04:05:06.789Z');
const STITCH = '[integration_name]/[table_name]/[table_version]_[timestamp_loaded].jsonl';
const DATED =
  'raw/[year_loaded]/[month_loaded]/[day_loaded]/[hour_loaded]/[integration_name]-[table_name]/[table_version]/[timestamp_loaded]/';

const parts = (given: Partial<ObjectKeyParts> = {}): ObjectKeyParts => ({
  integration: 'shop',
  table: 'orders',
  version: 1764000000000,
  unit: { kind: 'log' },
  batch: 7,
  fence: 3,
  part: 0,
  at: AT,
  extension: '.jsonl.gz',
  ...given,
});

const units = fc.oneof(
  fc.record({ kind: fc.constant('copy' as const), range: fc.nat(999_999) }),
  fc.constantFrom<KeyUnit>({ kind: 'key' }, { kind: 'log' }),
);
const names = fc.record({ unit: units, batch: fc.nat(999_999_999_999), fence: fc.nat(9_999_999), part: fc.nat(9999) });

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

describe('an object key', () => {
  test.each<readonly [Partial<ObjectKeyParts>, string]>([
    [{}, 'shop/orders/1764000000000/log-000000000007-000003-0000.jsonl.gz'],
    [{ unit: { kind: 'key' }, part: 12, extension: '.jsonl' }, 'shop/orders/1764000000000/key-000000000007-000003-0012.jsonl'],
    [
      { unit: { kind: 'copy', range: 41 }, extension: '.jsonl.zst' },
      'shop/orders/1764000000000/copy-000041-000000000007-000003-0000.jsonl.zst',
    ],
    [{ fence: 1_234_567 }, 'shop/orders/1764000000000/log-000000000007-1234567-0000.jsonl.gz'],
    [{ template: STITCH }, 'shop/orders/1764000000000_1770091506789-log-000000000007-000003-0000.jsonl.gz'],
    [{ template: DATED }, 'raw/2026/02/03/04/shop-orders/1764000000000/1770091506789/log-000000000007-000003-0000.jsonl.gz'],
  ])('with %j is %s', (given, key) => {
    expect(objectKey(parts(given))).toBe(key);
  });

  test('sorts by range, batch and part', () => {
    const place = fc.record({ range: fc.nat(999_999), batch: fc.nat(999_999_999_999), part: fc.nat(9999) });
    const shared = fc.subarray(['range', 'batch'] as const);
    fc.assert(
      fc.property(place, place, shared, fc.nat(9_999_999), (a, other, same, fence) => {
        const b = { ...other, ...Object.fromEntries(same.map((name) => [name, a[name]])) };
        // Of one batch only one fence is ever committed.
        const keyOf = ({ range, batch, part }: typeof a) =>
          objectKey(parts({ unit: { kind: 'copy', range }, batch, part, fence: fence + (batch % 7) }));
        const order = a.range - b.range || a.batch - b.batch || a.part - b.part;
        expect(Math.sign(compare(keyOf(a), keyOf(b)))).toBe(Math.sign(order));
      }),
    );
  });

  test('is read back, and no other integration, table or version reads it', () => {
    fc.assert(
      fc.property(
        names,
        fc.constantFrom(undefined, STITCH, DATED),
        fc.date({ min: new Date(1e12), max: new Date(9e12), noInvalidDate: true }),
        (name, template, at) => {
          const key = objectKey(parts({ ...name, template, at, integration: 'a_b', table: 'c' }));
          const read = (of: { integration?: string; table?: string; version?: number }) =>
            objectKeyReader({ template, integration: 'a_b', ...of })(key);

          expect(read({ table: 'c', version: 1764000000000 })).toEqual(name);
          expect(read({})).toEqual(name);
          expect(read({ integration: 'a' })).toBeUndefined();
          expect(read({ integration: 'a_b$' })).toBeUndefined();
          expect(read({ table: 'b_c' })).toBeUndefined();
          expect(read({ table: 'c', version: 1764000000001 })).toBeUndefined();
        },
      ),
    );
  });

  test.each([
    [undefined, { table: 'orders', version: 5 }, 'shop/orders/5/'],
    [undefined, { table: 'orders' }, 'shop/orders/'],
    [undefined, {}, 'shop/'],
    [STITCH, { table: 'orders', version: 5 }, 'shop/orders/5_'],
    [DATED, { table: 'orders', version: 5 }, 'raw/'],
  ])('of template %s for %j is found below %s', (template, of, prefix) => {
    expect(objectKeyPrefix({ template, integration: 'shop', ...of })).toBe(prefix);
  });

  test('below its own folder is no key of ours without our name', () => {
    const read = objectKeyReader({ integration: 'shop' });

    expect(
      [
        'shop/orders/_table.json',
        'shop/orders/1/x.jsonl.gz',
        'shop/orders/1/log-000000000007-000003-0000.jsonl.gz.part',
        'shop/_reports/2026/01/01/x.json',
      ].map(read),
    ).toEqual([undefined, undefined, undefined, undefined]);
  });

  test.each([
    { unit: { kind: 'copy' as const, range: 1_000_000 } },
    { part: 10_000 },
    { batch: 1e12 },
    { batch: -1 },
    { fence: 1.5 },
  ])('refuses numbers that would not sort: %j', (given) => {
    expect(() => objectKey(parts(given))).toThrow(RangeError);
  });

  test('is never longer than S3 takes', () => {
    expect(() => objectKey(parts({ table: 'x'.repeat(1000) }))).toThrow(expect.objectContaining({ code: 'key-too-long' }));
    expect(objectKey(parts({ integration: 'i'.repeat(49), table: 'x'.repeat(128) })).length).toBeLessThan(400);
  });
});

test('the keys beside the objects begin with _ in their last or first part', () => {
  const startedAt = new Date('2026-11-22T23:59:59.999Z');

  expect(tableInfoKey({ integration: 'shop', table: 'orders' })).toBe('shop/orders/_table.json');
  expect(tableSchemaKey({ integration: 'shop', table: 'orders', hash: 'abc' })).toBe('shop/orders/_table-abc.json');
  expect(reportKey({ integration: 'shop', job: '20261122T235959.999Z-000042', startedAt })).toBe(
    'shop/_reports/2026/11/22/20261122T235959.999Z-000042.json',
  );
  expect(logKey({ integration: 'shop', job: 'j', writer: 'a/b:1', piece: 2 })).toBe('shop/_logs/j/a_b_1-000002.jsonl');
  expect(logPrefix({ integration: 'shop', job: 'j' })).toBe('shop/_logs/j/');
});

describe('a template', () => {
  test.each([
    STITCH,
    DATED,
    '[integration_name]/[table_name]/[table_version]_[timestamp_loaded]',
    '[integration_name]/[table_name]/[table_version]_[timestamp_loaded].jsonl.gz',
    'a=[integration_name]/b=[table_name]/[table_version][timestamp_loaded]',
    '[table_version]/[timestamp_loaded]/[integration_name].[table_name]',
  ])('%s is taken', (template) => {
    expect(parseKeyTemplate(template)).not.toHaveProperty('problem');
  });

  test.each<[string, string]>([
    ['', 'a template with [integration_name], [table_name], [table_version], [timestamp_loaded]'],
    ['[integration_name]/[table_name]/[table_version]', 'a template with [timestamp_loaded]'],
    [STITCH.replace('table_name', 'tabel_name'), 'did you mean "[table_name]"?'],
    [STITCH.replace('[table_name]', '[table_name'), '[square brackets]'],
    [`${STITCH}${'x'.repeat(500)}`, 'at most 500 characters'],
    [`a b/${STITCH}`, 'printable ASCII without spaces'],
    [`ü/${STITCH}`, 'printable ASCII without spaces'],
    ...Array.from('!@#$%^&*', (character): [string, string] => [`a${character}/${STITCH}`, 'none of !']),
    [STITCH.replace('.jsonl', '.csv'), 'JSON Lines'],
    [`/${STITCH}`, 'no "/" at the start'],
    [STITCH.replace('/', '//'), 'none doubled'],
    [`a/../${STITCH}`, 'query engines ignore those'],
    [`_raw/${STITCH}`, 'query engines ignore those'],
    [STITCH.replace('/', '_'), 'after [integration_name]'],
    [STITCH.replace('[table_name]/', '[table_name]'), 'after [table_name]'],
  ])('%s is refused', (template, problem) => {
    expect(parseKeyTemplate(template)).toEqual({ problem: expect.stringContaining(problem) });
  });

  test('whatever is in it, gives keys of at most the length that was foretold, or is refused', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '[integration_name]',
        '[table_name]',
        '[table_version]',
        '[timestamp_loaded]',
        '[year_loaded]',
        '/',
        '-',
        '_',
        '.',
      ),
      fc.string({ maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const template = pieces.join('');
        const parsed = parseKeyTemplate(template);
        if ('problem' in parsed) return;
        const key = objectKey(parts({ template, integration: 'i'.repeat(49), table: 't'.repeat(128) }));
        expect(key.length).toBeLessThanOrEqual(longestKey(parsed) + 64);
        expect(key).not.toMatch(/^\/|\/\/|\s|(^|\/)[._]/);
      }),
    );
  });
});
