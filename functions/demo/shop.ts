import type pg from 'pg';
import { SHOP_CONSTRAINTS, SHOP_TABLES } from './shop-schema.ts';

/** Rows per table, before any change. Everything else follows from them: the same rows each time. */
const ROWS = { customers: 10_000, products: 1_000, orders: 60_000, events: 100_000, auditLog: 5_000, weird: 500 } as const;

/** A number from 0 to n-1 that depends on the row and the column only: random() would give other rows under another query plan. Needs PostgreSQL 11. */
const PICK = `
create function pg_temp.pick(row_number bigint, salt integer, n integer) returns integer language sql immutable as
$$ select ((hashint8extended(row_number, salt) & 2147483647) % n)::integer $$;
`;

const ROWS_SQL: readonly string[] = [
  `insert into customers (email, name, home, phones, preferences, credit_limit, is_active, born, created_at, updated_at)
   select 'customer' || i || '@example.com',
     (array['Zoë','Łukasz','Márta','田中','Ольга','Ann','Søren','Inês'])[1 + pg_temp.pick(i, 1, 8)] || ' ' || (array['O''Brien','Müller','García','Ng','Иванова','Smith "Jr."','Þór'])[1 + pg_temp.pick(i, 2, 7)],
     row('Street ' || pg_temp.pick(i, 3, 200), (array['Berlin','Kraków','São Paulo','東京'])[1 + pg_temp.pick(i, 4, 4)], (array['DE','PL','BR','JP'])[1 + pg_temp.pick(i, 4, 4)])::address,
     case pg_temp.pick(i, 5, 3) when 0 then '{}'::text[] when 1 then array['+49 30 ' || i] else array['+49 30 ' || i, null] end,
     jsonb_build_object('newsletter', i % 3 = 0, 'language', (array['de','pl','pt','ja'])[1 + pg_temp.pick(i, 4, 4)], 'score', i / 7.0),
     case when i % 10 = 0 then null else pg_temp.pick(i, 6, 500000) / 100.0 end,
     i % 25 <> 0,
     case when i % 7 = 0 then null else date '1940-01-01' + pg_temp.pick(i, 7, 24000) end,
     timestamptz '2024-01-01Z' + i * interval '1 hour',
     timestamptz '2025-01-01Z' + pg_temp.pick(i, 8, 31000000) * interval '1 second' + i % 1000 * interval '1 microsecond'
   from generate_series(1, ${ROWS.customers}) as i`,
  `insert into products
   select i, md5('product ' || i)::uuid, 'Product ' || i, case when i % 4 = 0 then null else repeat('All about product ' || i || E'.\\n\\t"Quoted" \\\\ and more. ', 1 + i % 40) end,
     (199 + pg_temp.pick(i, 1, 90000)) / 100.0, pg_temp.pick(i, 2, 30000) / 1000.0::real, array['tag ' || i % 9, 'a,b', 'NULL'], array[i % 50, i % 30, i % 20],
     case when i % 3 = 0 then decode(repeat(md5(i::text), 8), 'hex') end, timestamptz '2025-01-01Z' + i * interval '7 minutes'
   from generate_series(1, ${ROWS.products}) as i`,
  `insert into orders (id, customer_id, status, total, note, shipped_to, ordered_at, updated_at)
   select i, 1 + pg_temp.pick(i, 1, ${ROWS.customers}), (enum_range(null::order_status))[1 + pg_temp.pick(i, 2, 5)], (500 + pg_temp.pick(i, 3, 50000)) / 100.0,
     case pg_temp.pick(i, 4, 6) when 0 then E'Please ring twice,\\nthen "wait" 🙂' when 1 then '' end,
     case when i % 2 = 0 then jsonb_build_object('city', 'Berlin', 'zip', lpad((i % 99999)::text, 5, '0')) end,
     timestamptz '2025-01-01Z' + i * interval '8 minutes', timestamptz '2025-01-01Z' + i * interval '8 minutes' + pg_temp.pick(i, 5, 600000) * interval '1 second'
   from generate_series(1, ${ROWS.orders}) as i`,
  `insert into order_items
   select i, line, 1 + pg_temp.pick(i * 5 + line, 1, ${ROWS.products}), 1 + pg_temp.pick(i * 5 + line, 2, 4), (199 + pg_temp.pick(i * 5 + line, 3, 90000)) / 100.0
   from generate_series(1, ${ROWS.orders}) as i, generate_series(1, 1 + i % 4) as line`,
  `insert into payments
   select md5('payment ' || id)::uuid, id, total, case when id % 5 = 0 then 'PLN' else 'EUR' end, (array['card','sepa','paypal'])[1 + id % 3],
     case when id % 3 = 0 then '{"provider":  "acme", "id": 12345678901234567890}'::json end, case when id % 11 <> 0 then ordered_at + interval '90 seconds' end, updated_at
   from orders where status <> 'new'`,
  `insert into events
   select i, case when i % 4 <> 0 then 1 + pg_temp.pick(i, 1, ${ROWS.customers}) end, (array['view','search','add-to-cart','checkout'])[1 + pg_temp.pick(i, 2, 4)], '/p/' || pg_temp.pick(i, 3, ${ROWS.products}),
     ('10.' || i % 200 || '.' || i % 250 || '.7')::inet, pg_temp.pick(i, 4, 5000) * interval '1 millisecond',
     case when i % 2 = 0 then jsonb_build_object('n', i, 'agent', 'Mozilla/5.0 (X11)') end, timestamptz '2025-01-01Z' + i * interval '5 minutes'
   from generate_series(1, ${ROWS.events}) as i`,
  `insert into audit_log
   select timestamp '2025-01-01' + i * interval '1 hour', 'admin' || i % 5, (array['login','price change','refund'])[1 + i % 3], jsonb_build_object('row', i)
   from generate_series(1, ${ROWS.auditLog}) as i`,
  `insert into "Weird ""Name""" select i, case when i % 50 = 0 then 'NaN'::numeric else i / 3.0 end, '🙂 ' || i, 'tab' || chr(9) || 'here' from generate_series(1, ${ROWS.weird}) as i`,
  `insert into type_gallery values
   (1, 'ordinary', 42, 12.50, 0.1, '2025-02-03 04:05:06.789+01', '2025-02-03 04:05:06', '2025-02-03', '04:05:06.7', '04:05:06+02', '1 year 2 mons 3 days 04:05:06.5', true, b'1', '\\x00ff10',
    '{"a": [1, {"b": null}]}', '{{1,2},{3,null}}', '{plain,"with \\"quote\\"",null,"null",""}', '{new,paid}', row('Main St. 1', 'Köln', 'DE'), '[2025-01-01Z,2025-02-01Z)', '10.0.0.0/8', 12.34, '<a b="c">d</a>'),
   (2, 'largest and smallest', 9223372036854775807, 123456789012345678901234567890.0123456789, 1.7976931348623157e308, 'infinity', '-infinity', 'infinity', '24:00', '23:59:59.999999-15', '-178000000 years', false, b'0', '',
    '18014398509481982123', '{}', '{}', '{}', row('', null, 'x,y'), 'empty', '::/0', -92233720368547758.08, '<e/>'),
   (3, 'odd', -9223372036854775808, 'NaN', '-infinity', '0044-03-15 12:00:00+00 BC', '12025-01-01', '4713-01-01 BC', '00:00', '00:00+00', '0', null, null, null,
    '"\\u00e9 and \\\\ and \\n"', '{{{1},{2}}}', '{"a,b","{c}"," "}', null, row('quote " here', 'back\\slash', null), '(,)', null, null, null),
   (4, 'nothing', null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null)`,
];

