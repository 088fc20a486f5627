import type { SelectedTable } from '../config/config.ts';
import { suggest } from '../config/suggest.ts';
import { isSupportedByStitch } from '../encode/stitch-support.ts';
import type { Column, Table, ValueType } from '../model/catalog.ts';
import { ReplicationError } from '../model/errors.ts';

/** Names of the columns that are added to records; a source column of that name would be there twice. */
const ADDED = new Set([
  '_sdc_extracted_at',
  '_sdc_received_at',
  '_sdc_batched_at',
  '_sdc_sequence',
  '_sdc_table_version',
  '_sdc_deleted_at',
  '__sdc_primary_key',
]);

/** Text types that PostgreSQL orders; enumerations change their order when labels are added. */
const ORDERED_TEXT = new Set(['text', 'varchar', 'bpchar', 'citext', 'uuid', 'name']);
const INTEGERS = new Set(['int2', 'int4', 'int8', 'numeric']);

/** The columns of one stream, or what is wrong with its setting. */
export interface ColumnChoice {
  /** In the table's order. */
  readonly columns: readonly Column[];
  readonly problems: readonly ReplicationError[];
  readonly warnings: readonly string[];
}

/** What the columns of a stream depend on. */
export interface ColumnRequest {
  readonly id: string;
  readonly table: Table;
  readonly setting: Pick<SelectedTable, 'columns' | 'replicationKey'>;
  /** The table's own, or that of the setting for a view. */
  readonly primaryKey: readonly string[];
  readonly profile: 'default' | 'stitch';
}

/**
 * Chooses the columns of a stream: all, those included, or all but those excluded, and key columns always.
 * A column to exclude that is not there is a problem if it looks like a misspelling, since the right one would be replicated against the user's will, and else only a warning: it was dropped, or this role may not read it.
 */
export function chooseColumns({ id, table, setting, primaryKey, profile }: ColumnRequest): ColumnChoice {
  const { columns: filter, replicationKey } = setting;
  const names = table.columns.map(({ name }) => name);
  const known = new Set(names);
  const problems: ReplicationError[] = [];
  const warnings: string[] = [];

  const isMissing = (column: string, settingName: string): void => {
    const meant = suggest(column, names);
    if (settingName === 'columns.exclude' && meant === undefined) {
      warnings.push(`columns.exclude names "${column}", which does not exist or may not be read`);
      return;
    }
    const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
    problems.push(new ReplicationError('column-missing', { column, stream: id, setting: settingName, hint }));
  };
  if (filter.kind !== 'all') for (const name of filter.names) if (!known.has(name)) isMissing(name, `columns.${filter.kind}`);
  if (replicationKey !== undefined && !known.has(replicationKey)) isMissing(replicationKey, 'replicationKey');
  for (const name of primaryKey) if (!known.has(name)) isMissing(name, 'primaryKey');

  const keys = new Set(replicationKey === undefined ? primaryKey : [...primaryKey, replicationKey]);
  const listed = new Set(filter.kind === 'all' ? [] : filter.names);
  const columns = table.columns.filter((column) => {
    const { name } = column;
    const isKey = keys.has(name);
    if (ADDED.has(name)) {
      if (isKey) problems.push(new ReplicationError('column-reserved', { column: name, stream: id }));
      else warnings.push(`column "${name}" is left out: a column of this name is added to every record`);
      return false;
    }
    const isWanted = filter.kind === 'all' || listed.has(name) === (filter.kind === 'include');
    if (profile === 'stitch' && !isSupportedByStitch(column)) {
      if (isKey) warnings.push(`key column "${name}" is kept although the stitch profile has no form for ${column.sqlType}`);
      else if (isWanted) warnings.push(`column "${name}" is left out: the stitch profile has no form for ${column.sqlType}`);
      return isKey;
    }
    if (isKey && !isWanted) warnings.push(`key column "${name}" is replicated although columns.${filter.kind} leaves it out`);
    return isWanted || isKey;
  });
  return { columns, problems, warnings };
}

/** What is wrong with the replication key of a key-based stream and its look-back, if anything. The column exists. */
export function checkReplicationKey(
  id: string,
  column: Column,
  lookBack: SelectedTable['lookBack'],
): ReplicationError | undefined {
  const { type, sqlType } = column;
  const order = orderOf(type);
  if (order === undefined)
    return new ReplicationError('replication-key-unsuitable', { stream: id, column: column.name, type: sqlType });
  const fits = lookBack.kind === 'auto' || (lookBack.kind === 'interval' ? order === 'time' : order === 'number');
  return fits ? undefined : new ReplicationError('look-back-unsuitable', { stream: id, column: column.name, type: sqlType });
}

/** Floating point is left out: NaN is above everything, and would end the stream for good. */
function orderOf(type: ValueType): 'time' | 'number' | 'text' | undefined {
  switch (type.kind) {
    case 'timestamp':
    case 'timestamptz':
    case 'date':
      return 'time';
    case 'number':
      return INTEGERS.has(type.name) ? 'number' : undefined;
    case 'text':
      return type.enumLabels === undefined && ORDERED_TEXT.has(type.name) ? 'text' : undefined;
    default:
      return undefined;
  }
}
