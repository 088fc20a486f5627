/**
 * The name of a stream in the destination: lower case, everything but `[a-z0-9_]` replaced by `_` (one for each character), and with the
 * schema `schema__table`. Athena, Spark and Hive leave out names that begin with `_`, and ours begin so (`_reports`): such a name gets a `t`
 * in front, `_queue` becomes `t_queue`. Different tables may get the same name; that is for the selection to refuse.
 */
export function destinationName(options: {
  readonly schema: string;
  readonly table: string;
  readonly withSchema: boolean;
}): string {
  const { schema, table, withSchema } = options;
  const name = withSchema ? `${plain(schema)}__${plain(table)}` : plain(table);
  return name.startsWith('_') ? `t${name}` : name;
}

function plain(part: string): string {
  return part.toLowerCase().replaceAll(/[^a-z0-9_]/gu, '_');
}
