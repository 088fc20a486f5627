import type { SelectedStream, Selection } from '../plan/select.ts';
import type { ReadDatabase, RelationFacts, SourceFacts } from '../source/check-facts.ts';
import type { Finding } from './finding.ts';
import { some } from './finding.ts';
import type { LogDatabase } from './log-plan.ts';
import { readDatabases } from './names.ts';
import { identifier, relationName } from './sql-text.ts';

/** Above it, looking for new keys without an index is felt. */
const MANY_ROWS = 10_000;
const ABSENCES: ReadonlySet<string> = new Set(['table-missing', 'column-missing', 'database-missing']);

/** What the selection itself says: problems as errors, remarks as notes. `explained` are streams of which another finding says what may not be read. Pure. */
export function selectionFindings(selection: Selection, explained: ReadonlySet<string>, integration: string): readonly Finding[] {
  const base = { area: 'selection' } as const;
  const findings: Finding[] = selection.problems.flatMap(({ stream, error }) =>
    explained.has(stream ?? '') && ABSENCES.has(error.code)
      ? []
      : [
          {
            ...base,
            severity: 'error' as const,
            code: error.code,
            what: error.message,
            where: stream ?? integration,
            why: 'The job does not start: nothing is read while the selection is wrong.',
            fix: { kind: 'config' as const, text: error.remedy },
          },
        ],
  );
  if (selection.streams.length === 0 && findings.length === 0 && explained.size === 0) {
    findings.push({
      ...base,
      severity: 'error',
      code: 'nothing-selected',
      what: 'No table or view is selected.',
      where: integration,
      why: 'There is nothing to replicate.',
      fix: {
        kind: 'config',
        text: 'tables: [ { table: public.orders, method: FULL_TABLE } ]   # "backstitch discover" lists them',
      },
    });
  }
  const remarks = [
    ...selection.warnings.map((text) => ({ where: integration, text })),
    ...selection.streams.flatMap((stream) => stream.warnings.map((text) => ({ where: stream.id, text }))),
  ];
  return [
    ...findings,
    ...remarks.map(({ where, text }) => ({
      ...base,
      severity: 'info' as const,
      code: 'selection-remark',
      what: text,
      where,
      why: 'It may not be what was meant.',
      fix: { kind: 'config' as const, text: 'Nothing, if it is meant; else correct the entry of the table.' },
    })),
  ];
}

/** What is wrong with single tables, or could be better. Findings that many tables share are one per database. Pure. */
export function streamFindings(
  facts: SourceFacts,
  streams: readonly SelectedStream[],
  log: readonly LogDatabase[],
): readonly Finding[] {
  return [
    ...readDatabases(facts.databases).flatMap((database) => {
      const byOid = new Map(database.relations.map((relation) => [relation.oid, relation]));
      const own = streams.flatMap((stream) => {
        const relation = stream.table.name.database === database.name ? byOid.get(stream.table.oid) : undefined;
        return relation === undefined ? [] : [{ stream, relation }];
      });
      return [
        ...rowSecurity(facts, database, own),
        ...keyless(database, own),
        ...own.flatMap((each) => replicationKey(database, each)),
      ];
    }),
    ...log.flatMap(logStreams),
  ];
}

interface Known {
  readonly stream: SelectedStream;
  readonly relation: RelationFacts;
}

function rowSecurity(facts: SourceFacts, database: ReadDatabase, streams: readonly Known[]): readonly Finding[] {
  const hidden = streams.filter(({ relation }) => relation.hidesRows);
  if (hidden.length === 0) return [];
  return [
    {
      severity: 'warning',
      code: 'row-security-active',
      area: 'tables',
      what: `Row-level security may hide rows of ${names(hidden)} from the role.`,
      where: database.name,
      why: 'What is hidden is not copied, and nothing says so; the log would bring it all the same.',
      fix: { kind: 'sql', text: `alter role ${identifier(facts.server.role.name)} bypassrls;` },
    },
  ];
}

function keyless(database: ReadDatabase, streams: readonly Known[]): readonly Finding[] {
  const without = streams.filter(({ stream }) => stream.primaryKey.length === 0);
  const views = without.filter(({ relation }) => relation.kind === 'view' || relation.kind === 'materialized-view');
  const tables = without.filter((known) => !views.includes(known));
  const why = 'Rows get a generated __sdc_primary_key: a loader can only append, and an interrupted copy begins anew.';
  return [
    ...(views.length === 0
      ? []
      : [
          {
            severity: 'info' as const,
            code: 'view-key-missing',
            area: 'tables' as const,
            what: `The configuration names no key of ${names(views)}.`,
            where: database.name,
            why,
            fix: {
              kind: 'config' as const,
              text: views
                .map(({ relation }) => `{ view: ${relation.schema}.${relation.table}, primaryKey: [<columns>] }`)
                .join('\n'),
            },
          },
        ]),
    ...(tables.length === 0
      ? []
      : [
          {
            severity: tables.some(({ stream }) => stream.method !== 'FULL_TABLE') ? ('warning' as const) : ('info' as const),
            code: 'primary-key-missing',
            area: 'tables' as const,
            what: `There is no primary key on ${names(tables)}.`,
            where: database.name,
            why,
            fix: {
              kind: 'sql' as const,
              text: tables.map(({ relation }) => `alter table ${relationName(relation)} add primary key (<columns>);`).join('\n'),
            },
          },
        ]),
  ];
}

