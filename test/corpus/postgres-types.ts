import { DATE_AND_TIME_ROWS } from './date-and-time-rows.ts';
import { NESTED_ROWS } from './nested-rows.ts';
import { SCALAR_ROWS } from './scalar-rows.ts';

/** One value and what it must become. JSON is given as text: digits and escapes count. */
export interface CorpusRow {
  /** As `format_type()` spells it. */
  readonly sqlType: string;
  /** A SQL expression. */
  readonly sql: string;
  /** In the default profile, json columns as strings. */
  readonly json: string;
  /** Under `jsonColumns: nested`, where it differs. */
  readonly nested?: string;
  /** In the `stitch` profile, where it differs. */
  readonly stitch?: string;
  /** The first major that has the value, 10 if absent. */
  readonly since?: number;
  /** The last major that prints it so. */
  readonly until?: number;
}

/** Edge values of every type, checked against a live PostgreSQL; add a row before a fix. */
export const CORPUS: readonly CorpusRow[] = [...SCALAR_ROWS, ...DATE_AND_TIME_ROWS, ...NESTED_ROWS];

/** The rows that a major can have. */
export function corpusOf(major: number): readonly CorpusRow[] {
  return CORPUS.filter(({ since, until }) => major >= (since ?? 10) && major <= (until ?? Infinity));
}
