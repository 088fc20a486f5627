/** How a cell of the matrix replicates: what stands above a column. */
export interface Column {
  readonly method: 'FULL_TABLE' | 'INCREMENTAL' | 'LOG_BASED';
  readonly log?: { readonly plugin: 'wal2json' | 'pgoutput'; readonly consume: 'stream' | 'peek' };
  /** `folder`: ledger and sink are folders; `aws`: DynamoDB and S3. */
  readonly store: 'folder' | 'aws';
  readonly major: number;
}

const WAYS: readonly Omit<Column, 'store'>[] = [
  { method: 'FULL_TABLE', major: 18 },
  { method: 'INCREMENTAL', major: 18 },
  { method: 'LOG_BASED', major: 15, log: { plugin: 'wal2json', consume: 'stream' } },
  { method: 'LOG_BASED', major: 15, log: { plugin: 'wal2json', consume: 'peek' } },
  { method: 'LOG_BASED', major: 18, log: { plugin: 'pgoutput', consume: 'stream' } },
  { method: 'LOG_BASED', major: 18, log: { plugin: 'pgoutput', consume: 'peek' } },
];

/** Every method by every decoder, over both kinds of ledger and sink. */
export const COLUMNS: readonly Column[] = WAYS.flatMap((way) =>
  (['folder', 'aws'] as const).map((store): Column => ({ ...way, store })),
);

/** `LOG_BASED, pgoutput by peek, folder`. */
export function columnName({ method, log, store }: Column): string {
  return [method, ...(log === undefined ? [] : [`${log.plugin} by ${log.consume}`]), store].join(', ');
}
