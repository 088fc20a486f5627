import type { CorpusRow } from './postgres-types.ts';

type Extras = Pick<CorpusRow, 'nested' | 'stitch' | 'since' | 'until'>;

/** A row whose value is written as a literal of its type. */
export function literal(sqlType: string, text: string, json: string, extras: Extras = {}): CorpusRow {
  return { sqlType, sql: quoteLiteral(text), json, ...extras };
}

/** A row whose value is a SQL expression. */
export function expression(sqlType: string, sql: string, json: string, extras: Extras = {}): CorpusRow {
  return { sqlType, sql, json, ...extras };
}

/** A string as a SQL literal, under `standard_conforming_strings`. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
