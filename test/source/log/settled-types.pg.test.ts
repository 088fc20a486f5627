import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogChange } from '../../../functions/engine/model/log-change.ts';
import type { Lsn } from '../../../functions/engine/model/lsn.ts';
import type { LogTable } from '../../../functions/engine/source/log.ts';
import { connect } from '../../../functions/engine/source/postgres/connection.ts';
import type { Connection } from '../../../functions/engine/source/postgres/connection.ts';
import { discoverTables } from '../../../functions/engine/source/postgres/discover-tables.ts';
import { settledTypes, WORTH_A_LOOK_BYTES } from '../../../functions/engine/source/postgres/log/settled-types.ts';
import type { TypeOids } from '../../../functions/engine/source/postgres/log/settled-types.ts';
import { eventually, majors, newestMajor, startServer } from '../../support/postgres.ts';
import type { TestDatabase, TestServer } from '../../support/postgres.ts';
import { never, rejection, settingsFor } from '../support.ts';
import { hasWal2json, logTables } from './decode-slot.ts';
import { LogCollector } from './log-collector.ts';
import { confirmedOf, openTestLog } from './log-support.ts';

const FAR = WORTH_A_LOOK_BYTES as Lsn;
const NEAR = (WORTH_A_LOOK_BYTES - 1n) as Lsn;
const START = 0n as Lsn;
/** The only major that there is a wal2json for here. */
const WAL2JSON_MAJOR = 15;

// A server of their own: elsewhere, slots of other tests would hold this one's catalog_xmin back.
describe.each([...new Set([majors[0] ?? newestMajor, newestMajor])])('types on PostgreSQL %i', (major) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer(major);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('are known where all that the slot has to give came after them', async () => {
    await using log = await openLog(server, [
      `create type mood as enum ('fine')`,
      `create type pair as (a int, b text)`,
      'create domain positive as int check (value > 0)',
      `create table "Weird ""Name""" (id bigint primary key, "a,{}\\" varchar(10), b numeric(8,2)[], c mood, d mood[], e pair, f positive,
         h timestamptz, i json, j bytea, k bit(3), l varbit, m "char", n name, o inet, p tsrange, q bpchar, r time with time zone, s interval, t point${major >= 11 ? ', g positive[]' : ''})`,
    ]);

    expect(await log.look()).toBe('known');
  });

  it.each([
    ['a column gets another type', 'alter table t alter note type varchar(20)'],
    ['a column is renamed', 'alter table t rename note to was; alter table t add note text'],
    ['the table is made anew', 'drop table t; create table t (id int primary key, note text)'],
    ['another table takes its name', 'alter table t rename to gone; alter table u rename to t'],
    ['another schema takes its name', 'alter schema public rename to was; alter schema other rename to public'],
  ])('are not known where %s, until the slot is beyond it', async (_what, statement) => {
    await using log = await openLog(server, [
      'create table t (id int primary key, note text)',
      'create table u (id int primary key, note text)',
      'create schema other',
      'create table other.t (id int primary key, note text)',
      'create table other.u (id int primary key, note text)',
    ]);
    expect(await log.look()).toBe('known');

    await log.db.query(statement);
    const before = await log.look();
    await log.passBy();

    expect(before).toBe('wanted');
    await eventually('the slot is beyond the change', async () => {
      await log.passBy();
      return (await log.look(await log.tables())) === 'known';
    });
  });

  it.each([
    ['a table', 'lock table u in access exclusive mode'],
    ['a column', 'alter table t alter note type varchar(20)'],
    ['the schema', 'alter schema public rename to was'],
    ['the schema, in a part of it', 'savepoint part; alter schema public rename to was'],
  ])('are not known while a transaction that has not ended may change them: %s', async (_what, statement) => {
    await using log = await openLog(server, [
      'create table t (id int primary key, note text)',
      'create table u (id int primary key)',
    ]);
    const other = await log.db.connect();
    await other.query(`begin; ${statement}`);

    const during = await log.look();
    await other.query('rollback');

    expect(during).toBe('wanted');
    expect(await log.look()).toBe('known');
    await other.end();
  });

  it('are not known where the catalog was looked at before they changed, however far the slot is', async () => {
    await using log = await openLog(server, ['create table t (id int primary key, note text)']);
    const tables = await log.tables();
    const changed = tables.map((table) => ({
      ...table,
      columns: table.columns.map((column) =>
        column.name === 'note' ? { ...column, type: { kind: 'text', name: 'varchar' } as const } : column,
      ),
    }));
    const gone = tables.map((table) => ({ ...table, columns: table.columns.map((column) => ({ ...column, name: 'gone' })) }));

    expect(await log.look(tables)).toBe('known');
    expect(await log.look(changed)).toBe('wanted');
    expect(await log.look(gone)).toBe('wanted');
  });

  it('are not looked at where there is little to read', async () => {
    await using log = await openLog(server, ['create table t (id int primary key)']);

    expect(await log.look(await log.tables(), NEAR)).toBe('wanted');
  });

  it('are not known where there is no such slot', async () => {
    await using log = await openLog(server, ['create table t (id int primary key)']);

    const looked = settledTypes(log.sql, { slot: 'none', tables: await log.tables(), from: START, to: FAR }, never());

    expect(await looked).toBe('wanted');
  });

  it('are known to a role that has no right but to connect', async () => {
    await using log = await openLog(server, ['create table t (id int primary key)']);
    await log.db.query(`create role nobody_${log.db.database} login; grant connect on database "${log.db.database}" to public`);
    await using sql = await connect(
      settingsFor({ ...server, database: log.db.database }, { user: `nobody_${log.db.database}` }),
      never(),
    );

    const looked = settledTypes(sql, { slot: log.slot, tables: await log.tables(), from: START, to: FAR }, never());

    expect(await looked).toBe('known');
  });

  it('an abort is not taken for an answer', async () => {
    await using log = await openLog(server, ['create table t (id int primary key)']);
    const reason = new Error('enough');

    const looked = settledTypes(
      log.sql,
      { slot: log.slot, tables: await log.tables(), from: START, to: FAR },
      AbortSignal.abort(reason),
    );

    expect(await rejection(looked)).toBe(reason);
  });
});

