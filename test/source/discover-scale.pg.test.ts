import { describe, expect, it } from 'vitest';
import { connect } from '../../functions/engine/source/postgres/connection.ts';
import { discoverTables } from '../../functions/engine/source/postgres/discover-tables.ts';
import { createDatabase, newestMajor } from '../support/postgres.ts';
import { never, settingsFor } from './support.ts';

const TABLES = 10_000;
/** All locks of a transaction have to fit into the server's table of locks. */
const TABLES_PER_TRANSACTION = 1_000;

describe('structure sync of 10,000 tables', () => {
  it('finds all of them in a handful of queries', async () => {
    await using db = await createDatabase(newestMajor);
    for (let from = 1; from <= TABLES; from += TABLES_PER_TRANSACTION) {
      await db.query(`
        do $$ begin
          for n in ${from}..${from + TABLES_PER_TRANSACTION - 1} loop
            execute format('create table %I (id bigint primary key, a int, b text, c timestamptz, d numeric(12,2), e jsonb,
              f boolean, g uuid, h date, i text[], j float8, k varchar(20))', 'table_' || n);
          end loop;
        end $$`);
    }
    await using connection = await connect(settingsFor(db), never());
    let queries = 0;
    const counted = {
      ...connection,
      query: ((sql, params, signal) => {
        queries += 1;
        return connection.query(sql, params, signal);
      }) satisfies typeof connection.query,
    };
    const began = performance.now();

    const tables = await discoverTables(counted, never());

    console.log(`${TABLES} tables in ${Math.round(performance.now() - began)} ms`);
    expect(tables.length).toBe(TABLES);
    expect(tables.every((table) => table.columns.length === 12 && table.primaryKey.length === 1)).toBe(true);
    expect(queries).toBeLessThan(15);
  });
});
