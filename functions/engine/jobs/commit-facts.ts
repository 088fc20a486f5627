import type { CommitTable, Json } from '../ledger/ledger.ts';

/** What a commit says beside its objects, for the loading report. All times ISO 8601. */
export interface CommitFacts {
  readonly startedAt: string;
  readonly extractedAt: string;
  readonly batchedAt: string;
  /** Lowest and highest replication key of the batch, PostgreSQL text. */
  readonly keyRange?: { readonly min: string; readonly max: string };
  /** Of a batch of the log: changes by kind, and rows that went out without a value that the server did not send. */
  readonly changes?: LogChanges;
}

export interface LogChanges {
  readonly inserts: number;
  readonly updates: number;
  readonly deletes: number;
  readonly partial: number;
}

/** Facts as the ledger keeps them. */
export function commitFacts(facts: CommitFacts): CommitTable['facts'] {
  const { keyRange, changes, ...times } = facts;
  return {
    ...times,
    ...(keyRange === undefined ? {} : { keyRange: { min: keyRange.min, max: keyRange.max } }),
    ...(changes === undefined ? {} : { changes: { ...changes } }),
  };
}

/** Facts of a commit; undefined where an older release wrote none. */
export function factsOf(commit: CommitTable): Partial<CommitFacts> {
  const text = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
  const { startedAt, extractedAt, batchedAt, keyRange } = commit.facts;
  const range = typeof keyRange === 'object' && keyRange !== null && 'min' in keyRange ? keyRange : undefined;
  const [min, max] = [text(range?.min), text(range?.max)];
  return {
    ...optional('startedAt', text(startedAt)),
    ...optional('extractedAt', text(extractedAt)),
    ...optional('batchedAt', text(batchedAt)),
    ...(min === undefined || max === undefined ? {} : { keyRange: { min, max } }),
    ...changesOf(commit.facts['changes']),
  };
}

function changesOf(value: Json | undefined): Pick<Partial<CommitFacts>, 'changes'> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  const count = (name: string): number => {
    const number: unknown = Reflect.get(value, name);
    return typeof number === 'number' ? number : 0;
  };
  return {
    changes: { inserts: count('inserts'), updates: count('updates'), deletes: count('deletes'), partial: count('partial') },
  };
}

function optional<K extends string>(name: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, string>);
}