describe.skipIf(!hasWal2json(WAL2JSON_MAJOR))('messages of wal2json', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer(WAL2JSON_MAJOR);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it.each(['stream', 'peek'] as const)('say of which type values are only where that is not known (%s)', async (consume) => {
    await using db = await server.createDatabase({ sessionsAtEnd: 'any' });
    await db.query('create table t (id int primary key, bytes bytea)');
    await using log = await openTestLog(db);
    const opened = await log.open({ plugin: 'wal2json' });
    const from = opened.startLsn ?? (await confirmedOf(log));
    await db.query(`insert into t values (1, '\\x00ff')`);
    await beyondALook(db);
    const handler = new TypeCollector();
    await using reader = await log.session.reader({ consume, plugin: 'wal2json' }, never());

    const near = await log.request(from, 'wal2json', { to: (from + 1024n * 1024n) as Lsn });
    await reader.read(near, handler, never());
    const far = await log.request(from, 'wal2json');
    await reader.read(far, handler, never());
    await db.query(`alter table t alter bytes type text using 'text'; insert into t values (2, 'text')`);
    const changed = await log.request(from, 'wal2json');
    await reader.read(changed, handler, never());

    const first = 'insert public.t {"id":"1","bytes":"\\\\x00ff"}';
    expect(handler.changes).toEqual([first, first, first, 'insert public.t {"id":"2","bytes":"text"}']);
    expect(handler.types).toEqual(['23,17', '0,0', '23,17', '23,25']);
  });
});

/** Puts the end of the log so far away that types are looked at. */
async function beyondALook(db: TestDatabase): Promise<void> {
  for (const segment of [1, 2]) {
    await db.query('select pg_switch_wal()');
    await db.query(`create table after_switch_${segment} ()`);
  }
}

class TypeCollector extends LogCollector {
  readonly types: string[] = [];

  override change(change: LogChange): void {
    super.change(change);
    this.types.push(change.relation.columns.map(({ typeOid }) => typeOid).join());
  }
}

interface SettledLog extends AsyncDisposable {
  readonly db: TestDatabase;
  readonly sql: Connection;
  readonly slot: string;
  tables(): Promise<readonly LogTable[]>;
  /** Of the tables as they were when the slot was made, unless told otherwise. */
  look(tables?: readonly LogTable[], to?: Lsn): Promise<TypeOids>;
  /** The slot is confirmed to the end. */
  passBy(): Promise<void>;
}

async function openLog(server: TestServer, statements: readonly string[]): Promise<SettledLog> {
  const db = await server.createDatabase({ sessionsAtEnd: 'any' });
  for (const statement of statements) await db.query(statement);
  const slot = `slot_${db.database}`;
  await db.query(`select pg_create_logical_replication_slot('${slot}', 'test_decoding')`);
  const sql = await connect(settingsFor({ ...server, database: db.database }), never());
  const tables = async (): Promise<readonly LogTable[]> => logTables(await discoverTables(sql, never()));
  const first = await tables();
  return {
    db,
    sql,
    slot,
    tables,
    look: (wanted = first, to = FAR) => settledTypes(sql, { slot, tables: wanted, from: START, to }, never()),
    passBy: async () => {
      await db.query('checkpoint');
      await db.query(`select count(*) from pg_logical_slot_get_changes('${slot}', null, null)`);
    },
    [Symbol.asyncDispose]: async () => {
      await sql[Symbol.asyncDispose]();
      await db.query(`select pg_drop_replication_slot('${slot}')`);
      await db[Symbol.asyncDispose]();
    },
  };
}
