import type { QualifiedName } from './config.ts';

/**
 * Reads `table`, `schema.table` or `database.schema.table`. A part that holds a dot or a double quote is put in double quotes as in SQL,
 * with `"` doubled. Unlike SQL, parts without quotes keep their case. Returns undefined for anything else.
 */
export function parseTableName(text: string): QualifiedName | undefined {
  const parts: string[] = [];
  const pattern = /(?:"((?:[^"]|"")+)"|([^."]+))(\.|$)/y;
  let end = false;
  while (!end) {
    const match = pattern.exec(text);
    if (match === null) return undefined;
    const part = match[1] === undefined ? (match[2] ?? '').trim() : match[1].replaceAll('""', '"');
    if (part === '' || part.includes('\0')) return undefined;
    parts.push(part);
    end = match[3] === '';
  }
  const [table, schema, database, ...more] = parts.reverse();
  if (table === undefined || more.length > 0) return undefined;
  if (schema === undefined) return { table };
  return database === undefined ? { schema, table } : { database, schema, table };
}

/** Prints a name so that {@link parseTableName} reads it back. */
export function formatTableName(name: QualifiedName): string {
  const parts = [name.database, name.schema, name.table].filter((part) => part !== undefined);
  return parts.map((part) => (/^[^."\s]+$/.test(part) ? part : `"${part.replaceAll('"', '""')}"`)).join('.');
}
