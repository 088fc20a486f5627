import { describe, expect, it } from 'vitest';
import { typeResolver } from '../../functions/engine/source/postgres/types.ts';
import type { TypeRow } from '../../functions/engine/source/postgres/types.ts';

function type(row: Partial<TypeRow> & { readonly oid: string; readonly name: string }): TypeRow {
  return {
    schema: 'public',
    kind: 'b',
    relation: '0',
    base: '0',
    base_modifier: '-1',
    element: null,
    delimiter: null,
    is_hstore: 'f',
    ...row,
  };
}

describe('resolving types', () => {
  it('ends where a type contains itself', () => {
    const resolver = () =>
      typeResolver(
        [
          type({ oid: '1', name: 'node', kind: 'c', relation: '10' }),
          type({ oid: '2', name: '_node', element: '1', delimiter: ',' }),
        ],
        [],
        [{ relation: '10', name: 'children', type: '2', modifier: '-1' }],
      );

    expect(resolver()('1', -1)).toEqual({
      kind: 'composite',
      name: 'node',
      attributes: [
        { name: 'children', type: { kind: 'array', name: '_node', delimiter: ',', element: { kind: 'text', name: 'node' } } },
      ],
    });
    expect(resolver()('2', -1)).toEqual({
      kind: 'array',
      name: '_node',
      delimiter: ',',
      element: { kind: 'composite', name: 'node', attributes: [{ name: 'children', type: { kind: 'text', name: '_node' } }] },
    });
  });

  it('takes a type that vanished for text', () => {
    expect(typeResolver([], [], [])('99', -1)).toEqual({ kind: 'text', name: 'unknown' });
  });

  it('does not take a type of a user for one of PostgreSQL that has the same name', () => {
    expect(typeResolver([type({ oid: '5', name: 'int4', schema: 'mine' })], [], [])('5', -1)).toEqual({
      kind: 'text',
      name: 'int4',
    });
  });

  it.each([
    [-1, {}],
    [((10 << 16) | 2) + 4, { precision: 10, scale: 2 }],
    [((1000 << 16) | 1000) + 4, { precision: 1000, scale: 1000 }],
    [((3 << 16) | (-1000 & 0x7ff)) + 4, { precision: 3, scale: -1000 }],
  ])('reads the modifier %i of numeric', (modifier, expected) => {
    const resolve = typeResolver([type({ oid: '1700', name: 'numeric', schema: 'pg_catalog' })], [], []);

    expect(resolve('1700', modifier)).toEqual({ kind: 'number', name: 'numeric', ...expected });
  });
});
