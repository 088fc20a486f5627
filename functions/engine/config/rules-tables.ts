import { finding } from './problems.ts';
import type { Finding } from './problems.ts';
import { exactlyOne, isSettings, listOf } from './settings.ts';
import type { Findings, Settings } from './settings.ts';
import { formatTableName, parseTableName } from './table-name.ts';
import type { SettingPath } from './yaml-source.ts';

/** Rules across the tables and views of one integration. */
export function tableRules(integration: Settings, path: SettingPath): Findings {
  const problems: Finding[] = [];
  const warnings: Finding[] = [];
  const tables = listOf(integration.tables);
  const named = new Map<string, number>();
  for (const [index, table] of tables.entries()) {
    if (!isSettings(table)) continue;
    const tablePath = [...path, 'tables', index];
    problems.push(...exactlyOne(table, ['table', 'view'], tablePath), ...columnRules(table.columns, [...tablePath, 'columns']));
    problems.push(...nameRules(integration, table, tablePath, named, index));
    if (table.selected === false) continue;
    if (table.primaryKey !== undefined && table.view === undefined) {
      problems.push({
        path: [...tablePath, 'primaryKey'],
        at: 'key',
        text: 'found on a table - allowed on views only: a table has its own',
      });
    }
    problems.push(...methodRules(integration, table, tablePath));
    const method = table.method ?? integration.defaultReplicationMethod;
    for (const name of ['replicationKey', 'lookBack'] as const) {
      if (table[name] === undefined || method === 'INCREMENTAL' || typeof method !== 'string') continue;
      warnings.push({
        path: [...tablePath, name],
        at: 'key',
        text: `has no effect: it is for INCREMENTAL, and this is ${method === 'LOG_BASED' ? 'LOG_BASED' : 'FULL_TABLE'}`,
      });
    }
  }
  const isEmpty = !tables.some((table) => !isSettings(table) || table.selected !== false);
  if (isEmpty && integration.selectAll !== true)
    warnings.push({ path, at: 'value', text: 'nothing is selected: name tables, or set selectAll' });
  return { problems, warnings };
}

function nameRules(
  integration: Settings,
  table: Settings,
  path: SettingPath,
  named: Map<string, number>,
  index: number,
): readonly Finding[] {
  const kind = table.table === undefined ? 'view' : 'table';
  const written = table[kind];
  const name = typeof written === 'string' ? parseTableName(written) : undefined;
  if (name === undefined) return [];
  const key = formatTableName(name);
  const other = named.get(key);
  if (other !== undefined)
    return [finding({ path: [...path, kind], value: written, allowed: `each name once, and tables[${other}] has it already` })];
  named.set(key, index);
  const databases = isSettings(integration.connection) ? integration.connection.databases : undefined;
  if (name.database === undefined || !Array.isArray(databases) || databases.includes(name.database)) return [];
  return [finding({ path: [...path, kind], value: written, allowed: 'a database that connection.databases lists' })];
}

function columnRules(columns: unknown, path: SettingPath): readonly Finding[] {
  return isSettings(columns) ? exactlyOne(columns, ['include', 'exclude'], path) : [];
}

function methodRules(integration: Settings, table: Settings, path: SettingPath): readonly Finding[] {
  const method = table.method ?? integration.defaultReplicationMethod;
  const methodPath = [...path, 'method'];
  if (method === undefined) {
    return [
      finding({
        path: methodPath,
        value: undefined,
        allowed: 'FULL_TABLE, INCREMENTAL, LOG_BASED, here or as defaultReplicationMethod of the integration',
      }),
    ];
  }
  if (method === 'LOG_BASED' && table.view !== undefined) {
    return [finding({ path: methodPath, value: method, allowed: 'FULL_TABLE, INCREMENTAL for a view: the log has no views' })];
  }
  if (method === 'INCREMENTAL' && table.replicationKey === undefined) {
    return [
      finding({
        path: [...path, 'replicationKey'],
        value: undefined,
        allowed: 'a column that grows with every change: INCREMENTAL needs one',
      }),
    ];
  }
  return [];
}
