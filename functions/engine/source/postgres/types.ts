import type { ValueType } from '../../model/catalog.ts';

/** One row of `pg_type`, as {@link typesSql} gives it; every value is PostgreSQL's text. */
export interface TypeRow {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  /** `typtype`: b, c, d, e, r, m, p. */
  readonly kind: string;
  /** For a composite type, its `pg_class.oid`. */
  readonly relation: string;
  /** For a domain, what it is a domain over, with the modifier. */
  readonly base: string;
  readonly base_modifier: string;
  /** For a true array (not `int2vector`, `point`...), its element and what separates elements. */
  readonly element: string | null;
  readonly delimiter: string | null;
  /** Whether the type belongs to the extension hstore. */
  readonly is_hstore: string;
}

export interface EnumLabelRow {
  readonly oid: string;
  readonly label: string;
}

export interface AttributeRow {
  /** `pg_class.oid` of the composite type. */
  readonly relation: string;
  readonly name: string;
  readonly type: string;
  readonly modifier: string;
}

/** Resolves `(type oid, modifier)` to a {@link ValueType}: domains to their base, arrays and composites to their parts. */
export type TypeResolver = (oid: string, modifier: number) => ValueType;

/** The types given and all that they are made of. */
export const typesSql = `
  with recursive needed(oid) as (
    select unnest($1::oid[])
    union
    select part.oid
    from needed
    join pg_type t on t.oid = needed.oid
    cross join lateral (
      select t.typbasetype as oid where t.typtype = 'd'
      union all
      select t.typelem where t.typelem <> 0
      union all
      select a.atttypid from pg_attribute a where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
    ) part
  )
  select t.oid, n.nspname as schema, t.typname as name, t.typtype as kind, t.typrelid as relation, t.typbasetype as base,
         t.typtypmod as base_modifier, e.oid as element, e.typdelim as delimiter,
         t.typname = 'hstore' and exists (
           select from pg_depend d join pg_extension x on x.oid = d.refobjid and d.refclassid = 'pg_extension'::regclass
           where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e' and x.extname = 'hstore'
         ) as is_hstore
  from needed
  join pg_type t on t.oid = needed.oid
  join pg_namespace n on n.oid = t.typnamespace
  left join pg_type e on e.oid = t.typelem and e.typarray = t.oid`;

export const enumLabelsSql = `
  select e.enumtypid as oid, e.enumlabel as label
  from unnest($1::oid[]) t(oid)
  join pg_enum e on e.enumtypid = t.oid
  order by e.enumtypid, e.enumsortorder`;

export const attributesSql = `
  select a.attrelid as relation, a.attname as name, a.atttypid as type, a.atttypmod as modifier
  from unnest($1::oid[]) c(oid)
  join pg_attribute a on a.attrelid = c.oid
  where a.attnum > 0 and not a.attisdropped
  order by a.attrelid, a.attnum`;

/** A resolver over these rows; pure, and remembers what it resolved. A type that is gone or not in the rows is text. */
export function typeResolver(
  rows: readonly TypeRow[],
  labels: readonly EnumLabelRow[],
  attributes: readonly AttributeRow[],
): TypeResolver {
  const types = new Map(rows.map((row) => [row.oid, row]));
  const labelsOf = groupBy(labels, (row) => row.oid);
  const attributesOf = groupBy(attributes, (row) => row.relation);
  const known = new Map<string, ValueType>();

  const resolve = (oid: string, modifier: number, above: readonly string[]): ValueType => {
    const id = `${oid}:${modifier}`;
    const seen = known.get(id);
    if (seen !== undefined) return seen;
    const type = build(oid, modifier, above);
    // What lies inside of a circle depends on where it was entered.
    if (above.length === 0) known.set(id, type);
    return type;
  };

  const build = (oid: string, modifier: number, above: readonly string[]): ValueType => {
    const row = types.get(oid);
    if (row === undefined) return { kind: 'text', name: 'unknown' };
    const { name } = row;
    // PostgreSQL refuses a type that contains itself; a catalog that has one all the same must not hang us.
    if (above.includes(oid)) return { kind: 'text', name };
    const path = [...above, oid];
    if (row.kind === 'd') return resolve(row.base, Number(row.base_modifier), path);
    // The modifier of an array is that of its elements.
    if (row.element !== null)
      return { kind: 'array', name, element: resolve(row.element, modifier, path), delimiter: row.delimiter ?? ',' };
    if (row.kind === 'c') {
      const parts = attributesOf.get(row.relation) ?? [];
      return {
        kind: 'composite',
        name,
        attributes: parts.map((part) => ({ name: part.name, type: resolve(part.type, Number(part.modifier), path) })),
      };
    }
    if (row.kind === 'e') return { kind: 'text', name, enumLabels: (labelsOf.get(oid) ?? []).map((label) => label.label) };
    if (row.is_hstore === 't') return { kind: 'hstore', name: 'hstore' };
    return row.schema === 'pg_catalog' ? builtIn(name, modifier) : { kind: 'text', name };
  };

  return (oid, modifier) => resolve(oid, modifier, []);
}

/** A type of PostgreSQL itself. Modifiers: numeric_typmod_precision() and its neighbours in src/backend/utils/adt/numeric.c; varchar and bpchar add 4. */
function builtIn(name: string, modifier: number): ValueType {
  switch (name) {
    case 'int2':
    case 'int4':
    case 'int8':
    case 'float4':
    case 'float8':
      return { kind: 'number', name };
    case 'numeric':
      return modifier < 4 ? { kind: 'number', name } : { kind: 'number', name, ...numericModifier(modifier - 4) };
    case 'bool':
      return { kind: 'boolean', name };
    case 'bit':
      // A longer bit string is no yes or no; -1 is a length that PostgreSQL does not know either.
      return modifier === 1 ? { kind: 'bit', name } : { kind: 'text', name, ...lengthOf(modifier) };
    case 'varbit':
      return { kind: 'text', name, ...lengthOf(modifier) };
    case 'varchar':
    case 'bpchar':
      return { kind: 'text', name, ...lengthOf(modifier - 4) };
    case 'timestamp':
      return { kind: 'timestamp', name };
    case 'timestamptz':
      return { kind: 'timestamptz', name };
    case 'date':
      return { kind: 'date', name };
    case 'time':
      return { kind: 'time', name };
    case 'timetz':
      return { kind: 'timetz', name };
    case 'interval':
      return { kind: 'interval', name };
    case 'json':
    case 'jsonb':
      return { kind: 'json', name };
    case 'bytea':
      return { kind: 'bytea', name };
    default:
      return { kind: 'text', name };
  }
}

function numericModifier(packed: number): { readonly precision: number; readonly scale: number } {
  // 11 bits with a sign since 15, where a scale may be negative; before, no scale is over 1000.
  return { precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 1024) - 1024 };
}

function lengthOf(length: number): { readonly maxLength?: number } {
  return length > 0 ? { maxLength: length } : {};
}

/** Rows by a key, each group in the order of the rows. */
export function groupBy<T>(rows: readonly T[], keyOf: (row: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return groups;
}
