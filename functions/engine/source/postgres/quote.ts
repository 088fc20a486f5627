/** A name as an SQL identifier, always in double quotes. Throws a RangeError for a zero byte, which no PostgreSQL name has. */
export function quoteIdentifier(name: string): string {
  refuseZeroByte(name);
  return `"${name.replaceAll('"', '""')}"`;
}

/** A relation with its schema: `"public"."Weird ""Name"""`. */
export function quoteRelation(relation: { readonly schema: string; readonly table: string }): string {
  return `${quoteIdentifier(relation.schema)}.${quoteIdentifier(relation.table)}`;
}

/**
 * A text as an SQL literal. Only where a parameter is impossible (inside COPY, in SET). Right whatever `standard_conforming_strings` says,
 * as PostgreSQL's own quote_literal(): https://www.postgresql.org/docs/current/functions-string.html
 */
export function quoteLiteral(text: string): string {
  refuseZeroByte(text);
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  // The blank keeps the E apart from a keyword before it.
  return text.includes('\\') ? ` E${quoted}` : quoted;
}

function refuseZeroByte(text: string): void {
  if (text.includes('\0')) throw new RangeError('PostgreSQL text cannot contain a zero byte');
}

/** Texts as the literal of an array of text: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
export function arrayLiteral(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`).join(',')}}`;
}
