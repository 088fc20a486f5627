import type { IntegrationConfig, SelectedTable } from '../config/config.ts';
import type { ServerFlavour, SourceFacts } from '../source/check-facts.ts';
import { defaultSlotName } from '../plan/slot-name.ts';
import { guessedName, relationFinder } from './names.ts';

/** How a script for the DBA is to look. */
export interface SetupRequest {
  /** @default what the server shows itself to be, else `self-hosted` */
  readonly flavour?: ServerFlavour;
  readonly direction: 'grant' | 'revoke';
  /** `variable`: psql's variable `password`, given with -v; `placeholder`: a text to replace, for other tools. */
  readonly password: 'variable' | 'placeholder';
  /** What the server says, where it was asked: names are then looked up, not guessed. */
  readonly facts?: SourceFacts;
}

/** One database that the script prepares. */
export interface SetupDatabase {
  readonly name: string;
  readonly tables: readonly SetupTable[];
  readonly slotName: string;
  /** Of the slot and the publication; null: nothing of this database is log-based. */
  readonly plugin: 'wal2json' | 'pgoutput' | null;
  /** Under Select All, tables that are not replicated by the log, or not at all. */
  readonly apart: readonly TablePlace[];
}

export interface SetupTable extends TablePlace {
  readonly setting: SelectedTable;
}

export interface TablePlace {
  readonly schema: string;
  readonly table: string;
}

/** Everything that a configuration names, by database. Without facts, a name without a schema means `public`, one without a database the one that is connected to first. Pure. */
export function setupDatabases(integration: IntegrationConfig, facts: SourceFacts | undefined): readonly SetupDatabase[] {
  const { connection, logBased } = integration;
  const place = locator(integration, facts);
  const entries = integration.tables.map((setting) => ({ setting, ...place(setting.name) }));
  const all = facts === undefined ? (connection.databases ?? [connection.database]) : facts.databases.map(({ name }) => name);
  const names = new Set([
    connection.database,
    ...entries.filter(({ setting }) => setting.selected).map(({ database }) => database),
    ...(integration.selectAll ? all : []),
  ]);
  return [...names].map((name) => {
    const here = entries.filter(({ database }) => database === name);
    const tables = here.flatMap(({ setting, schema, table }) => (setting.selected ? [{ setting, schema, table }] : []));
    const isLogBased = integration.selectAll || tables.some(({ setting }) => setting.method === 'LOG_BASED');
    const slotName = logBased.slot ?? defaultSlotName(name);
    const slot = facts?.server.slots.find((known) => known.name === slotName && known.database === name);
    const existing = slot?.plugin === 'wal2json' ? 'wal2json' : 'pgoutput';
    return {
      name,
      tables,
      slotName,
      plugin: isLogBased ? (logBased.plugin === 'auto' ? existing : logBased.plugin) : null,
      apart: here
        .filter(({ setting }) => !setting.selected || setting.method !== 'LOG_BASED')
        .map(({ schema, table }) => ({ schema, table })),
    };
  });
}

type Place = TablePlace & { readonly database: string };

function locator(integration: IntegrationConfig, facts: SourceFacts | undefined): (name: SelectedTable['name']) => Place {
  const find = relationFinder(facts?.databases ?? []);
  return (name) => {
    const [found, second] = find(name);
    if (found === undefined || second !== undefined) return guessedName(name, integration);
    return { database: found.database.name, schema: found.relation.schema, table: found.relation.table };
  };
}
