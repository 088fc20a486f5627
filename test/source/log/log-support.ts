import type { Table } from '../../../functions/engine/model/catalog.ts';
import type { OutputPlugin } from '../../../functions/engine/model/log-change.ts';
import type { Lsn } from '../../../functions/engine/model/lsn.ts';
import type { OpenedSlot, LogSession, SlotRequest } from '../../../functions/engine/source/log-session.ts';
import type { LogRequest } from '../../../functions/engine/source/log.ts';
import type { ConnectionSettings } from '../../../functions/engine/source/postgres/connection.ts';
import { openPostgresSource } from '../../../functions/engine/source/postgres/postgres-source.ts';
import type { Source } from '../../../functions/engine/source/source.ts';
import { createDatabaseOn, eventually } from '../../support/postgres.ts';
import type { ServerAddress, TestDatabase } from '../../support/postgres.ts';
import { never, settingsFor, tablesOf } from '../support.ts';
import { logTables } from './decode-slot.ts';

/** A source and a log session in the database of a test, with the tables that it has now. */
export interface TestLog extends AsyncDisposable {
  readonly source: Source;
  readonly session: LogSession;
  readonly slot: string;
  tables(): Promise<readonly Table[]>;
  /** Opens the slot of this test with everything of all its tables, unless told otherwise. */
  open(request?: Partial<Omit<SlotRequest, 'slot' | 'publication'>>): Promise<OpenedSlot>;
  /** What to read, from `from` to the end of the WAL as it is now. */
  request(from: Lsn, plugin: OutputPlugin, changes?: Partial<LogRequest>): Promise<LogRequest>;
}

export async function openTestLog(
  db: TestDatabase,
  changes: Partial<ConnectionSettings> & { readonly user?: string } = {},
): Promise<TestLog> {
  const source = openPostgresSource({ connection: settingsFor(db, changes), databases: [db.database] });
  const session = await source.logSession(db.database, never());
  const slot = `slot_${db.database}`;
  const tables = async (): Promise<readonly Table[]> => {
    const some = await db.query(
      `select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|information_schema)'`,
    );
    // A structure sync that finds nothing is an error.
    return some.length === 0 ? [] : tablesOf((await source.discover(never())).databases[0]);
  };
  return {
    source,
    session,
    slot,
    tables,
    open: async (request = {}) =>
      session.openSlot(
        {
          slot,
          publication: slot,
          plugin: 'pgoutput',
          createSlot: true,
          over: new Set(),
          tables: request.tables ?? published(await tables()),
          ...request,
        },
        never(),
      ),
    request: async (from, plugin, more = {}) => ({
      slot,
      plugin,
      from,
      to: (await session.endOfLog(never())).lsn,
      publication: slot,
      tables: logTables(await tables()),
      isEnough: () => false,
      ...more,
    }),
    [Symbol.asyncDispose]: async () => {
      await session[Symbol.asyncDispose]();
      await source[Symbol.asyncDispose]();
    },
  };
}

/** Whole tables. */
export function published(tables: readonly Table[]): SlotRequest['tables'] {
  return tables.map((table) => ({ table, columns: table.columns.map(({ name }) => name) }));
}

/** Where a slot stands; throws if there is none. */
export async function slotOf(log: TestLog): Promise<NonNullable<Awaited<ReturnType<LogSession['slot']>>>> {
  const slot = await log.session.slot(log.slot, never());
  if (slot === undefined) throw new Error('the slot is gone');
  return slot;
}

/** The position that a slot confirms; throws before 9.6. */
export async function confirmedOf(log: TestLog): Promise<Lsn> {
  const { confirmedLsn } = await slotOf(log);
  if (confirmedLsn === null) throw new Error('the server does not tell');
  return confirmedLsn;
}

/** Drops the slots of a database of a private server, and the database. */
export async function databaseOn(server: ServerAddress, major: number): Promise<TestDatabase> {
  return createDatabaseOn(server, major, { sessionsAtEnd: 'any' });
}

export async function untilInactive(log: TestLog): Promise<void> {
  await eventually('the slot is free', async () => (await slotOf(log)).activePid === null);
}
