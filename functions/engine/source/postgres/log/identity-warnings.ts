import { ReplicationError } from '../../../model/errors.ts';
import { streamId } from '../../../model/stream.ts';
import type { PublishedTable } from '../../log-session.ts';
import { quoteRelation } from '../quote.ts';
import type { RelationFacts } from './table-facts.ts';

/** A remark about one stream, with the code of its kind. */
export interface StreamWarning {
  readonly stream: string;
  readonly code: 'replica-identity-missing' | 'replica-identity-unsuitable' | 'table-unlogged';
  readonly warning: string;
}

/** Leaves of one table that are named; the others are the same. */
const MOST_LEAVES = 3;

/** What of these tables does not come through the log, and the SQL that makes it. Leaves of partitioned tables are looked at one by one: each has an identity of its own. Pure. */
export function identityWarnings(
  tables: readonly PublishedTable[],
  facts: ReadonlyMap<number, RelationFacts>,
): readonly StreamWarning[] {
  return tables.flatMap(({ table }) => {
    const stream = streamId(table.name);
    const parts = table.storage.length === 0 ? [table] : table.storage;
    const warnings = parts.flatMap(({ oid }) => {
      const relation = facts.get(oid);
      return relation === undefined ? [] : (warningOf(relation, table.primaryKey) ?? []);
    });
    return warnings.slice(0, MOST_LEAVES).map((warning) => ({ stream, ...warning }));
  });
}

function warningOf(facts: RelationFacts, primaryKey: readonly string[]): Omit<StreamWarning, 'stream'> | undefined {
  const relation = quoteRelation(facts);
  if (facts.isUnlogged) return spoken(new ReplicationError('table-unlogged', { relation }));
  if (facts.identity === 'nothing') {
    const sql =
      primaryKey.length > 0
        ? `ALTER TABLE ${relation} REPLICA IDENTITY DEFAULT;`
        : `ALTER TABLE ${relation} ADD PRIMARY KEY (...); or, at the price of whole old rows in the WAL: ALTER TABLE ${relation} REPLICA IDENTITY FULL;`;
    return spoken(new ReplicationError('replica-identity-missing', { relation, sql }));
  }
  if (facts.identity === 'index' && !primaryKey.every((column) => facts.identityColumns.includes(column)))
    return spoken(new ReplicationError('replica-identity-unsuitable', { relation }));
  return undefined;
}

function spoken(error: ReplicationError<StreamWarning['code']>): Omit<StreamWarning, 'stream'> {
  return { code: error.code, warning: `${error.message} ${error.remedy}` };
}