/** Makes the tables of the shop in an empty database and fills them with about 375,000 rows, the same ones each time; a few seconds. Grants reading to `reader`. */
export async function createShop(client: pg.Client, reader: string): Promise<void> {
  await client.query(`begin; ${SHOP_TABLES} ${PICK}`);
  for (const sql of ROWS_SQL) await client.query(sql);
  await client.query(SHOP_CONSTRAINTS);
  await client.query(`select setval('orders_id_seq', ${ROWS.orders})`);
  const role = `"${reader.replaceAll('"', '""')}"`;
  await client.query(
    // What `backstitch setup-sql` would have the DBA do.
    `create role ${role} login replication; create publication backstitch_shop for table payments with (publish_via_partition_root = true); grant usage on schema public to ${role}; grant select on all tables in schema public to ${role}; commit; analyze`,
  );
}

/** A change that the shop went through, in words. */
export interface ShopChange {
  readonly what: string;
  readonly rows: number;
}

const CHANGES: readonly (readonly [string, string])[] = [
  ['a new column, orders.gift_message', `alter table orders add column gift_message text`],
  [
    'new customers',
    `insert into customers (email, name, created_at, updated_at) select 'new' || i || '@example.com', 'New Customer ' || i, now(), now() from generate_series(1, 50) as i`,
  ],
  [
    'new orders, some with a gift message',
    `insert into orders (customer_id, status, total, gift_message, ordered_at, updated_at)
     select i, 'new', i + 0.99, case when i % 3 = 0 then 'Happy birthday! 🎂' end, now(), now() from generate_series(1, 500) as i`,
  ],
  [
    'lines of the new orders',
    `insert into order_items select o.id, line, 1 + (o.id + line)::integer % 1000, line, 9.99 from orders o, generate_series(1, 3) as line where o.id > ${ROWS.orders}`,
  ],
  ['orders that were shipped', `update orders set status = 'shipped', updated_at = now() where status = 'paid' and id % 40 = 0`],
  ['prices that were raised', `update products set price = round(price * 1.05, 2), updated_at = now() where id % 10 = 0`],
  ['payments that arrived', `update payments set paid_at = now(), updated_at = now() where paid_at is null and order_id % 4 = 0`],
  [
    'events',
    `insert into events select ${ROWS.events} + i, i, 'view', '/p/' || i, '10.1.2.3', null, null, now() from generate_series(1, 2000) as i`,
  ],
  ['rows of the audit log that were deleted', `delete from audit_log where at < '2025-01-15'`],
  [
    'customers who left and took their orders along',
    `with gone as (select id from customers where not is_active order by id limit 5), o as (delete from orders where customer_id in (select id from gone)) update customers set email = 'deleted' || id || '@example.com', name = '', home = null, updated_at = now() where id in (select id from gone)`,
  ],
];

/** Puts the shop through a busy hour: inserts, updates, deletes and a new column, in one transaction each. Returns what changed. */
export async function changeShop(client: pg.Client): Promise<readonly ShopChange[]> {
  const changes: ShopChange[] = [];
  for (const [what, sql] of CHANGES) {
    const { rowCount } = await client.query(sql);
    changes.push({ what, rows: rowCount ?? 0 });
  }
  return changes;
}
