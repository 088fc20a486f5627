import type { IntegrationConfig, SelectedTable, TableSetting } from '../config/config.ts';
import type { Catalog, Column, Table } from '../model/catalog.ts';
import { ReplicationError } from '../model/errors.ts';
import { streamId } from '../model/stream.ts';
import type { ReplicationMethod } from '../model/stream.ts';
import { destinationName } from './destination-names.ts';
import { checkReplicationKey, chooseColumns } from './select-columns.ts';
import { indexNames, isView, words } from './select-names.ts';

/** A stream as the next job replicates it. */
export interface SelectedStream {
  readonly table: Table;
  /** Stream id. */
  readonly id: string;
  readonly method: ReplicationMethod;
  /** For INCREMENTAL. */
  readonly replicationKey?: string;
  readonly lookBack: SelectedTable['lookBack'];
  /** In the table's order. */
  readonly columns: readonly Column[];
  /** Of the table, or for a view what the configuration says; empty where there is none. */
  readonly primaryKey: readonly string[];
  readonly destinationTable: string;
  /** Remarks for the report. */
  readonly warnings: readonly string[];
}

/** Why something is not replicated. Stable: it is in plans and reports. */
export type SkipReason =
  /** Nobody asked for it. */
  | 'not-selected'
  /** `selected: false`. */
  | 'deselected'
  /** No column of it is selected, or may be read. */
  | 'no-columns'
  /** A foreign table under Select All, which is for the log. */
  | 'unsupported-kind'
  /** Named, but its root is replicated and brings its rows. */
  | 'partition-leaf'
  /** A whole database; `stream` is its name. */
  | 'unreachable-database';

/** What a configuration selects from a catalog. Nothing in `problems` is in `streams`. */
export interface Selection {
  /** In the order of the catalog. */
  readonly streams: readonly SelectedStream[];
  readonly skipped: readonly { readonly stream: string; readonly reason: SkipReason }[];
  /** Every problem at once, each with the stream that it is about (for a name that is not there, the id that it would most likely have). */
  readonly problems: readonly { readonly stream: string | null; readonly error: ReplicationError }[];
  /** Remarks that are about no stream. */
  readonly warnings: readonly string[];
}

type Decision =
  | { readonly kind: 'stream'; readonly stream: SelectedStream }
  | { readonly kind: 'skipped'; readonly reason: SkipReason }
  | { readonly kind: 'refused'; readonly errors: readonly ReplicationError[] };

/**
 * Applies a configuration to what exists, as Stitch does: named tables and views; under Select All every table, new ones included, but no view; `selected: false` wins over both.
 * Foreign tables are read by FULL_TABLE or INCREMENTAL; views too. Decides only: never throws.
 */
export function select(
  catalog: Catalog,
  integration: IntegrationConfig,
  options: { readonly profile?: 'default' | 'stitch' } = {},
): Selection {
  const { profile = 'default' } = options;
  const named = assignSettings(catalog, integration);
  const streams: SelectedStream[] = [];
  const skipped = [...named.skipped];
  const problems = [...named.problems];

  for (const database of catalog.databases) {
    if (database.state === 'unreachable') {
      skipped.push({ stream: database.name, reason: 'unreachable-database' });
      continue;
    }
    for (const table of database.tables) {
      const id = streamId(table.name);
      const decision = decide({ id, table, setting: named.settings.get(table), integration, profile });
      if (decision.kind === 'stream') streams.push(decision.stream);
      else if (decision.kind === 'skipped') skipped.push({ stream: id, reason: decision.reason });
      else problems.push(...decision.errors.map((error) => ({ stream: id, error })));
    }
  }
  const collisions = findCollisions(streams);
  const refused = new Set(collisions.map(({ stream }) => stream));
  return {
    streams: streams.filter(({ id }) => !refused.has(id)),
    skipped,
    problems: [...problems, ...collisions],
    warnings: named.warnings,
  };
}

