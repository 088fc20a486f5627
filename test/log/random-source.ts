import type pg from 'pg';
import type { Random } from '../support/random.ts';
import type { TestDatabase } from '../support/postgres.ts';

/** What a random run may do to its database; older servers can do less. */
export interface Abilities {
  readonly partitions: boolean;
  readonly truncate: boolean;
}

/** Tables of a fresh database: narrow, with large values, under REPLICA IDENTITY FULL, and partitioned where that can have a key. */
export async function createTables(db: TestDatabase, abilities: Abilities): Promise<void> {
  await db.query(`
    create table plain (id int primary key, n int, note text);
    create table wide (id int primary key, n int, big text);
    alter table wide alter big set storage external;
    create table whole (a int, b text, n int, big text, primary key (a, b));
    alter table whole alter big set storage external;
    alter table whole replica identity full;
    insert into plain select g, g, 'note ' || g from generate_series(1, 3000) g;
    insert into wide select g, g, repeat(md5(g::text), 100) from generate_series(1, 300) g;
    insert into whole select g, 'b' || g % 7, g, repeat(md5(g::text), 100) from generate_series(1, 300) g;
    analyze`);
  if (abilities.partitions) {
    await db.query(`
      create table parted (id int primary key, n int) partition by range (id);
      create table parted_low partition of parted for values from (0) to (500);
      create table parted_high partition of parted for values from (500) to (100000);
      insert into parted select g, g from generate_series(1, 1000) g`);
  }
}

/** One random transaction: changes of some rows, parts of it rolled back, all of it sometimes. Failures such as a key that is taken end it without effect. */
export async function randomTransaction(client: pg.Client, random: Random, abilities: Abilities): Promise<void> {
  await client.query('begin');
  try {
    for (let change = 0; change <= random.below(6); change += 1) {
      if (random.below(5) === 0) {
        await client.query('savepoint inner_part');
        await client.query(statement(random, abilities));
        await client.query(random.below(2) === 0 ? 'rollback to savepoint inner_part' : 'release savepoint inner_part');
      } else await client.query(statement(random, abilities));
    }
    await client.query(random.below(6) === 0 ? 'rollback' : 'commit');
  } catch {
    await client.query('rollback');
  }
}

function statement(random: Random, abilities: Abilities): string {
  const id = String(random.below(3_200));
  const small = String(random.below(400));
  const n = String(random.below(1_000_000));
  const statements = [
    `insert into plain (id, n, note) values (${String(3_000 + random.below(100_000))}, ${n}, 'new "row" \\ ${n}') on conflict (id) do nothing`,
    `update plain set n = ${n} where id between ${id} and ${id} + ${String(random.below(30))}`,
    `update plain set note = null where id = ${id}`,
    `delete from plain where id = ${id}`,
    `update plain set id = id + 200000 where id = ${id}`,
    `insert into plain (id, n) select g, ${n} from generate_series(${String(400_000 + random.below(100_000))}, ${String(400_000 + random.below(100_000))}) g limit 200 on conflict do nothing`,
    `update wide set n = ${n} where id = ${small}`,
    `update wide set big = repeat(md5('${n}'), 120) where id = ${small}`,
    `update wide set id = id + 1000 where id = ${small}`,
    `delete from wide where id = ${small}`,
    `insert into wide (id, n, big) values (${String(2_000 + random.below(5_000))}, ${n}, repeat(md5('${n}'), 90)) on conflict do nothing`,
    `update whole set n = ${n} where a = ${small}`,
    `update whole set b = b || 'x' where a = ${small} and length(b) < 8`,
    `delete from whole where a = ${small}`,
    `insert into whole values (${String(1_000 + random.below(5_000))}, 'new', ${n}, repeat(md5('${n}'), 90)) on conflict do nothing`,
    ...(abilities.partitions
      ? [
          `update parted set n = ${n} where id between ${small} and ${small} + 20`,
          `update parted set id = ${String(2_000 + random.below(90_000))} where id = ${small}`,
          `insert into parted values (${String(1_000 + random.below(90_000))}, ${n}) on conflict do nothing`,
          `delete from parted where id = ${small}`,
        ]
      : []),
  ];
  return random.pick(statements);
}

/** Rare things: structure changes, TRUNCATE, a new table. Each waits for locks no longer than a moment, so that writers go on. */
export async function randomEvent(client: pg.Client, random: Random, event: number, abilities: Abilities): Promise<void> {
  const n = String(event);
  const events = [
    `alter table plain add column extra_${n} int`,
    `alter table whole add column extra_${n} text`,
    `alter table plain drop column if exists extra_${String(event - 1)}`,
    `alter table plain rename column note to note_${n}`,
    `alter table wide alter column n type bigint`,
    // PostgreSQL 10 does not put TRUNCATE into the log of pgoutput.
    ...(abilities.truncate ? [`truncate wide`, `truncate plain`] : []),
    `create table added_${n} (id int primary key, n int); insert into added_${n} select g, g from generate_series(1, 500) g`,
    `insert into plain (id, n) select g, g from generate_series(600000, 603000) g on conflict do nothing`,
  ];
  await client.query(`set lock_timeout = '2s'`);
  await client.query(random.pick(events)).catch(() => undefined);
  await client.query(`reset lock_timeout`);
}

/** Puts the end of the log `count` segments of 16 MiB further on. */
export async function endSegments(client: pg.Client, count: number): Promise<void> {
  for (let segment = 0; segment < count; segment += 1) {
    await client.query('select pg_switch_wal()');
    // A segment without anything in it is not ended.
    await client.query('create table if not exists passing (); drop table if exists passing');
  }
}
