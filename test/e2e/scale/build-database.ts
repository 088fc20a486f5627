import type pg from 'pg';
import { CORPUS_SETUP } from '../../corpus/corpus-types.ts';
import { quoted } from './scale-tables.ts';
import type { ScaleTable } from './scale-tables.ts';

const FIRST_ROWS = 2_000;
const CHUNK_BYTES = 64 * 1024 * 1024;

/** Makes the tables in an empty database and fills them until it has at least `bytes` on disk. */
export async function buildDatabase(
  client: pg.Client,
  tables: readonly ScaleTable[],
  options: { readonly major: number; readonly bytes: number; readonly say: (line: string) => void },
): Promise<void> {
  const { major, bytes, say } = options;
  for (const { since, sql } of CORPUS_SETUP) if (major >= since) await client.query(sql);
  const ends = new Map<ScaleTable, number>();
  for (const table of tables) {
    for (const sql of table.create) await client.query(sql);
    ends.set(table, await fill(client, table, { from: 1, bytes: bytes * table.share }));
    say(`${table.name}: ${String(ends.get(table))} rows`);
  }
  // The catalog and the rounding of the shares may have left some bytes short.
  const [last] = tables.slice(-1);
  for (let size = await databaseBytes(client); last !== undefined && size < bytes; size = await databaseBytes(client))
    ends.set(last, await fill(client, last, { from: (ends.get(last) ?? 0) + 1, bytes: bytes * last.share + bytes - size }));
  await client.query('analyze');
}

/** Size on disk, as PostgreSQL counts it. */
export async function databaseBytes(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>('select pg_database_size(current_database()) as bytes');
  return Number(rows[0]?.bytes);
}

/** Adds rows from number `from` on until the table has so many bytes; returns the number of the last one. */
async function fill(
  client: pg.Client,
  table: ScaleTable,
  { from, bytes }: { readonly from: number; readonly bytes: number },
): Promise<number> {
  let last = from - 1;
  for (let size = 0, count = FIRST_ROWS; size < bytes;) {
    await client.query(`insert into ${quoted(table.name)} ${table.rows}`, [last + 1, last + count]);
    last += count;
    size = await tableBytes(client, table);
    const perRow = size / last;
    count = Math.max(2, 2 * Math.ceil(Math.min(bytes - size, CHUNK_BYTES) / perRow / 2));
  }
  return last;
}

async function tableBytes(client: pg.Client, table: ScaleTable): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(
    `with recursive part as (select $1::regclass::oid as oid union all select inhrelid from pg_inherits join part on inhparent = part.oid)
     select sum(pg_total_relation_size(oid)) as bytes from part`,
    [quoted(table.name)],
  );
  return Number(rows[0]?.bytes);
}
