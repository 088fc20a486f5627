import type { CommitTable, Json } from '../ledger/ledger.ts';

/** What a commit says beside its objects, for the loading report. All times ISO 8601. */
export interface CommitFacts {
  readonly startedAt: string;
  readonly extractedAt: string;
  readonly batchedAt: string;
  /** Lowest and highest replication key of the batch, PostgreSQL text. */
  readonly keyRange?: { readonly min: string; readonly max: string };
}

/** Facts as the ledger keeps them. */
export function commitFacts(facts: CommitFacts): CommitTable['facts'] {
  const { keyRange, ...times } = facts;
  return keyRange === undefined ? { ...times } : { ...times, keyRange: { min: keyRange.min, max: keyRange.max } };
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
  };
}

function optional<K extends string>(name: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, string>);
}