function replicationKey(database: ReadDatabase, { stream, relation }: Known): readonly Finding[] {
  const { replicationKey: key, method, table } = stream;
  if (method !== 'INCREMENTAL' || key === undefined) return [];
  const findings: Finding[] = [];
  const canIndex = relation.kind !== 'view' && relation.kind !== 'foreign-table';
  if (canIndex && !relation.indexed.includes(key)) {
    const concurrently = relation.kind === 'partitioned-table' ? '' : 'concurrently ';
    findings.push({
      severity: (table.estimatedRows ?? MANY_ROWS) >= MANY_ROWS ? 'warning' : 'info',
      code: 'key-not-indexed',
      area: 'tables',
      what: `No index begins with the replication key "${key}".`,
      where: stream.id,
      why: 'Each job reads the whole table to find what is new.',
      fix: { kind: 'sql', text: `create index ${concurrently}on ${relationName(relation)} (${identifier(key)});` },
    });
  }
  const nulls = database.nullKeys.find(
    (found) => found.schema === relation.schema && found.table === relation.table && found.column === key,
  );
  const isNullable = table.columns.find(({ name }) => name === key)?.nullable === true;
  if (nulls !== undefined || (isNullable && canIndex)) {
    findings.push({
      severity: nulls === undefined ? 'info' : 'warning',
      code: nulls === undefined ? 'key-nullable' : 'key-nulls',
      area: 'tables',
      what:
        nulls === undefined
          ? `The replication key "${key}" may be NULL.`
          : `The replication key "${key}" is NULL in about ${percent(nulls.share)} of the rows.`,
      where: stream.id,
      why: 'Rows without a key are never read again after the first copy; reports count them.',
      fix: { kind: 'sql', text: `alter table ${relationName(relation)} alter column ${identifier(key)} set not null;` },
    });
  }
  return findings;
}

function logStreams({ facts, streams }: LogDatabase): readonly Finding[] {
  const findings: Finding[] = [];
  const unlogged = streams.filter(({ relation }) => relation.isUnlogged);
  if (unlogged.length > 0) {
    findings.push({
      severity: 'error',
      code: 'table-unlogged',
      area: 'tables',
      what: `${names(unlogged)} is unlogged: none of its changes are in the log.`,
      where: facts.name,
      why: 'It would be copied once and never change again.',
      fix: { kind: 'sql', text: unlogged.map(({ relation }) => `alter table ${relationName(relation)} set logged;`).join('\n') },
    });
  }
  findings.push(
    ...identityFindings(
      facts,
      streams.filter(({ relation }) => !relation.hasIdentity && !relation.isUnlogged),
    ),
  );
  const toasted = streams.filter(
    ({ stream, relation }) => relation.replicaIdentity !== 'full' && stream.columns.some((column) => column.toastable),
  );
  if (toasted.length > 0) {
    findings.push({
      severity: 'info',
      code: 'toast-values-absent',
      area: 'tables',
      what: `Large values of ${names(toasted)} are stored out of line.`,
      where: facts.name,
      why: 'An update that does not touch such a value leaves its column out of the record (absent, not null): a loader has to keep the value that it has.',
      fix: {
        kind: 'sql',
        text: toasted.map(({ relation }) => `alter table ${relationName(relation)} replica identity full;`).join('\n'),
      },
    });
  }
  return findings;
}

/** A table that nobody publishes loses updates and deletes; one whose updates are published takes none any more, from anybody. */
function identityFindings(facts: ReadDatabase, anonymous: readonly Known[]): readonly Finding[] {
  const isRefused = ({ relation }: Known): boolean =>
    facts.publications.some(
      ({ publishes, allTables, tables }) =>
        (publishes.update || publishes.delete) &&
        (allTables ||
          [relation, ...relation.leaves.filter((leaf) => !leaf.hasIdentity)].some((place) =>
            tables.some(({ schema, table }) => schema === place.schema && table === place.table),
          )),
    );
  const refused = anonymous.filter(isRefused);
  const finding = (known: readonly Known[], severity: Finding['severity'], why: string): readonly Finding[] =>
    known.length === 0
      ? []
      : [
          {
            severity,
            code: 'replica-identity-missing',
            area: 'tables',
            what: `There is no usable replica identity on ${names(known)}.`,
            where: facts.name,
            why,
            fix: {
              kind: 'sql',
              text: known
                .flatMap(({ relation }) =>
                  relation.kind === 'partitioned-table' ? relation.leaves.filter((leaf) => !leaf.hasIdentity) : [relation],
                )
                .map((place) => `alter table ${relationName(place)} replica identity full;`)
                .join('\n'),
            },
          },
        ];
  return [
    ...finding(
      refused,
      'error',
      'A publication sends their updates and deletes: PostgreSQL refuses every UPDATE and DELETE on them, and the application fails.',
    ),
    ...finding(
      anonymous.filter((known) => !refused.includes(known)),
      'warning',
      'Their updates and deletes are not in the log: only inserts are replicated.',
    ),
  ];
}

function names(known: readonly Known[]): string {
  return some(known.map(({ relation }) => `${relation.schema}.${relation.table}`));
}

function percent(share: number): string {
  return share < 0.01 ? 'less than 1 %' : `${String(Math.round(share * 100))} %`;
}
