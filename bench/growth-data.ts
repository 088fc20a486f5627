import { WIDE_COLUMNS, wideRows } from './data.ts';
import type { BenchServer } from './server.ts';

/** Rows of each of the small tables. */
export const NUMBERED_ROWS = 200;
/** How many tables there are. */
export const NUMBERED = 3_000;

/** The same table in two sizes. */
export async function fillGrowth(server: BenchServer, rows: { readonly small: number; readonly large: number }): Promise<void> {
  await server.query(`
    create table wide_1x (${WIDE_COLUMNS});
    insert into wide_1x ${wideRows(`generate_series(1::bigint, ${rows.small})`)};
    create table wide_10x (${WIDE_COLUMNS});
    insert into wide_10x ${wideRows(`generate_series(1::bigint, ${rows.large})`)}`);
  await server.query('vacuum (freeze, analyze)');
}

/** Small tables, a thousand in a transaction: each holds two locks until its end. */
export async function createNumbered(server: BenchServer): Promise<void> {
  for (let first = 0; first < NUMBERED; first += 1_000) await createFrom(server, first, Math.min(first + 1_000, NUMBERED));
}

async function createFrom(server: BenchServer, first: number, end: number): Promise<void> {
  await server.query(`
    do $$ begin
      for t in ${first} .. ${end - 1} loop
        execute format('create table numbered_%s (id bigint primary key, at timestamptz not null, body text)', t);
        execute format('insert into numbered_%s select n, ''2024-01-01''::timestamptz + n * interval ''1 second'', ''row '' || n from generate_series(1, ${NUMBERED_ROWS}) n', t);
      end loop;
    end $$`);
}
