import { createDatabase, newestMajor } from '../../support/postgres.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import type { Loaded } from '../../support/workspace.ts';
import { newest } from '../../support/workspace.ts';

/** Many ranges of a small table: what takes time is their commits, so that a copy takes seconds on any machine. */
export const RANGED = ['connections: 2', 'rangeBytes: 65536'];
export const BIG = '  - { table: public.big, method: FULL_TABLE }';
export const SMALL = '  - { table: public.small, method: FULL_TABLE }';

export const BIG_ROWS = 60_000;

/** A database with a table that is copied in about 150 ranges, and a small one. */
export async function withBig(rows = BIG_ROWS): Promise<TestDatabase> {
  const db = await createDatabase(newestMajor, { sessionsAtEnd: 'any' });
  await db.query(`
    create table big (id bigint primary key, label text not null);
    insert into big select n, 'big ' || n || repeat('x', 100) from generate_series(1, ${rows}) n;
    create table small (id int primary key, label text not null);
    insert into small select n, 'small ' || n from generate_series(1, 100) n;
    analyze`);
  return db;
}

/** Rows of a table as the source has them: `id label`. */
export async function sourceRows(db: TestDatabase, table: string): Promise<readonly string[]> {
  return (await db.query(`select id || ' ' || label as row from ${table}`)).map((row) => row['row'] ?? '').sort();
}

/** The same as a loader has them: deletes applied. */
export function loadedRows(loaded: Loaded, db: TestDatabase, table: string): readonly string[] {
  return newest(loaded.rows.get(`${db.database}.public.${table}`) ?? [], 'id')
    .filter((row) => (row['_sdc_deleted_at'] ?? null) === null)
    .map((row) => `${String(row['id'])} ${String(row['label'])}`)
    .sort();
}
