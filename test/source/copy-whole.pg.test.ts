import { describe, expect, it } from 'vitest';
import type { Table } from '../../functions/engine/model/catalog.ts';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import { copyRange } from '../../functions/engine/source/postgres/copy-range.ts';
import { discoverTables } from '../../functions/engine/source/postgres/discover-tables.ts';
import { startOfCopy } from '../../functions/engine/source/postgres/start.ts';
import { codeOf } from '../contract/sink.suite.ts';
import { createDatabase, majors } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { BlockRecorder, RowRecorder } from './copy-recorder.ts';
import { never, settingsFor, tableNamed } from './support.ts';

describe.each(majors)('a table that is read whole, on PostgreSQL %i', (major) => {
  it.each([
    ['a plain table', 'create table "Weird ""Name""" (id int primary key, "a ""b""" text)'],
    [
      'a table without a row',
      'create table "Weird ""Name""" (id int primary key, "a ""b""" text)',
      'delete from "Weird ""Name"""',
    ],
    [
      'a table with a child',
      'create table "Weird ""Name""" (id int primary key, "a ""b""" text); create table child () inherits ("Weird ""Name""")',
      `insert into child values (3, 'of the child')`,
    ],
    [
      'a table that had a child',
      'create table "Weird ""Name""" (id int primary key, "a ""b""" text); create table child () inherits ("Weird ""Name""")',
      'drop table child',
    ],
    [
      'a table with a generated column',
      `create table "Weird ""Name""" (id int primary key, "a ""b""" text${major >= 12 ? ', twice int generated always as (id * 2) stored' : ''})`,
    ],
    ['a view', 'create table base (id int primary key, "a ""b""" text); create view "Weird ""Name""" as select * from base'],
  ])('gives what a query gives: %s', async (_what, ...statements) => {
    const [create = '', ...more] = statements;
    await using db = await createDatabase(major);
    await db.query(create);
    await db.query(`insert into "Weird ""Name""" (id, "a ""b""") values (1, E'tab\\t, line\\n, back\\\\slash'), (2, null)`);
    for (const statement of more) await db.query(statement);

    const { lines } = await whole(db, 'Weird "Name"');
    const expected = await db.query('select * from "Weird ""Name""" order by id');

    expect(lines.map((line) => line.split('\t')[0])).toEqual(expected.map(({ id }) => String(id)));
    expect(lines.every((line) => line.split('\t').length === Object.keys(expected[0] ?? {}).length)).toBe(true);
  });

  it('gives the columns that are asked for, in their order, of the rows that a role may read', async () => {
    await using db = await createDatabase(major);
    await db.query(
      `create table t (id int primary key, secret text, name text); insert into t values (1, 'secret', 'name'), (2, '', '')`,
    );
    await db.query('alter table t enable row level security; create policy first_only on t using (id = 1)');
    await db.query(
      `create role some_${db.database} login; grant usage on schema public to public; grant select (id, name) on t to public`,
    );

    const { lines } = await whole(db, 't', { user: `some_${db.database}`, columns: ['name', 'id'] });

    expect(lines).toEqual(['name\t1']);
    await db.query(`revoke all on t from public; drop role some_${db.database}`);
  });

  it('is begun anew where a child came to it in the meantime: its rows are in neither', async () => {
    await using db = await createDatabase(major);
    await db.query(
      `create table t (id int primary key, filler text); insert into t select n, repeat('x', 1000) from generate_series(1, 3000) n`,
    );
    let isDone = false;

    const copied = whole(db, 't', {
      onBlock: async () => {
        if (!isDone) await db.query(`create table child () inherits (t)`);
        isDone = true;
      },
    });

    expect(await codeOf(copied)).toBe('table-rewritten');
    expect((await whole(db, 't')).lines).toHaveLength(3000);
  });
});

interface WholeOptions {
  readonly user?: string;
  readonly columns?: readonly string[];
  readonly onBlock?: () => Promise<void>;
}

async function whole(
  db: TestDatabase,
  name: string,
  { user, columns, onBlock }: WholeOptions = {},
): Promise<{ readonly lines: readonly string[] }> {
  const settings = settingsFor(db, user === undefined ? {} : { user });
  await using connection = await connect(settings, never());
  const table: Table = tableNamed(await discoverTables(connection, never()), name);
  const out = new BlockRecorder();
  const request = {
    table,
    columns: columns ?? table.columns.map((column) => column.name),
    range: { kind: 'whole' },
    start: await startOfCopy(connection, never()),
  } as const;
  const writer = {
    write: async (block: Parameters<BlockRecorder['write']>[0]): Promise<void> => {
      await onBlock?.();
      await out.write(block);
    },
  };
  await copyRange(connection, request, new RowRecorder(), writer, never());
  return { lines: out.lines };
}
