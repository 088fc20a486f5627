import { describe, expect, test } from 'vitest';
import { jsonSchemaOf, schemaHash } from '../../functions/engine/encode/json-schema.ts';
import type { JsonSchema, SchemaOptions } from '../../functions/engine/encode/json-schema.ts';
import type { Column, ValueType } from '../../functions/engine/model/catalog.ts';
import { corpusColumn } from '../corpus/corpus-types.ts';
import { CORPUS } from '../corpus/postgres-types.ts';

const DEFAULT: SchemaOptions = { jsonColumns: 'string', profile: 'default' };
const STITCH: SchemaOptions = { jsonColumns: 'string', profile: 'stitch' };

function columnOf(type: ValueType): Column {
  return { ...corpusColumn('c', 'text'), type, sqlType: type.name };
}

function schemaOf(column: Column, options: SchemaOptions = DEFAULT): JsonSchema | undefined {
  return jsonSchemaOf([column], options).properties?.[column.name];
}

const NUMERIC = (precision: number, scale: number): ValueType => ({ kind: 'number', name: 'numeric', precision, scale });
const NOT_FINITE = { type: ['null', 'number', 'string'], pattern: '^(NaN|-?Infinity)$' };

describe('schemas of columns', () => {
  test.each([
    ['smallint', { type: ['null', 'integer'], minimum: -32768, maximum: 32767 }],
    ['integer', { type: ['null', 'integer'], minimum: -2147483648, maximum: 2147483647 }],
    ['bigint', { type: ['null', 'integer'] }],
    ['real', NOT_FINITE],
    ['boolean', { type: ['null', 'boolean'] }],
    ['bit(1)', { type: ['null', 'boolean'] }],
    ['timestamp with time zone', { type: ['null', 'string'], format: 'date-time' }],
    ['date', { type: ['null', 'string'], format: 'date' }],
    ['time without time zone', { type: ['null', 'string'], format: 'time' }],
    ['interval', { type: ['null', 'string'] }],
    ['jsonb', { type: ['null', 'string'] }],
    ['bytea', { type: ['null', 'string'], contentEncoding: 'base64' }],
    ['hstore', { type: ['null', 'object'], additionalProperties: { type: ['null', 'string'] } }],
    ['uuid', { type: ['null', 'string'] }],
    [
      'integer[]',
      { type: ['null', 'array'], items: { type: ['null', 'integer', 'array'], minimum: -2147483648, maximum: 2147483647 } },
    ],
    ['mood[]', { type: ['null', 'array'], items: { type: ['null', 'string', 'array'] } }],
    [
      'pair',
      {
        type: ['null', 'object'],
        properties: {
          a: { type: ['null', 'integer'], minimum: -2147483648, maximum: 2147483647 },
          b: { type: ['null', 'string'] },
        },
        additionalProperties: false,
      },
    ],
  ])('%s', (sqlType, schema) => {
    expect(schemaOf(corpusColumn('c', sqlType))).toEqual(schema);
  });

  test.each([
    [NUMERIC(12, 2), { exclusiveMinimum: -1e10, exclusiveMaximum: 1e10, multipleOf: 0.01 }],
    [NUMERIC(5, 0), { exclusiveMinimum: -1e5, exclusiveMaximum: 1e5, multipleOf: 1 }],
    [NUMERIC(3, -2), { exclusiveMinimum: -1e5, exclusiveMaximum: 1e5, multipleOf: 100 }],
    [NUMERIC(2, 5), { exclusiveMinimum: -0.001, exclusiveMaximum: 0.001, multipleOf: 0.00001 }],
    [NUMERIC(1000, 0), {}],
    [{ kind: 'number', name: 'numeric' }, {}],
  ] as readonly (readonly [ValueType, JsonSchema])[])('%j has bounds as far as numbers go', (type, bounds) => {
    expect(schemaOf(columnOf(type))).toEqual({ ...NOT_FINITE, ...bounds });
    expect(schemaOf(columnOf(type), STITCH)).toEqual({ type: ['null', 'number'], ...bounds });
  });

  test.each([38, 22, 100, 280])('a power of ten keeps its value as text: numeric(%i,0)', (precision) => {
    const text = JSON.stringify(schemaOf(columnOf(NUMERIC(precision, 0))));

    expect(text).toMatch(new RegExp(`"exclusiveMaximum":(1e\\+${precision}|10{${precision}}),`));
  });

  test('text has its length, an enumeration its labels and null', () => {
    expect(schemaOf(columnOf({ kind: 'text', name: 'varchar', maxLength: 40 }))).toEqual({
      type: ['null', 'string'],
      maxLength: 40,
    });
    expect(schemaOf(columnOf({ kind: 'text', name: 'mood', enumLabels: ['a', 'b'] }))).toEqual({
      type: ['null', 'string'],
      enum: ['a', 'b', null],
    });
  });

  test('key columns are never null', () => {
    const schema = jsonSchemaOf([corpusColumn('id', 'bigint'), corpusColumn('name', 'text')], { ...DEFAULT, primaryKey: ['id'] });

    expect(schema).toEqual({ type: 'object', properties: { id: { type: 'integer' }, name: { type: ['null', 'string'] } } });
  });

  test('profile and json columns change the forms', () => {
    expect(schemaOf(corpusColumn('c', 'date'), STITCH)).toEqual({ type: ['null', 'string'], format: 'date-time' });
    expect(schemaOf(corpusColumn('c', 'jsonb'), { ...DEFAULT, jsonColumns: 'nested' })).toEqual({});
  });

  test('a column named __proto__ is a column', () => {
    const schema = JSON.parse(JSON.stringify(jsonSchemaOf([corpusColumn('__proto__', 'text')], DEFAULT))) as JsonSchema;

    expect(Object.keys(schema.properties ?? {})).toEqual(['__proto__']);
  });
});

