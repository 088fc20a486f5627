import type { ValueType } from '../model/catalog.ts';

/** OIDs of PostgreSQL's own types never change: src/include/catalog/pg_type.dat. Each is followed by its array type where that has a fixed one. */
const TYPES: Readonly<Record<string, readonly [oid: number, arrayOid?: number]>> = {
  bool: [16, 1000],
  bytea: [17, 1001],
  char: [18, 1002],
  name: [19, 1003],
  int8: [20, 1016],
  int2: [21, 1005],
  int4: [23, 1007],
  text: [25, 1009],
  oid: [26, 1028],
  json: [114, 199],
  xml: [142, 143],
  point: [600, 1017],
  lseg: [601, 1018],
  path: [602, 1019],
  box: [603, 1020],
  polygon: [604, 1027],
  line: [628, 629],
  circle: [718, 719],
  float4: [700, 1021],
  float8: [701, 1022],
  money: [790, 791],
  macaddr: [829, 1040],
  macaddr8: [774, 775],
  inet: [869, 1041],
  cidr: [650, 651],
  bpchar: [1042, 1014],
  varchar: [1043, 1015],
  date: [1082, 1182],
  time: [1083, 1183],
  timestamp: [1114, 1115],
  timestamptz: [1184, 1185],
  interval: [1186, 1187],
  timetz: [1266, 1270],
  bit: [1560, 1561],
  varbit: [1562, 1563],
  numeric: [1700, 1231],
  uuid: [2950, 2951],
  pg_lsn: [3220, 3221],
  tsvector: [3614, 3643],
  tsquery: [3615, 3645],
  jsonb: [3802, 3807],
  int4range: [3904, 3905],
  numrange: [3906, 3907],
  tsrange: [3908, 3909],
  tstzrange: [3910, 3911],
  daterange: [3912, 3913],
  int8range: [3926, 3927],
};

/** The names of types that have a fixed OID. */
export const BUILT_IN_TYPES: ReadonlyMap<number, string> = new Map(
  Object.entries(TYPES).flatMap(([name, [oid, arrayOid]]) => [
    [oid, name] as const,
    ...(arrayOid === undefined ? [] : [[arrayOid, `_${name}`] as const]),
  ]),
);

/**
 * Whether a value that the log has with this type may be another one than the catalog's type says: the column was given another type since. Domains, enumerations and types of
 * extensions have no OID that we know, and count as the same.
 */
export function isOtherType(typeOid: number, type: ValueType): boolean {
  const name = BUILT_IN_TYPES.get(typeOid);
  return name !== undefined && name !== type.name;
}
