import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Table } from '../../functions/engine/model/catalog.ts';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import { discoverTables } from '../../functions/engine/source/postgres/discover-tables.ts';
import { createDatabase, majors, onServer } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { columnNamed, never, settingsFor, tableNamed } from './support.ts';

async function tablesSeenBy(db: TestDatabase, user = 'postgres'): Promise<readonly Table[]> {
  await using connection = await connect(settingsFor(db, { user }), never());
  return await discoverTables(connection, never());
}

const WEIRD = 'Weird "Name"\n\\ $1 \'x\' ünï😀';
/** 63 bytes, the longest name that PostgreSQL keeps. */
const LONG = 'é'.repeat(31) + 'x';

describe.each(majors)('structure sync on PostgreSQL %i', (major) => {
  let db: TestDatabase;
  const role = `reader_${randomBytes(4).toString('hex')}`;

  beforeAll(async () => {
    db = await createDatabase(major);
    await onServer(db, (admin) => admin.query(`create role ${role} login`));
  });

  afterAll(async () => {
    await db.query(`drop owned by ${role}`);
    const server = db;
    await db[Symbol.asyncDispose]();
    await onServer(server, (admin) => admin.query(`drop role ${role}`));
  });

  it('finds tables, views, materialized views and foreign tables, each as what it is', async () => {
    await db.query(`
      create schema kinds;
      create table kinds.t (id int primary key, note text);
      create unlogged table kinds.u (id int);
      create temporary table temporary_one (id int);
      create view kinds.v as select id, note from kinds.t;
      create materialized view kinds.m as select id from kinds.t;
      create extension file_fdw schema kinds;
      create server files foreign data wrapper file_fdw;
      create foreign table kinds.f (line text) server files options (filename '/dev/null');
      create sequence kinds.s;
      create type kinds.c as (a int)`);

    const tables = (await tablesSeenBy(db)).filter((table) => table.name.schema === 'kinds');

    expect(tables.map((table) => [table.name.table, table.kind, table.storage.map((part) => part.table)])).toEqual([
      ['f', 'foreign-table', []],
      ['m', 'materialized-view', ['m']],
      ['t', 'table', ['t']],
      ['u', 'table', ['u']],
      ['v', 'view', []],
    ]);
    expect(tables.map((table) => table.primaryKey)).toEqual([[], [], ['id'], [], []]);
    expect(tables.every((table) => table.name.database === db.database)).toBe(true);
  });

  it('lists nothing of PostgreSQL itself', async () => {
    const schemas = new Set((await tablesSeenBy(db)).map((table) => table.name.schema));

    expect([...schemas].filter((schema) => /^(pg_|information_schema)/.test(schema))).toEqual([]);
  });

  it('keeps every name as it is', async () => {
    const quoted = `"${WEIRD.replaceAll('"', '""')}"`;
    await db.query(`create schema ${quoted}`);
    await db.query(`create table ${quoted}.${quoted} (${quoted} int primary key, "${LONG}" text)`);
    await db.query(`create table ${quoted}."${LONG}" ("select" int, "A" int, a int, " " int, "%s" int)`);

    const tables = (await tablesSeenBy(db)).filter((table) => table.name.schema === WEIRD);

    const weird = tableNamed(tables, WEIRD, WEIRD);
    expect(weird.columns.map((column) => column.name)).toEqual([WEIRD, LONG]);
    expect(weird.primaryKey).toEqual([WEIRD]);
    expect(weird.storage).toMatchObject([{ schema: WEIRD, table: WEIRD }]);
    expect(tableNamed(tables, LONG, WEIRD).columns.map((column) => column.name)).toEqual(['select', 'A', 'a', ' ', '%s']);
  });

  it('gives columns in table order without dropped ones, and keys in key order', async () => {
    await db.query(`
      create table ordered (a int, gone int, b text not null, c int not null, d numeric(12,2) default 1);
      alter table ordered drop column gone;
      alter table ordered add column e int;
      alter table ordered add primary key (c, b);
      create table no_key (a int unique not null)`);

    const tables = await tablesSeenBy(db);

    const ordered = tableNamed(tables, 'ordered');
    expect(ordered.columns.map((column) => [column.name, column.position, column.nullable, column.sqlType])).toEqual([
      ['a', 1, true, 'integer'],
      ['b', 3, false, 'text'],
      ['c', 4, false, 'integer'],
      ['d', 5, true, 'numeric(12,2)'],
      ['e', 6, true, 'integer'],
    ]);
    expect(ordered.primaryKey).toEqual(['c', 'b']);
    expect(tableNamed(tables, 'no_key').primaryKey).toEqual([]);
  });

  if (major >= 11)
    it('leaves included columns out of the key', async () => {
      await db.query('create table covered (a int, b int, primary key (a) include (b))');

      expect(tableNamed(await tablesSeenBy(db), 'covered').primaryKey).toEqual(['a']);
    });

  it('says what is generated, identity and stored out of line', async () => {
    await db.query(`
      create table stores (
        id int generated always as identity primary key, fixed int, long text, packed text, money_text numeric, arr int[], u uuid
        ${major >= 12 ? ', twice int generated always as (fixed * 2) stored' : ''}
        ${major >= 18 ? ', thrice text generated always as (long || long) virtual' : ''}
      );
      alter table stores alter column packed set storage plain;
      create view stores_view as select * from stores`);

    const tables = await tablesSeenBy(db);
    const table = tableNamed(tables, 'stores');

    expect(table.columns.filter((column) => column.toastable).map((column) => column.name)).toEqual([
      'long',
      'money_text',
      'arr',
    ]);
    expect(table.columns.filter((column) => column.identity).map((column) => column.name)).toEqual(['id']);
    expect(table.columns.filter((column) => column.generated !== 'no').map((column) => [column.name, column.generated])).toEqual([
      ...(major >= 12 ? [['twice', 'stored']] : []),
      ...(major >= 18 ? [['thrice', 'virtual']] : []),
    ]);
    expect(tableNamed(tables, 'stores_view').columns.some((column) => column.toastable)).toBe(false);
  });

  if (major >= 18)
    it('does not trust a NOT NULL that was never validated', async () => {
      await db.query(`
      create table unproven (a int, b int not null);
      insert into unproven values (null, 1);
      alter table unproven add constraint a_given not null a not valid`);

      const { columns } = tableNamed(await tablesSeenBy(db), 'unproven');

      expect(columns.map((column) => column.nullable)).toEqual([true, false]);
    });

  it('reports replica identity, sizes and estimates, and no estimate for what was never analyzed', async () => {
    await db.query(`
      create table sized as select g as id, repeat('x', 500) as filler from generate_series(1, 1000) g;
      analyze sized;
      alter table sized replica identity full;
      create table unsized (id int) with (autovacuum_enabled = off);
      insert into unsized values (1);
      alter table unsized replica identity nothing`);

    const tables = await tablesSeenBy(db);

    const sized = tableNamed(tables, 'sized');
    expect(sized).toMatchObject({ replicaIdentity: 'full', estimatedRows: 1000 });
    expect(sized.storage[0]?.pages).toBeGreaterThan(60);
    expect(sized.bytes).toBe((sized.storage[0]?.pages ?? 0) * 8192);
    const unsized = tableNamed(tables, 'unsized');
    expect(unsized).toMatchObject({ replicaIdentity: 'nothing', bytes: 8192 });
    expect(unsized.estimatedRows).toBeUndefined();
  });

  it('gives a partitioned table once, with the leaves of all levels as its storage', async () => {
    await db.query(`
      create table logs (id int not null, day date not null, kind text) partition by range (day);
      create table logs_2024 partition of logs for values from ('2024-01-01') to ('2025-01-01') partition by list (kind);
      create table logs_2024_a partition of logs_2024 for values in ('a');
      create table logs_2024_b partition of logs_2024 for values in ('b');
      create table logs_2025 partition of logs for values from ('2025-01-01') to ('2026-01-01');
      insert into logs select g, '2024-05-01', 'a' from generate_series(1, 1000) g;
      insert into logs select g, '2025-05-01', 'a' from generate_series(1, 10) g;
      analyze logs_2024_a; analyze logs_2024_b; analyze logs_2025`);

    const tables = (await tablesSeenBy(db)).filter((table) => table.name.table.startsWith('logs'));

    expect(tables.map((table) => table.name.table)).toEqual(['logs']);
    expect(tables[0]?.kind).toBe('partitioned-table');
    expect(tables[0]?.storage.map((part) => part.table)).toEqual(['logs_2024_a', 'logs_2024_b', 'logs_2025']);
    expect(tables[0]?.bytes).toBe((tables[0]?.storage ?? []).reduce((sum, part) => sum + part.pages * 8192, 0));
    // An empty leaf counts as never analyzed before 14.
    expect(tables[0]?.estimatedRows).toBe(major >= 14 ? 1010 : undefined);
  });

  it('takes a parent of inheritance for what a select gives: its storage is itself and all below', async () => {
    await db.query(`
      create table animal (id int primary key, name text);
      create table cat (lives int) inherits (animal);
      create table kitten (age int) inherits (cat)`);

    const tables = await tablesSeenBy(db);

    expect(tableNamed(tables, 'animal').storage.map((part) => part.table)).toEqual(['animal', 'cat', 'kitten']);
    expect(tableNamed(tables, 'cat').storage.map((part) => part.table)).toEqual(['cat', 'kitten']);
    expect(tableNamed(tables, 'kitten').columns.map((column) => column.name)).toEqual(['id', 'name', 'lives', 'age']);
    expect(tableNamed(tables, 'kitten').kind).toBe('table');
  });

  it('shows only what the role may read: schemas, tables, columns', async () => {
    await db.query(`
      create schema hidden; create schema shown;
      create table hidden.t (a int); grant select on hidden.t to ${role};
      create table shown.denied (a int);
      create table shown.whole (a int primary key, b int); grant select on shown.whole to ${role};
      create table shown.partial (id int, secret text, b int, primary key (id)); grant select (id, b) on shown.partial to ${role};
      create table shown.half_key (x int, y int, z int, primary key (x, y)); grant select (y, z) on shown.half_key to ${role};
      grant usage on schema shown to ${role}`);

    const tables = (await tablesSeenBy(db, role)).filter((table) => ['hidden', 'shown'].includes(table.name.schema));

    expect(tables.map((table) => [table.name.table, table.columns.map((column) => column.name), table.primaryKey])).toEqual([
      ['half_key', ['y', 'z'], []],
      ['partial', ['id', 'b'], ['id']],
      ['whole', ['a', 'b'], ['a']],
    ]);
  });

  it('gives no storage where a leaf cannot be read by its own name, or by other rules than its root', async () => {
    await db.query(`
      create schema parts; grant usage on schema parts to ${role};
      create table parts.closed (id int) partition by range (id);
      create table parts.closed_1 partition of parts.closed for values from (0) to (10);
      create table parts.open (id int) partition by range (id);
      create table parts.open_1 partition of parts.open for values from (0) to (10);
      create table parts.policed (id int) partition by range (id);
      create table parts.policed_1 partition of parts.policed for values from (0) to (10);
      grant select on parts.closed, parts.open, parts.open_1, parts.policed, parts.policed_1 to ${role};
      alter table parts.policed enable row level security;
      insert into parts.closed values (1)`);

    const tables = await tablesSeenBy(db, role);

    expect(tableNamed(tables, 'closed', 'parts')).toMatchObject({ storage: [], bytes: 8192 });
    expect(tableNamed(tables, 'open', 'parts').storage.map((part) => part.table)).toEqual(['open_1']);
    expect(tableNamed(tables, 'policed', 'parts')).toMatchObject({ storage: [], rowSecurity: true });
  });

  it('reports row-level security only where it hides rows from this role', async () => {
    await db.query(`
      create schema rls; grant usage on schema rls to ${role};
      create table rls.on_for_me (a int); alter table rls.on_for_me enable row level security;
      create table rls.off (a int);
      grant select on all tables in schema rls to ${role};
      create table rls.mine (a int); alter table rls.mine enable row level security; alter table rls.mine owner to ${role}`);

    const mine = (await tablesSeenBy(db, role)).filter((table) => table.name.schema === 'rls');
    const superuser = (await tablesSeenBy(db)).filter((table) => table.name.schema === 'rls');

    expect(mine.map((table) => [table.name.table, table.rowSecurity])).toEqual([
      ['mine', false],
      ['off', false],
      ['on_for_me', true],
    ]);
    expect(superuser.some((table) => table.rowSecurity)).toBe(false);
  });

  it('does not wait for a table that is locked by a schema change', async () => {
    await db.query('create table busy (a int); insert into busy values (1); analyze busy');
    const other = await db.connect();
    await other.query('begin; lock table busy in access exclusive mode');

    const tables = await tablesSeenBy(db);
    await other.query('rollback');

    expect(tableNamed(tables, 'busy').storage).toMatchObject([{ table: 'busy', pages: 1 }]);
  });

  it('resolves types: domains, enums, arrays, composites, extensions', async () => {
    await db.query(`
      create schema types;
      create extension hstore schema types; create extension citext schema types;
      create type types.mood as enum ('sad', 'it''s "ok"', 'a,b', 'late');
      alter type types.mood add value 'first' before 'sad';
      create domain types.cents as numeric(10,2) check (value > 0);
      create domain types.price as types.cents not null;
      create domain types.tags as varchar(20)[];
      create domain types.flag as bit(1);
      create type types.point3 as (x float8, "Y ""q""" numeric(5,1), tags types.tags);
      create type types.line3 as (a types.point3, b types.point3[], m types.mood);
      create type types.hstore_like as (hstore int);
      create table types.t (
        i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, n2 numeric(20,3), b boolean, b1 bit(1), b8 bit(8), vb varbit(5),
        ts timestamp(3), tz timestamptz, d date, t time, ttz timetz, iv interval, j json, jb jsonb, by bytea, u uuid, x xml, m money, ip inet,
        c char(4), v varchar(40), v0 varchar, ch "char", o oid, p point, bx box[], iv2 int2vector, r int4range, rs int4range[],
        a int4[], a2 varchar(7)[][], na numeric(8,2)[], e types.mood, ea types.mood[], dom types.price, doma types.tags, fl types.flag,
        l types.line3, la types.line3[], h types.hstore, ci types.citext, own types.hstore_like
        ${major >= 11 ? ', ad types.price[]' : ''} ${major >= 14 ? ', mr int4multirange' : ''} ${major >= 15 ? ', neg numeric(3,-2)' : ''}
      )`);

    const table = tableNamed(await tablesSeenBy(db), 't', 'types');
    const types = Object.fromEntries(table.columns.map((column) => [column.name, column.type]));

    const tags = { kind: 'array', name: '_varchar', delimiter: ',', element: { kind: 'text', name: 'varchar', maxLength: 20 } };
    const mood = { kind: 'text', name: 'mood', enumLabels: ['first', 'sad', `it's "ok"`, 'a,b', 'late'] };
    const cents = { kind: 'number', name: 'numeric', precision: 10, scale: 2 };
    const point3 = {
      kind: 'composite',
      name: 'point3',
      attributes: [
        { name: 'x', type: { kind: 'number', name: 'float8' } },
        { name: 'Y "q"', type: { kind: 'number', name: 'numeric', precision: 5, scale: 1 } },
        { name: 'tags', type: tags },
      ],
    };
    const line3 = {
      kind: 'composite',
      name: 'line3',
      attributes: [
        { name: 'a', type: point3 },
        { name: 'b', type: { kind: 'array', name: '_point3', delimiter: ',', element: point3 } },
        { name: 'm', type: mood },
      ],
    };
    expect(types).toEqual({
      i2: { kind: 'number', name: 'int2' },
      i4: { kind: 'number', name: 'int4' },
      i8: { kind: 'number', name: 'int8' },
      f4: { kind: 'number', name: 'float4' },
      f8: { kind: 'number', name: 'float8' },
      n: { kind: 'number', name: 'numeric' },
      n2: { kind: 'number', name: 'numeric', precision: 20, scale: 3 },
      b: { kind: 'boolean', name: 'bool' },
      b1: { kind: 'bit', name: 'bit' },
      b8: { kind: 'text', name: 'bit', maxLength: 8 },
      vb: { kind: 'text', name: 'varbit', maxLength: 5 },
      ts: { kind: 'timestamp', name: 'timestamp' },
      tz: { kind: 'timestamptz', name: 'timestamptz' },
      d: { kind: 'date', name: 'date' },
      t: { kind: 'time', name: 'time' },
      ttz: { kind: 'timetz', name: 'timetz' },
      iv: { kind: 'interval', name: 'interval' },
      j: { kind: 'json', name: 'json' },
      jb: { kind: 'json', name: 'jsonb' },
      by: { kind: 'bytea', name: 'bytea' },
      u: { kind: 'text', name: 'uuid' },
      x: { kind: 'text', name: 'xml' },
      m: { kind: 'text', name: 'money' },
      ip: { kind: 'text', name: 'inet' },
      c: { kind: 'text', name: 'bpchar', maxLength: 4 },
      v: { kind: 'text', name: 'varchar', maxLength: 40 },
      v0: { kind: 'text', name: 'varchar' },
      ch: { kind: 'text', name: 'char' },
      o: { kind: 'text', name: 'oid' },
      p: { kind: 'text', name: 'point' },
      bx: { kind: 'array', name: '_box', delimiter: ';', element: { kind: 'text', name: 'box' } },
      iv2: { kind: 'text', name: 'int2vector' },
      r: { kind: 'text', name: 'int4range' },
      rs: { kind: 'array', name: '_int4range', delimiter: ',', element: { kind: 'text', name: 'int4range' } },
      a: { kind: 'array', name: '_int4', delimiter: ',', element: { kind: 'number', name: 'int4' } },
      a2: { kind: 'array', name: '_varchar', delimiter: ',', element: { kind: 'text', name: 'varchar', maxLength: 7 } },
      na: {
        kind: 'array',
        name: '_numeric',
        delimiter: ',',
        element: { kind: 'number', name: 'numeric', precision: 8, scale: 2 },
      },
      e: mood,
      ea: { kind: 'array', name: '_mood', delimiter: ',', element: mood },
      dom: cents,
      doma: tags,
      fl: { kind: 'bit', name: 'bit' },
      l: line3,
      la: { kind: 'array', name: '_line3', delimiter: ',', element: line3 },
      h: { kind: 'hstore', name: 'hstore' },
      ci: { kind: 'text', name: 'citext' },
      own: { kind: 'composite', name: 'hstore_like', attributes: [{ name: 'hstore', type: { kind: 'number', name: 'int4' } }] },
      ...(major >= 11 ? { ad: { kind: 'array', name: '_price', delimiter: ',', element: cents } } : {}),
      ...(major >= 14 ? { mr: { kind: 'text', name: 'int4multirange' } } : {}),
      ...(major >= 15 ? { neg: { kind: 'number', name: 'numeric', precision: 3, scale: -2 } } : {}),
    });
    expect(columnNamed(table, 'dom')).toMatchObject({ domain: 'types.price', sqlType: 'types.price', nullable: true });
    expect(columnNamed(table, 'a2').sqlType).toBe('character varying(7)[]');
    expect(columnNamed(table, 'e')).not.toHaveProperty('domain');
  });

  it('takes a type named hstore that is not the extension for what it is', async () => {
    await db.query(`create schema fake; create type fake.hstore as enum ('a'); create table fake.t (h fake.hstore)`);

    expect(columnNamed(tableNamed(await tablesSeenBy(db), 't', 'fake'), 'h').type).toEqual({
      kind: 'text',
      name: 'hstore',
      enumLabels: ['a'],
    });
  });

  it('reads a database without any table', async () => {
    await using empty = await createDatabase(major);

    expect(await tablesSeenBy(empty)).toEqual([]);
  });
});
