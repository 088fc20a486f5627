import type { IntegrationConfig, SelectedTable } from '../config/config.ts';
import { streamId } from '../model/stream.ts';
import type { DatabaseFacts, SourceFacts } from '../source/check-facts.ts';
import type { Finding } from './finding.ts';
import { some } from './finding.ts';
import { readDatabases, relationFinder } from './names.ts';
import type { Located } from './names.ts';
import { identifier, relationName } from './sql-text.ts';

/** What the role may not do: connect, use schemas, read tables and columns, read tables to come. Pure. */
export function privilegeFindings(facts: SourceFacts, integration: IntegrationConfig): readonly Finding[] {
  const user = identifier(facts.server.role.name);
  const find = relationFinder(facts.databases);
  const named = integration.tables.filter((table) => table.selected);
  return [
    ...facts.databases.flatMap((database) => connectFindings(database, user)),
    ...named.flatMap((table) => namedFindings(table, find(table.name), user)),
    ...(integration.selectAll ? selectAllFindings(facts, integration, user) : []),
  ];
}

/** Names of the configuration that stand for something which exists and may not be read at all. */
export function unreadableNames(facts: SourceFacts, integration: IntegrationConfig): ReadonlySet<string> {
  const find = relationFinder(facts.databases);
  const hidden = integration.tables.flatMap((table) => {
    const found = find(table.name);
    return found.length > 0 && found.every((located) => !isVisible(located)) ? [table] : [];
  });
  return new Set(hidden.map((table) => table.text));
}

function isVisible({ relation }: Located): boolean {
  return relation.mayUseSchema && relation.maySelectAny;
}

function connectFindings(database: DatabaseFacts, user: string): readonly Finding[] {
  if (database.state === 'read') return [];
  const isRefused = database.code === 'database-missing';
  return [
    {
      severity: 'error',
      code: database.code,
      area: 'privileges',
      what: database.message,
      where: database.name,
      why: 'None of its tables can be replicated.',
      fix: isRefused
        ? { kind: 'sql', text: `grant connect on database ${identifier(database.name)} to ${user};` }
        : { kind: 'command', text: 'Correct connection.databases, or look into the message.' },
    },
  ];
}

function namedFindings(table: SelectedTable, found: readonly Located[], user: string): readonly Finding[] {
  const [only] = found;
  if (only === undefined) return [];
  const visible = found.filter(isVisible);
  const { database, relation } = visible[0] ?? only;
  const where = streamId({ database: database.name, schema: relation.schema, table: relation.table });
  const base = { severity: 'error', area: 'privileges', where } as const;
  const grants = grantSelect(table, relation, user);
  if (!relation.mayUseSchema) {
    const select = relation.maySelectAny ? '' : `\n${grants}`;
    return [
      {
        ...base,
        code: 'schema-usage-missing',
        what: `The role may not use the schema "${relation.schema}".`,
        why: 'None of the tables in it can be read or even found.',
        fix: { kind: 'sql', text: `grant usage on schema ${identifier(relation.schema)} to ${user};${select}` },
      },
    ];
  }
  if (!relation.maySelectAny) {
    return [
      {
        ...base,
        code: 'select-missing',
        what: `The role may not read ${relation.kind.replace('-', ' ')} ${relationName(relation)}.`,
        why: 'It is selected, and cannot be replicated.',
        fix: { kind: 'sql', text: grants },
      },
    ];
  }
  const missing = relation.unreadable.filter((column) => isWanted(table, relation.primaryKey, column));
  if (missing.length === 0) return [];
  const isNeeded = missing.some(
    (column) => relation.primaryKey.includes(column) || column === table.replicationKey || table.columns.kind === 'include',
  );
  return [
    {
      ...base,
      severity: isNeeded ? 'error' : 'warning',
      code: 'column-select-missing',
      what: `The role may not read the column${missing.length === 1 ? '' : 's'} ${some(missing)}.`,
      why: isNeeded ? 'A column that is a key, or named in the configuration, is needed.' : 'They are left out of every record.',
      fix: { kind: 'sql', text: `grant select (${missing.map(identifier).join(', ')}) on ${relationName(relation)} to ${user};` },
    },
  ];
}

/** Whether the configuration asks for a column; keys always are. */
function isWanted({ columns, replicationKey }: SelectedTable, primaryKey: readonly string[], column: string): boolean {
  if (primaryKey.includes(column) || column === replicationKey) return true;
  if (columns.kind === 'all') return true;
  return columns.names.includes(column) === (columns.kind === 'include');
}

/** No more than what is selected: with a filter that includes columns only those, and keys. What is excluded takes a grant of the rest, which names only the server knows. */
function grantSelect(table: SelectedTable, relation: Located['relation'], user: string): string {
  if (table.columns.kind !== 'include') return `grant select on ${relationName(relation)} to ${user};`;
  const key = table.replicationKey === undefined ? [] : [table.replicationKey];
  const names = [...new Set([...relation.primaryKey, ...table.columns.names, ...key])];
  return `grant select (${names.map(identifier).join(', ')}) on ${relationName(relation)} to ${user};`;
}

function selectAllFindings(facts: SourceFacts, integration: IntegrationConfig, user: string): readonly Finding[] {
  const named = new Set(integration.tables.map((table) => table.name.table));
  const { isSuperuser, readsAllData } = facts.server.role;
  return readDatabases(facts.databases).flatMap((database) => {
    const closed = database.relations.filter(
      (relation) =>
        (relation.kind === 'table' || relation.kind === 'partitioned-table') &&
        !relation.isPartition &&
        !named.has(relation.table) &&
        !(relation.mayUseSchema && relation.maySelectAny),
    );
    const schemas = [...new Set(closed.map((relation) => relation.schema))];
    const findings: Finding[] = [];
    if (closed.length > 0) {
      findings.push({
        severity: 'warning',
        code: 'tables-unreadable',
        area: 'privileges',
        what: `The role may not read ${String(closed.length)} table(s): ${some(closed.map((relation) => `${relation.schema}.${relation.table}`))}.`,
        where: database.name,
        why: 'All tables are selected, and these are left out.',
        fix: {
          kind: 'sql',
          text: [
            ...schemas.map((schema) => `grant usage on schema ${identifier(schema)} to ${user};`),
            ...closed.map((relation) => `grant select on ${relationName(relation)} to ${user};`),
          ].join('\n'),
        },
      });
    }
    if (database.closedOwners.length > 0 && !isSuperuser && !readsAllData) {
      findings.push({
        severity: 'warning',
        code: 'default-privileges-missing',
        area: 'privileges',
        what: `The role will not be able to read tables that are made by ${some(database.closedOwners.map(({ owner }) => `"${owner}"`))}.`,
        where: database.name,
        why: 'All tables are selected, but new ones will be left out.',
        fix: {
          kind: 'sql',
          text: database.closedOwners
            .map(({ owner }) => `alter default privileges for role ${identifier(owner)} grant select on tables to ${user};`)
            .join('\n'),
        },
      });
    }
    return findings;
  });
}
