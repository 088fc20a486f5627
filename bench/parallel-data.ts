import { WIDE_COLUMNS, wideRows } from './data.ts';
import type { BenchServer } from './server.ts';

/** How many rows the tables that are copied in parallel have. */
export interface ParallelRows {
  readonly wide: number;
  readonly byField: number;
}

/** `scale` 1: a job of one connection as fast as it can takes some seconds. */
export function parallelRows(scale: number): ParallelRows {
  const rows = (count: number): number => Math.max(1_000, Math.round(count * scale));
  return { wide: rows(1_000_000), byField: rows(1_000_000) };
}

/** The wide table; and one whose values, but for its key and a text, are none that the WebAssembly kernel writes: it asks its host for each of them. */
export async function fillParallel(server: BenchServer, rows: ParallelRows): Promise<void> {
  await server.query(`
    create table wide (${WIDE_COLUMNS});
    insert into wide ${wideRows(`generate_series(1::bigint, ${rows.wide})`)};
    create type place as (city text, zip text, lat float8, lon float8);
    create table by_field (
      id bigint primary key, opens time not null, closes timetz not null, token bytea not null, at_place place not null, tags text[] not null,
      attributes jsonb not null, reading float8 not null, note text not null);
    insert into by_field
      select n, time '00:00' + n * interval '1.25 second', timetz '00:00+00' + n * interval '0.5 second', decode(md5(n::text) || md5('t' || n), 'hex'),
        row('Sankt "Peter", ' || n % 1000, lpad((n % 90000)::text, 5, '0'), n % 180 / 1.7, n % 360 / 1.3)::place,
        array['said "fine" ' || n % 20, 'back\\slash', 'plain ' || n % 9],
        jsonb_build_object('color', (array['red','green','blue'])[1 + n % 3], 'sizes', jsonb_build_array(n % 40, n % 7), 'note', 'a "quoted" one', 'ok', n % 2 = 0),
        (array['NaN','Infinity','-Infinity'])[1 + n % 3]::float8, 'no remarks about ' || n
      from generate_series(1::bigint, ${rows.byField}) n`);
  await server.query('vacuum (freeze, analyze)');
}
