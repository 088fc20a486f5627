import type { Column, ValueType } from '../model/catalog.ts';

/** Text types that Stitch replicates, by PostgreSQL's name; enumerations besides. */
const TEXT_TYPES: ReadonlySet<string> = new Set([
  'bpchar',
  'varchar',
  'text',
  'citext',
  'uuid',
  'money',
  'inet',
  'cidr',
  'macaddr',
]);

/** How `format_type()` spells a type whose internal name it does not use. */
const SPELLINGS: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  float4: 'real',
  float8: 'double precision',
  bool: 'boolean',
  bpchar: 'character',
  varchar: 'character varying',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  time: 'time without time zone',
  timetz: 'time with time zone',
};

/**
 * Whether Stitch's PostgreSQL integration replicates a column of this type; under the `stitch` profile the others are left out by selection.
 * Unsupported are bytea, interval, xml, geometry, ranges, composites, text search, oid, name and such, arrays of these, every domain, and arrays of domains.
 */
export function isSupportedByStitch(column: Column): boolean {
  if (column.domain !== undefined || !isSupported(column.type)) return false;
  return column.type.kind !== 'array' || isSpelledAs(column.sqlType, column.type.element);
}

function isSupported(type: ValueType): boolean {
  switch (type.kind) {
    case 'number':
    case 'boolean':
    case 'bit':
    case 'timestamp':
    case 'timestamptz':
    case 'date':
    case 'time':
    case 'timetz':
    case 'json':
    case 'hstore':
      return true;
    case 'text':
      return type.enumLabels !== undefined || TEXT_TYPES.has(type.name);
    case 'array':
      return type.element.kind !== 'array' && isSupported(type.element);
    case 'interval':
    case 'bytea':
    case 'composite':
      return false;
  }
}

/** Whether an array was declared with its element's type itself: the types of domains are resolved, only the spelling tells `positive[]` from `integer[]`. */
function isSpelledAs(sqlType: string, element: ValueType): boolean {
  const spelled = sqlType.replaceAll('[]', '').replaceAll(/\([\d,-]+\)/g, '');
  if (spelled === (SPELLINGS[element.name] ?? element.name)) return true;
  // Types outside the search path come with their schema, and names that need it in quotes.
  const quoted = `"${element.name.replaceAll('"', '""')}"`;
  return spelled === quoted || spelled.endsWith(`.${element.name}`) || spelled.endsWith(`.${quoted}`);
}
