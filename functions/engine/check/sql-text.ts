/** A name as an SQL identifier, always in double quotes. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A relation with its schema. */
export function relationName({ schema, table }: { readonly schema: string; readonly table: string }): string {
  return `${identifier(schema)}.${identifier(table)}`;
}

/** A text as an SQL literal, right whatever `standard_conforming_strings` says. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? `E${quoted}` : quoted;
}

/** A text between dollar signs, with a tag that does not occur in it. */
export function dollarQuoted(text: string): string {
  let tag = '$backstitch$';
  for (let n = 1; text.includes(tag); n += 1) tag = `$backstitch${String(n)}$`;
  return `${tag}\n${text}\n${tag}`;
}

/** Text for a comment: nothing in it can end the line. */
export function comment(text: string): string {
  return `-- ${text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, '?')}`;
}

/** As pg_dump does it: names of other characters go into a connection string. https://www.postgresql.org/docs/current/app-psql.html */
export function connectTo(database: string): string {
  if (/^[A-Za-z0-9_.]+$/.test(database)) return `\\connect ${database}`;
  const value = database.replaceAll(/['\\]/g, (char) => `\\${char}`);
  return `\\connect -reuse-previous=on ${identifier(`dbname='${value}'`)}`;
}
