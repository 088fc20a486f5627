import { WIDE_COLUMNS, wideRows } from './data.ts';
import type { BenchServer } from './server.ts';

/** Rows of each of the thousand tables. */
export const NUMBERED_ROWS = 200;
const NUMBERED = 1_000;

/** The same table in two sizes. */
export async function fillGrowth(server: BenchServer, rows: { readonly small: number; readonly large: number }): Promise<void> {
  await server.query(`
    create table wide_1x (${WIDE_COLUMNS});
    insert into wide_1x ${wideRows(`generate_series(1::bigint, ${rows.small})`)};
    create table wide_10x (${WIDE_COLUMNS});
    insert into wide_10x ${wideRows(`generate_series(1::bigint, ${rows.large})`)}`);
  await server.query('vacuum (freeze, analyze)');
}

/** A thousand small tables. */
export async function createNumbered(server: BenchServer): Promise<void> {
  await server.query(`
    do $$ begin
      for t in 0 .. ${NUMBERED - 1} loop
        execute format('create table numbered_%s (id bigint primary key, at timestamptz not null, body text)', t);
        execute format('insert into numbered_%s select n, ''2024-01-01''::timestamptz + n * interval ''1 second'', ''row '' || n from generate_series(1, ${NUMBERED_ROWS}) n', t);
      end loop;
    end $$`);
}
