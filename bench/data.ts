import type { BenchServer } from './server.ts';

/** How large everything is. */
export interface Sizes {
  readonly wideRows: number;
  readonly narrowRows: number;
  /** Of the table that is read by key, in all, and beyond the bookmark. */
  readonly keyedRows: number;
  readonly newRows: number;
  readonly changes: number;
  /** Rows of one transaction. */
  readonly giantRows: number;
}

/** `scale` 1: the sizes that the limits were first measured with. */
export function sizesOf(scale: number): Sizes {
  const rows = (count: number): number => Math.max(1_000, Math.round(count * scale));
  return {
    wideRows: rows(1_000_000),
    narrowRows: rows(10_000_000),
    keyedRows: rows(1_000_000),
    newRows: rows(310_000),
    changes: rows(1_000_000),
    giantRows: rows(1_000_000),
  };
}

/** 22 columns of the usual types. With the rows below about 600 bytes of JSON each, quotes, newlines and other scripts in a few per cent. */
export const WIDE_COLUMNS = `
  id bigint primary key, customer_id int not null, store_id int not null, quantity smallint not null, price numeric(12,2) not null,
  rate numeric not null, status text not null, customer_name text not null, comment text, description text not null, email text not null,
  created_at timestamptz not null, updated_at timestamptz not null, order_date date not null, is_paid boolean not null, token uuid not null,
  attributes jsonb not null, tags text[] not null, score double precision not null, discount numeric(5,2), notes text, country text not null`;

/** The same rows every time: everything comes from the row's number. */
export function wideRows(from: string): string {
  return `
    select n, (n * 7919) % 100000, n % 300, (n % 50)::smallint, round((n % 100000) / 7.0, 2),
      ((n * 31337) % 1000000) / 1103.0, (array['new','paid','packed','shipped','returned'])[1 + n % 5],
      (array['Ana Souza','Jürgen Müller','李小龍','O''Neil "Sam"','Zoë Žižek'])[1 + n % 5] || ' ' || n % 1000,
      case when n % 20 = 0 then E'said "fine"\\nand\\twent \\\\ home ' || n when n % 3 = 0 then null else 'no remarks about order ' || n end,
      md5(n::text) || ' ' || md5((n * 3)::text) || ' lorem ipsum dolor sit', 'user' || n % 50000 || '@example.com',
      timestamptz '2023-01-01 00:00:00+00' + n * interval '31.4159 second', timestamptz '2024-01-01 00:00:00+00' + n * interval '17.12345 second',
      date '2022-01-01' + (n % 1000)::int, n % 3 = 0, md5('t' || n)::uuid,
      jsonb_build_object('color', (array['red','green','blue'])[1 + n % 3], 'size', n % 40, 'note', 'a "quoted" one', 'ok', n % 2 = 0),
      array['t' || n % 20, 'cat ' || n % 9], n / 12217.37, case when n % 4 = 0 then null else (n % 90) + 0.25 end,
      case when n % 10 = 0 then 'gift' end, (array['DE','BR','US','CN','FR'])[1 + n % 5]
    from ${from} n`;
}

/** Tables that are read whole, and those that are read by key as they are before the new rows come. */
export async function fillTables(server: BenchServer, sizes: Sizes): Promise<void> {
  await server.query(`
    create table wide (${WIDE_COLUMNS});
    insert into wide ${wideRows(`generate_series(1::bigint, ${sizes.wideRows})`)};
    create table narrow (id bigint primary key, at timestamptz not null, kind int not null, body text not null);
    insert into narrow select n, timestamptz '2024-01-01 00:00:00+00' + n * interval '1.2345 second', n % 100, 'event ' || n % 1000
      from generate_series(1::bigint, ${sizes.narrowRows}) n;
    create table keyed (${WIDE_COLUMNS});
    create index on keyed (updated_at);
    insert into keyed ${wideRows(`generate_series(1::bigint, ${sizes.keyedRows - sizes.newRows})`)}`);
  await server.query('vacuum (freeze, analyze)');
}

/** Rows beyond what a job has seen so far. */
export async function addNewRows(server: BenchServer, sizes: Sizes): Promise<void> {
  await server.query(
    `insert into keyed ${wideRows(`generate_series(${sizes.keyedRows - sizes.newRows + 1}::bigint, ${sizes.keyedRows})`)}`,
  );
  await server.query('vacuum (freeze, analyze) keyed');
}

/** An empty table whose changes are logged. */
export async function createLogged(server: BenchServer): Promise<void> {
  await server.query(`create table logged (${WIDE_COLUMNS})`);
}

/** 60 % inserts, 30 % updates, 10 % deletes, in transactions of 100. */
export async function makeChanges(server: BenchServer, sizes: Sizes): Promise<void> {
  await server.query(`
    create or replace procedure make_changes(transactions int) language plpgsql as $$
    begin
      for t in 0 .. transactions - 1 loop
        insert into logged ${wideRows('generate_series(t * 60 + 1::bigint, t * 60 + 60)')};
        update logged set status = 'late', quantity = 3, updated_at = updated_at + interval '1 hour' where id between t * 60 + 1 and t * 60 + 30;
        delete from logged where id between t * 60 + 51 and t * 60 + 60;
        commit;
      end loop;
    end $$`);
  await server.query(`call make_changes(${Math.round(sizes.changes / 100)})`);
}

/** Rows that one transaction then updates. */
export async function fillGiant(server: BenchServer, sizes: Sizes): Promise<void> {
  await server.query(`insert into logged ${wideRows(`generate_series(1::bigint, ${sizes.giantRows})`)}`);
  await server.query('vacuum (freeze, analyze) logged');
}

/** The transaction. */
export async function updateGiant(server: BenchServer): Promise<void> {
  await server.query(`update logged set quantity = quantity + 1`);
}
