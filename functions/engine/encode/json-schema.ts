import { createHash } from 'node:crypto';
import type { Column, ValueType } from '../model/catalog.ts';
import type { ValueForm } from './value-writer.ts';

/** A JSON Schema (the part of draft 7 that is needed here). Keywords that a number would falsify are left out. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly format?: 'date-time' | 'date' | 'time';
  readonly contentEncoding?: 'base64';
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly enum?: readonly (string | null)[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
}

/** What besides the columns decides their schema. */
export interface SchemaOptions extends ValueForm {
  /** Columns that are never null, as those of a primary key. @default none */
  readonly primaryKey?: readonly string[];
}

/**
 * The schema of the source columns in a stream's records, as Singer has it: `["null", type]`, key columns `[type]`; Stitch's `_sdc_` columns are not part of it.
 * Bounds are those of the type: integers by their width (bigint has none, as 2^63 - 1 is no JavaScript number), numeric by precision and scale.
 */
export function jsonSchemaOf(columns: readonly Column[], options: SchemaOptions): JsonSchema {
  const entries = columns.map((column): [string, JsonSchema] => {
    const schema = schemaOf(column.type, options);
    return [column.name, options.primaryKey?.includes(column.name) === true ? schema : orNull(schema)];
  });
  // fromEntries defines its properties, so a column named __proto__ is one like the others.
  return { type: 'object', properties: Object.fromEntries(entries) };
}

/** A stable digest of names, types and forms, in the order of the columns: 16 hex digits of a SHA-256. */
export function schemaHash(columns: readonly Column[], options: SchemaOptions): string {
  const parts = [columns.map(({ name, sqlType, domain }) => [name, sqlType, domain ?? null]), jsonSchemaOf(columns, options)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

function orNull(schema: JsonSchema): JsonSchema {
  if (schema.type === undefined) return schema;
  const types = typeof schema.type === 'string' ? [schema.type] : schema.type;
  return { ...schema, type: ['null', ...types], ...(schema.enum === undefined ? {} : { enum: [...schema.enum, null] }) };
}

function schemaOf(type: ValueType, form: ValueForm): JsonSchema {
  switch (type.kind) {
    case 'number':
      return numberSchema(type, form);
    case 'boolean':
    case 'bit':
      return { type: 'boolean' };
    case 'timestamp':
    case 'timestamptz':
      return { type: 'string', format: 'date-time' };
    case 'date':
      return { type: 'string', format: form.profile === 'stitch' ? 'date-time' : 'date' };
    case 'time':
    case 'timetz':
      return { type: 'string', format: 'time' };
    case 'interval':
      return { type: 'string' };
    case 'json':
      return form.jsonColumns === 'nested' ? {} : { type: 'string' };
    case 'bytea':
      return { type: 'string', contentEncoding: 'base64' };
    case 'hstore':
      return { type: 'object', additionalProperties: { type: ['null', 'string'] } };
    case 'text':
      return {
        type: 'string',
        ...(type.maxLength === undefined ? {} : { maxLength: type.maxLength }),
        ...(type.enumLabels === undefined ? {} : { enum: type.enumLabels }),
      };
    case 'array':
      return { type: 'array', items: elementSchema(type.element, form) };
    case 'composite':
      return {
        type: 'object',
        properties: Object.fromEntries(
          type.attributes.map((attribute) => [attribute.name, orNull(schemaOf(attribute.type, form))]),
        ),
        additionalProperties: false,
      };
  }
}

/**
 * PostgreSQL does not fix the number of dimensions: an element is a value, NULL, or an array of more of them. An enumeration would forbid
 * the latter, so its labels are left out.
 */
function elementSchema(element: ValueType, form: ValueForm): JsonSchema {
  const { enum: _, ...schema } = orNull(schemaOf(element, form));
  if (schema.type === undefined) return schema;
  const types = typeof schema.type === 'string' ? [schema.type] : schema.type;
  return types.includes('array') ? schema : { ...schema, type: [...types, 'array'] };
}

function numberSchema(type: Extract<ValueType, { kind: 'number' }>, form: ValueForm): JsonSchema {
  switch (type.name) {
    case 'int2':
      return { type: 'integer', minimum: -32768, maximum: 32767 };
    case 'int4':
      return { type: 'integer', minimum: -2147483648, maximum: 2147483647 };
    case 'int8':
      return { type: 'integer' };
    case 'float4':
    case 'float8':
      return orNotFinite({ type: 'number' }, form);
    case 'numeric':
      return orNotFinite({ type: 'number', ...numericBounds(type) }, form);
  }
}

/** NaN and the infinities are strings in the default profile, and the schema says so: a pattern binds strings only. */
function orNotFinite(schema: JsonSchema, form: ValueForm): JsonSchema {
  if (form.profile === 'stitch') return schema;
  return { ...schema, type: ['number', 'string'], pattern: '^(NaN|-?Infinity)$' };
}

/** Powers of ten print as they are meant (`1e-7`, `1e+25`) as long as they are doubles at all. */
function numericBounds({ precision, scale }: { readonly precision?: number; readonly scale?: number }): JsonSchema {
  if (precision === undefined) return {};
  const digits = precision - (scale ?? 0);
  if (Math.abs(digits) > 300 || Math.abs(scale ?? 0) > 300) return {};
  const bound = Number(`1e${digits}`);
  return { exclusiveMinimum: -bound, exclusiveMaximum: bound, multipleOf: Number(`1e${-(scale ?? 0)}`) };
}
