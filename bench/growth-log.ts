import type { EngineOutcome } from './engine-child.ts';
import { freshSlot, prepareSlot, readSlot } from './log-slot.ts';
import { openBenchServer } from './server.ts';
import type { BenchServer } from './server.ts';

/** Changes in a transaction. */
const TRANSACTION = 100;

/** A log whose changes are spread over tables, to be read again and again. Disposing it stops its server. */
export interface GrowthLog extends AsyncDisposable {
  readonly tables: number;
  readonly changes: number;
  run(): Promise<EngineOutcome>;
}

/** So many inserts, in transactions of 100, each into the next of so many tables. `folder` keeps server and slot. */
export async function openGrowthLog(
  folder: string,
  { tables, changes }: { readonly tables: number; readonly changes: number },
): Promise<GrowthLog> {
  const names = Array.from({ length: tables }, (_, n) => `logged_${n}`);
  const server = await openBenchServer(folder, async (fresh) => {
    await createTables(fresh, tables);
    await prepareSlot(fresh, { folder, plugin: 'pgoutput', tables: names });
    await makeInserts(fresh, tables, changes);
  });
  return {
    tables,
    changes,
    run: async () => {
      await freshSlot(server, 'pgoutput');
      return readSlot(server, { folder, plugin: 'pgoutput', compression: 'gzip', tables: names, changes });
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function createTables(server: BenchServer, tables: number): Promise<void> {
  await server.query(`
    do $$ begin
      for t in 0 .. ${tables - 1} loop
        execute format('create table logged_%s (id bigint primary key, at timestamptz not null, body text)', t);
      end loop;
    end $$`);
}

async function makeInserts(server: BenchServer, tables: number, changes: number): Promise<void> {
  await server.query(`
    create or replace procedure make_inserts() language plpgsql as $$
    begin
      for n in 1 .. ${changes} loop
        execute format('insert into logged_%s values ($1, $2, $3)', n % ${tables})
          using n, '2024-01-01'::timestamptz + n * interval '1 second', repeat(md5(n::text), 8);
        if n % ${TRANSACTION} = 0 then commit; end if;
      end loop;
    end $$`);
  await server.query('call make_inserts()');
}