/** Finds the relation of every entry of the configuration. */
function assignSettings(
  catalog: Catalog,
  integration: IntegrationConfig,
): Pick<Selection, 'skipped' | 'problems' | 'warnings'> & { readonly settings: ReadonlyMap<Table, TableSetting> } {
  const index = indexNames(catalog, integration);
  const settings = new Map<Table, TableSetting>();
  const problems: { readonly stream: string | null; readonly error: ReplicationError }[] = [];
  const skipped: { readonly stream: string; readonly reason: SkipReason }[] = [];
  const warnings: string[] = [];
  const leaves: { readonly setting: TableSetting; readonly id: string; readonly root: Table }[] = [];

  for (const setting of integration.tables) {
    const match = index.find(setting.name, setting.kind);
    switch (match.kind) {
      case 'found': {
        const other = settings.get(match.table);
        if (other === undefined) settings.set(match.table, setting);
        else problems.push({ stream: streamId(match.table.name), error: repeated(match.table, other, setting) });
        break;
      }
      case 'partition':
        leaves.push({ setting, id: match.id, root: match.root });
        break;
      case 'missing':
        if (setting.selected) problems.push({ stream: match.id, error: match.error });
        else warnings.push(`${setting.text} is deselected but does not exist, or may not be read`);
        break;
    }
  }
  for (const { setting, id, root } of leaves) {
    const rootSetting = settings.get(root);
    const isRootSelected = rootSetting?.selected ?? integration.selectAll;
    if (!setting.selected) {
      warnings.push(`${setting.text} is a partition of ${streamId(root.name)}: it cannot be deselected by itself`);
    } else if (isRootSelected) {
      skipped.push({ stream: id, reason: 'partition-leaf' });
    } else {
      problems.push({ stream: id, error: new ReplicationError('partition-named', { stream: id, root: streamId(root.name) }) });
    }
  }
  return { settings, skipped, problems, warnings };
}

function decide(request: {
  readonly id: string;
  readonly table: Table;
  readonly setting: TableSetting | undefined;
  readonly integration: IntegrationConfig;
  readonly profile: 'default' | 'stitch';
}): Decision {
  const { id, table, setting, integration, profile } = request;
  if (setting?.selected === false) return { kind: 'skipped', reason: 'deselected' };
  if (setting === undefined) {
    if (!integration.selectAll || isView(table)) return { kind: 'skipped', reason: 'not-selected' };
    if (table.kind === 'foreign-table') return { kind: 'skipped', reason: 'unsupported-kind' };
  }
  // Select All needs LOG_BASED as the default, which the configuration's rules see to.
  const {
    method = integration.defaultReplicationMethod ?? 'LOG_BASED',
    replicationKey,
    lookBack = { kind: 'auto' } as const,
    columns: filter = { kind: 'all' } as const,
    primaryKey: named = [],
    destinationTable = destinationName({ ...table.name, withSchema: integration.includeSchemaInTableName }),
  }: Partial<SelectedTable> = setting ?? {};
  if (table.columns.length === 0) return { kind: 'skipped', reason: 'no-columns' };

  const primaryKey = isView(table) ? named : table.primaryKey;
  const key = method === 'INCREMENTAL' ? replicationKey : undefined;
  const choice = chooseColumns({
    id,
    table,
    setting: { columns: filter, ...(key === undefined ? {} : { replicationKey: key }) },
    primaryKey,
    profile,
  });
  const errors = [...choice.problems, ...methodProblems({ id, table, method, key, lookBack })];
  if (errors.length > 0) return { kind: 'refused', errors };
  if (choice.columns.length === 0) return { kind: 'skipped', reason: 'no-columns' };
  const stream = {
    table,
    id,
    method,
    ...(key === undefined ? {} : { replicationKey: key }),
    lookBack,
    columns: choice.columns,
    primaryKey,
    destinationTable,
  };
  return { kind: 'stream', stream: { ...stream, warnings: choice.warnings } };
}

function methodProblems(request: {
  readonly id: string;
  readonly table: Table;
  readonly method: ReplicationMethod;
  readonly key: string | undefined;
  readonly lookBack: SelectedTable['lookBack'];
}): readonly ReplicationError[] {
  const { id, table, method, key, lookBack } = request;
  if (method === 'LOG_BASED' && (isView(table) || table.kind === 'foreign-table')) {
    return [
      new ReplicationError('method-unsupported', {
        stream: id,
        kind: words(table.kind),
        method,
        allowed: 'FULL_TABLE or INCREMENTAL',
      }),
    ];
  }
  if (method !== 'INCREMENTAL') return [];
  if (key === undefined) return [new ReplicationError('replication-key-missing', { stream: id })];
  const column = table.columns.find(({ name }) => name === key);
  const problem = column === undefined ? undefined : checkReplicationKey(id, column, lookBack);
  return problem === undefined ? [] : [problem];
}

/** Every stream whose destination another stream has already, and that other one: neither may be read. */
function findCollisions(
  streams: readonly SelectedStream[],
): readonly { readonly stream: string; readonly error: ReplicationError }[] {
  const first = new Map<string, SelectedStream>();
  return streams.flatMap((stream) => {
    const { destinationTable: destination, id } = stream;
    const other = first.get(destination);
    if (other === undefined) {
      first.set(destination, stream);
      return [];
    }
    const error = new ReplicationError('destination-collision', { first: other.id, second: id, destination });
    return [
      { stream: other.id, error },
      { stream: id, error },
    ];
  });
}

function repeated(table: Table, first: TableSetting, second: TableSetting): ReplicationError {
  return new ReplicationError('table-repeated', { stream: streamId(table.name), first: first.text, second: second.text });
}