describe('the schema admits what the encoder writes', () => {
  const rows = CORPUS.map((row) => ({ ...row, name: `${row.sqlType} ${row.sql}`.slice(0, 100) }));

  test.each(rows)('$name', ({ sqlType, json, nested, stitch }) => {
    const column = corpusColumn('c', sqlType);

    expect(violation(schemaOf(column), JSON.parse(json))).toBeUndefined();
    expect(violation(schemaOf(column, { ...DEFAULT, jsonColumns: 'nested' }), JSON.parse(nested ?? json))).toBeUndefined();
    if (stitch !== undefined) expect(violation(schemaOf(column, STITCH), JSON.parse(stitch))).toBeUndefined();
  });

  test('and the check can fail', () => {
    expect(violation(schemaOf(corpusColumn('c', 'real')), 'nan')).toBeDefined();
    expect(violation(schemaOf(corpusColumn('c', 'integer')), 'x')).toBeDefined();
    expect(violation(schemaOf(corpusColumn('c', 'integer[]')), [1, 'x'])).toBeDefined();
    expect(violation(schemaOf(corpusColumn('c', 'pair')), { a: 1, b: '', c: 1 })).toBeDefined();
  });
});

describe('the schema hash', () => {
  const columns = [corpusColumn('id', 'bigint'), corpusColumn('name', 'character varying(40)', 2)];

  test('is the same for the same structure, wherever and whenever', () => {
    expect(schemaHash(columns, DEFAULT)).toBe(schemaHash(structuredClone(columns), DEFAULT));
    expect(schemaHash(columns, DEFAULT)).toBe('cb3123224ff7e40c');
  });

  test.each([
    ['another name', [corpusColumn('id2', 'bigint'), columns[1]]],
    ['another type', [corpusColumn('id', 'integer'), columns[1]]],
    ['another length', [columns[0], corpusColumn('name', 'character varying(41)', 2)]],
    ['another order', [columns[1], columns[0]]],
    ['a column less', [columns[0]]],
    [
      'a domain of the same type',
      [corpusColumn('id', 'bigint'), { ...corpusColumn('name', 'character varying(40)'), domain: 'label' }],
    ],
  ] as readonly (readonly [string, readonly Column[]])[])('changes with %s', (_, other) => {
    expect(schemaHash(other, DEFAULT)).not.toBe(schemaHash(columns, DEFAULT));
  });

  test('changes with labels of an enumeration, forms and key', () => {
    const mood = (enumLabels: readonly string[]): Column => columnOf({ kind: 'text', name: 'mood', enumLabels });

    expect(schemaHash([mood(['a'])], DEFAULT)).not.toBe(schemaHash([mood(['a', 'b'])], DEFAULT));
    expect(schemaHash([corpusColumn('d', 'date')], DEFAULT)).not.toBe(schemaHash([corpusColumn('d', 'date')], STITCH));
    expect(schemaHash(columns, DEFAULT)).not.toBe(schemaHash(columns, { ...DEFAULT, primaryKey: ['id'] }));
  });
});

/** The keywords that our schemas use, checked as their specification says; formats are remarks. */
function violation(schema: JsonSchema | undefined, value: unknown): string | undefined {
  if (schema === undefined) return 'no schema';
  const types = schema.type === undefined ? undefined : [schema.type].flat();
  if (types !== undefined && !types.some((type) => isOf(type, value)))
    return `${JSON.stringify(value)} is none of ${types.join()}`;
  if (schema.enum !== undefined && !schema.enum.includes(value as string))
    return `${JSON.stringify(value)} is not in the enumeration`;
  if (typeof value === 'string') {
    if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value)) return `${value} does not match`;
    if (schema.maxLength !== undefined && Array.from(value).length > schema.maxLength) return `${value} is too long`;
  }
  if (typeof value === 'number' && (value < (schema.minimum ?? -Infinity) || value > (schema.maximum ?? Infinity)))
    return `${value} is out of bounds`;
  if (Array.isArray(value) && schema.items !== undefined) return firstViolation(value.map((item) => [schema.items, item]));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return firstViolation(
    Object.entries(value).map(([name, member]) => {
      const declared =
        schema.properties !== undefined && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
      const rest = schema.additionalProperties;
      return [declared ?? (rest === false ? undefined : typeof rest === 'object' ? rest : {}), member];
    }),
  );
}

function firstViolation(pairs: readonly (readonly [JsonSchema | undefined, unknown])[]): string | undefined {
  return pairs.map(([schema, value]) => violation(schema, value)).find((found) => found !== undefined);
}

function isOf(type: string, value: unknown): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return type === 'integer' ? Number.isInteger(value) : typeof value === type;
}
