import fc from 'fast-check';
import { expect, test } from 'vitest';
import { destinationName } from '../../functions/engine/plan/destination-names.ts';

test.each([
  ['public', 'orders', false, 'orders'],
  ['public', 'orders', true, 'public__orders'],
  ['public', 'Weird "Name"', false, 'weird__name_'],
  ['public', 'order-lines.v2', false, 'order_lines_v2'],
  ['public', 'größe', false, 'gr__e'],
  ['public', '日本', false, 't__'],
  ['public', '💥x', false, 't_x'],
  ['public', '_queue', false, 't_queue'],
  ['_timescale', 'chunk', true, 't_timescale__chunk'],
  ['_timescale', 'chunk', false, 'chunk'],
  ['public', '2024', false, '2024'],
  ['public', '../etc', false, 't___etc'],
])('of %j.%j (with its schema: %j) is %j', (schema, table, withSchema, name) => {
  expect(destinationName({ schema, table, withSchema })).toBe(name);
});

test('is always visible to query engines and safe in a key', () => {
  const part = fc.string({ unit: 'binary', minLength: 1, maxLength: 63 });
  fc.assert(
    fc.property(part, part, fc.boolean(), (schema, table, withSchema) => {
      expect(destinationName({ schema, table, withSchema })).toMatch(/^[a-z0-9][a-z0-9_]*$/);
    }),
  );
});
