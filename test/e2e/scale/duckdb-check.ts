import type pg from 'pg';
import { queryJsonLines } from '../../support/duckdb.ts';
import { literal } from './json-to-postgres.ts';
import type { Difference } from './postgres-check.ts';
import { quoted } from './scale-tables.ts';
import type { ScaleColumn, ScaleTable } from './scale-tables.ts';

/**
 * Reads a table's objects with DuckDB and compares with what PostgreSQL says: rows, distinct ids, sums of integers, values that are not null per column, and for every column
 * whose JSON form is a string of PostgreSQL's text a digest of all its values with their rows. Returns what differs.
 */
export async function compareWithDuckDb(
  client: pg.Client,
  table: ScaleTable,
  files: readonly string[],
): Promise<readonly Difference[]> {
  const [found] = await queryJsonLines({
    files,
    columns: duckColumns(table),
    sql: `select ${duckFigures(table).join(', ')} from lines`,
  });
  const { rows } = await client.query<Record<string, string | null>>(
    `select ${postgresFigures(table).join(', ')} from ${quoted(table.name)}`,
  );
  const [expected = {}] = rows;
  return figures(table).flatMap(({ name, column }) =>
    String(found?.[name]) === String(expected[name]) ? [] : [{ what: `${table.name}.${column}: ${name} in DuckDB`, count: 1 }],
  );
}

/** Everything but whole numbers is read as text. */
function duckColumns(table: ScaleTable): Readonly<Record<string, string>> {
  return Object.fromEntries([
    ...table.columns.map((column) => [column.name, isInteger(column) ? 'BIGINT' : 'VARCHAR'] as const),
    ...(table.identity === 'none' ? [['__sdc_primary_key', 'VARCHAR'] as const] : []),
  ]);
}

function figures(table: ScaleTable): readonly { readonly name: string; readonly column: string }[] {
  return [
    { name: 'rows', column: '*' },
    { name: 'ids', column: 'id' },
    ...table.columns.flatMap((column, index) => [
      { name: `some${String(index)}`, column: column.name },
      ...(isInteger(column) || isPlainText(column) ? [{ name: `sum${String(index)}`, column: column.name }] : []),
    ]),
  ];
}

function duckFigures(table: ScaleTable): readonly string[] {
  return [
    'count(*)::varchar as rows',
    `count(distinct ${table.identity === 'id' ? 'id' : '__sdc_primary_key'})::varchar as ids`,
    ...table.columns.flatMap((column, index) => {
      const value = quoted(column.name);
      const sum = isInteger(column)
        ? `${value}::hugeint`
        : `unhex(substr(md5(${place(table)} || ${value}), 1, 14))::bit::bigint::hugeint`;
      return [
        `count(${value})::varchar as some${String(index)}`,
        ...(isInteger(column) || isPlainText(column) ? [`coalesce(sum(${sum}), 0)::varchar as sum${String(index)}`] : []),
      ];
    }),
  ];
}

function postgresFigures(table: ScaleTable): readonly string[] {
  return [
    'count(*)::text as rows',
    'count(*)::text as ids',
    ...table.columns.flatMap((column, index) => {
      const value = quoted(column.name);
      // concat() prints as the type's output function does, with the padding of character(n).
      const digest = `('x' || substr(md5(${place(table)} || concat(${value})), 1, 14))::bit(56)::bigint`;
      const sum = isInteger(column) ? value : `case when ${value} is not null then ${digest} end`;
      return [
        `count(${value})::text as some${String(index)}`,
        ...(isInteger(column) || isPlainText(column) ? [`coalesce(sum(${sum}), 0)::text as sum${String(index)}`] : []),
      ];
    }),
  ];
}

/** Ties a value to its row. */
function place(table: ScaleTable): string {
  return table.identity === 'id' ? `id::varchar || ${literal(':')}` : literal('');
}

function isInteger({ sqlType }: ScaleColumn): boolean {
  return ['smallint', 'integer', 'bigint'].includes(sqlType);
}

/** Composites that are all null count as null in PostgreSQL's `count`; they are not text anyway. */
function isPlainText({ type }: ScaleColumn): boolean {
  return type.kind === 'text';
}
