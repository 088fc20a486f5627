import { DuckDBInstance } from '@duckdb/node-api';

/** What to read and ask. */
export interface JsonLinesQuery {
  /** Paths or globs of `.jsonl`, `.jsonl.gz` or `.jsonl.zst` files; there must be at least one file. */
  readonly files: string | readonly string[];
  /** DuckDB types by column name: only these are read. Absent: all columns, inferred from all rows.  */
  readonly columns?: Readonly<Record<string, string>>;
  /** SQL over the view `lines`. */
  readonly sql: string;
}

/** One row as JSON values: 64-bit integers, decimals, dates and timestamps are strings. */
export type DuckRow = Readonly<Record<string, unknown>>;

/** Asks DuckDB about JSON Lines files: an independent reader of what we wrote. Its reader takes JSON numbers as doubles where they have more digits than a 64-bit integer, whatever `columns` says: compare such numbers, and the form of any number, in the text of the lines. */
export async function queryJsonLines(query: JsonLinesQuery): Promise<readonly DuckRow[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    const files = typeof query.files === 'string' ? [query.files] : query.files;
    const columns = Object.entries(query.columns ?? {}).map(([name, type]) => `${literal(name)}: ${literal(type)}`);
    const options = [
      "format = 'newline_delimited'",
      'maximum_object_size = 67108864',
      columns.length > 0 ? `columns = {${columns.join(', ')}}` : 'union_by_name = true, sample_size = -1',
    ];
    await connection.run(
      `create view lines as select * from read_json([${files.map(literal).join(', ')}], ${options.join(', ')})`,
    );
    return (await connection.runAndReadAll(query.sql)).getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
