import type { TestDatabase } from '../support/test-database.ts';
import type { JsonRow } from '../support/workspace.ts';
import type { Column } from './columns.ts';

/** `items` is copied in ranges, `small` at once. */
export const TABLES = ['items', 'small'] as const;

/** Two small tables; with `isWide` one of them has more than one part of S3. */
export async function fillSource(db: TestDatabase, { isWide }: { readonly isWide: boolean }): Promise<void> {
  await db.query(`
    create table items (id bigint primary key, label text not null, at timestamptz not null default clock_timestamp());
    create table small (id bigint primary key, label text not null, at timestamptz not null default clock_timestamp());
    alter table small alter label set storage external;
    create index on items (at);
    create index on small (at);
    insert into items select n, 'item ' || n || repeat('x', 200) from generate_series(1, 400) n;
    insert into small select n, ${isWide ? `repeat(md5(n::text), 1000)` : `'small ' || n`} from generate_series(1, ${isWide ? '300' : '60'}) n;
    analyze`);
}

/** What writers do between two jobs. Key-based replication does not see deletes. */
export async function changeSource(db: TestDatabase, { method }: Column): Promise<void> {
  await db.query(`
    begin;
    update items set label = 'changed ' || id, at = clock_timestamp() where id % 17 = 0;
    insert into items select max + n, 'new ' || max + n from (select max(id) from items) m, generate_series(1, 40) n;
    commit;
    update small set label = label || '+', at = clock_timestamp();
    insert into small select max(id) + 1, 'new' from small`);
  if (method === 'INCREMENTAL') return;
  await db.query(`delete from items where id % 29 = 0; update items set id = id + 5000 where id = 3`);
  if (method === 'LOG_BASED')
    await db.query(`truncate small; insert into small select n, 'after ' || n from generate_series(1, 20) n`);
}

/** Rows of a table as `id label`, by id. */
export async function sourceRows(db: TestDatabase, table: string): Promise<readonly string[]> {
  return (await db.query(`select id || ' ' || label as row from ${table} order by id`)).map((row) => row['row'] ?? '');
}

/** The same of what was loaded: every row of a full copy; of the other methods the newest row of each key, deletes applied. */
export function loadedRows(rows: readonly JsonRow[], method: Column['method']): readonly string[] {
  const print = (row: JsonRow): string => `${String(row['id'])} ${String(row['label'])}`;
  const byId = (a: JsonRow, b: JsonRow): number => Number(a['id']) - Number(b['id']);
  if (method === 'FULL_TABLE') return [...rows].sort(byId).map(print);
  const now = new Map<unknown, JsonRow>();
  for (const row of [...rows].sort((a, b) => Number(a['_sdc_sequence']) - Number(b['_sdc_sequence']))) {
    if ((row['_sdc_deleted_at'] ?? null) === null) now.set(row['id'], { ...now.get(row['id']), ...row });
    else now.delete(row['id']);
  }
  return [...now.values()].sort(byId).map(print);
}
