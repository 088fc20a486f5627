import type { ValueType } from '../../../functions/engine/model/catalog.ts';
import { quoted } from './scale-tables.ts';

/** Functions that conversions use: PostgreSQL reads no ISO 8601 years beyond four digits. */
export const CONVERSION_SETUP: readonly string[] = [
  `create function iso_to_postgres(iso text) returns text language sql immutable as $$
     select case
       when iso ~ '^[+]' then substr(iso, 2)
       when iso ~ '^-[0-9]' then lpad((substring(iso from '^-([0-9]+)')::integer + 1)::text, 4, '0') || regexp_replace(iso, '^-[0-9]+', '') || ' BC'
       when iso ~ '^0000-' then '0001' || substr(iso, 5) || ' BC'
       else iso
     end $$`,
];

/**
 * SQL that reads a value of type json back as the PostgreSQL value that it was made from: by casts that anyone who loads the lines could write.
 * `sqlType` is the type to get, where the value type says too little (domains, lengths).
 */
export function fromJson(json: string, type: ValueType, sqlType: string = sqlTypeOf(type)): string {
  const text = `(${json} #>> '{}')`;
  switch (type.kind) {
    case 'bit':
      return `(case ${text} when 'true' then b'1' when 'false' then b'0' end)`;
    case 'timestamp':
    case 'timestamptz':
    case 'date':
      return `iso_to_postgres${text}::${sqlType}`;
    case 'bytea':
      return `decode(${text}, 'base64')::${sqlType}`;
    case 'hstore':
      return `(case when ${isKind(json, 'object')} then (select coalesce(hstore(array_agg(key), array_agg(value)), '') from json_each_text(${json})) end)`;
    case 'array':
      if (isNative(type)) return native(json, sqlType);
      return `(case when ${isKind(json, 'array')} then array(select ${fromJson('e', type.element, elementOf(sqlType, type.element))}
        from json_array_elements(${json}) with ordinality as t(e, n) order by n)::${sqlType} end)`;
    case 'composite': {
      if (isNative(type) && type.attributes.length > 0) return native(json, sqlType);
      const attributes = type.attributes.map((attribute) => fromJson(`(${json} -> ${literal(attribute.name)})`, attribute.type));
      return `(case when ${isKind(json, 'object')} then row(${attributes.join(', ')})::${sqlType} end)`;
    }
    case 'number':
    case 'boolean':
    case 'time':
    case 'timetz':
    case 'interval':
    case 'json':
    case 'text':
      return `${text}::${sqlType}`;
  }
}

/** SQL that prints a value, NULL included, so that two of them can be compared whatever their type. Lower bounds of arrays, which JSON has no place for, are left out. */
export function printed(value: string, type: ValueType): string {
  if (type.kind === 'array') return `regexp_replace(format('%L', ${value}), '^''(\\[[-0-9:]+\\])+=', '''')`;
  return `format('%L', ${value})`;
}

/** A string as SQL writes it. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Whether PostgreSQL makes the value from its JSON form all by itself. */
function isNative(type: ValueType): boolean {
  switch (type.kind) {
    case 'number':
    case 'boolean':
    case 'time':
    case 'timetz':
    case 'interval':
    case 'text':
      return true;
    case 'array':
      return type.element.kind !== 'array' && isNative(type.element);
    case 'composite':
      return type.attributes.every((attribute) => isNative(attribute.type));
    default:
      return false;
  }
}

/** Only a record's definition makes PostgreSQL take nested JSON arrays for the dimensions of one array. */
function native(json: string, sqlType: string): string {
  return `(select v from json_to_record(json_build_object('v', ${json})) as r(v ${sqlType}))`;
}

function isKind(json: string, kind: 'array' | 'object'): string {
  return `json_typeof(${json}) = '${kind}'`;
}

/** Type of the elements: by its name where the array has one of its own (`bit(8)[]`, `numbers[]`). */
function elementOf(sqlType: string, element: ValueType): string {
  return sqlType.endsWith('[]') ? sqlType.slice(0, -2) : sqlTypeOf(element);
}

function sqlTypeOf(type: ValueType): string {
  if (type.kind === 'array') return `${sqlTypeOf(type.element)}[]`;
  return type.kind === 'composite' ? quoted(type.name) : type.name;
}
