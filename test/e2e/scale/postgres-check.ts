import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import type pg from 'pg';
import { copyLinesIn } from './copy-in.ts';
import { CONVERSION_SETUP, fromJson, printed } from './json-to-postgres.ts';
import { quoted } from './scale-tables.ts';
import type { ScaleColumn, ScaleTable } from './scale-tables.ts';

/** Something that is not as it should be: where, and how often. */
export interface Difference {
  readonly what: string;
  readonly count: number;
}

const IDS_AT_ONCE = 20_000;

/** Prepares the database's own tools for the comparison: after replication, since they would be replicated. */
export async function preparePostgresCheck(client: pg.Client): Promise<void> {
  await client.query(`create schema loaded`);
  await client.query(`set timezone = 'UTC'; set extra_float_digits = 3; set work_mem = '64MB'; set search_path = public, loaded`);
  for (const sql of CONVERSION_SETUP) await client.query(sql.replace('create function ', 'create function loaded.'));
}

/** Loads a table's objects (gzip) back into PostgreSQL and compares every column of every row with the source. Returns what differs. */
export async function compareInPostgres(
  client: pg.Client,
  table: ScaleTable,
  files: readonly string[],
): Promise<readonly Difference[]> {
  const loaded = `loaded.${quoted(table.name)}`;
  await client.query(`create unlogged table ${loaded} (line json)`);
  for (const file of files) await copyLinesIn(client, loaded, createReadStream(file).pipe(createGunzip()));
  const differences = [...(await compareMembers(client, table, loaded))];
  differences.push(
    ...(table.identity === 'id' ? await compareById(client, table, loaded) : await compareAsBags(client, table, loaded)),
  );
  await client.query(`drop table ${loaded}`);
  return differences.filter(({ count }) => count > 0);
}

/** Every line has every column, also where it is null, and nothing more than Stitch's columns. */
async function compareMembers(client: pg.Client, table: ScaleTable, loaded: string): Promise<readonly Difference[]> {
  const names = [
    ...table.columns.map(({ name }) => name),
    ...SYSTEM_COLUMNS,
    ...(table.identity === 'id' ? [] : ['__sdc_primary_key']),
  ];
  const { rows } = await client.query<{ count: string }>(
    `select count(*) from ${loaded} where array(select json_object_keys(line)) <> $1::text[]`,
    [names],
  );
  return [{ what: `${table.name}: lines with other members`, count: Number(rows[0]?.count) }];
}

const SYSTEM_COLUMNS = ['_sdc_extracted_at', '_sdc_received_at', '_sdc_batched_at', '_sdc_sequence', '_sdc_table_version'];

async function compareById(client: pg.Client, table: ScaleTable, loaded: string): Promise<readonly Difference[]> {
  const source = quoted(table.name);
  // Fails if an id was loaded twice.
  await client.query(`create unique index on ${loaded} (((line ->> 'id')::bigint))`);
  await client.query(`analyze ${loaded}`);
  const { rows } = await client.query<{ last: string }>(`select max(id) as last from ${source}`);
  const last = Number(rows[0]?.last);
  const columns = table.columns.map((column, index) => `count(*) filter (where ${isOther(column)}) as c${String(index)}`);
  const totals = new Map<string, number>();
  for (let from = 0; from <= last; from += IDS_AT_ONCE) {
    const { rows: found } = await client.query<Record<string, string>>(
      `select count(*) filter (where l.row_id is null) as missing, count(*) filter (where s.id is null) as strange, ${columns.join(', ')}
       from (select * from ${source} where id >= $1 and id < $2) s
       full join (select (o.line ->> 'id')::bigint as row_id, r.* from ${loaded} o, json_to_record(o.line) as r(${recordOf(table)})
         where (o.line ->> 'id')::bigint >= $1 and (o.line ->> 'id')::bigint < $2) l on l.row_id = s.id`,
      [from, from + IDS_AT_ONCE],
    );
    for (const [name, count] of Object.entries(found[0] ?? {})) totals.set(name, (totals.get(name) ?? 0) + Number(count));
  }
  const { rows: all } = await client.query<{ more: string }>(
    `select (select count(*) from ${loaded}) - (select count(*) from ${source}) as more`,
  );
  return [
    { what: `${table.name}: rows missing`, count: totals.get('missing') ?? 0 },
    { what: `${table.name}: rows that the source does not have`, count: totals.get('strange') ?? 0 },
    { what: `${table.name}: difference in rows`, count: Math.abs(Number(all[0]?.more)) },
    ...table.columns.map(({ name }, index) => ({ what: `${table.name}.${name}`, count: totals.get(`c${String(index)}`) ?? 0 })),
  ];
}

/** Rows without identity: as many of each kind here as there. */
async function compareAsBags(client: pg.Client, table: ScaleTable, loaded: string): Promise<readonly Difference[]> {
  const before = `select ${table.columns.map(({ name, type }) => printed(quoted(name), type)).join(', ')} from ${quoted(table.name)}`;
  const after = `select ${table.columns.map((column) => printed(readBack(column, 'r'), column.type)).join(', ')} from ${loaded} o, json_to_record(o.line) as r(${recordOf(table)})`;
  const { rows } = await client.query<{ missing: string; strange: string }>(
    `select (select count(*) from (${before} except all ${after}) d) as missing, (select count(*) from (${after} except all ${before}) d) as strange`,
  );
  return [
    { what: `${table.name}: rows missing`, count: Number(rows[0]?.missing) },
    { what: `${table.name}: rows that the source does not have`, count: Number(rows[0]?.strange) },
  ];
}

function recordOf(table: ScaleTable): string {
  return table.columns.map(({ name }) => `${quoted(name)} json`).join(', ');
}

function readBack({ name, type, sqlType }: ScaleColumn, row: string): string {
  return fromJson(`${row}.${quoted(name)}`, type, sqlType);
}

function isOther(column: ScaleColumn): string {
  return `${printed(`s.${quoted(column.name)}`, column.type)} <> ${printed(readBack(column, 'l'), column.type)}`;
}
